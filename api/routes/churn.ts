// What churn means here, and what classifiers may know.
import { z } from '@hono/zod-openapi';
import { CHURN_KINDS, type ChurnDefinition, churnDefinitionSchema, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { FEATURE_SET, FEATURES } from '#domain/churn-features.ts';
import type { Deps } from '../deps.ts';
import type { Predictions } from '../predict/service.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const { horizonDays, graceDays, activeWithinDays } = churnDefinitionSchema.shape;
const Definition = z.object({
  kind: z.enum(CHURN_KINDS),
  horizon_days: z.number(),
  grace_days: z.number(),
  active_within_days: z.number().nullable(),
});
const shown = (definition: ChurnDefinition): z.infer<typeof Definition> => ({
  kind: definition.kind,
  horizon_days: definition.horizonDays,
  grace_days: definition.graceDays,
  active_within_days: definition.activeWithinDays,
});
const WHY: Readonly<Record<string, string>> = {
  'grace-without-contract': 'grace_days belongs to contracts: without one there is no end that could be taken back',
  'activity-with-contract':
    'active_within_days belongs to purchases: under contract the subscription itself says who is active',
};

export function churnRoutes(deps: Deps, predictions: Predictions) {
  const inForce = (): ChurnDefinition[] => predictions.definitionsAt(predictions.now().seq);

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/churn-definitions',
        permission: 'model:read',
        tags: ['churn'],
        summary: 'What churn means here; without a contractual definition subscribers are judged like everybody else',
        responses: { 200: jsonAnswer('Definitions in force', z.object({ items: z.array(Definition) })) },
      }),
      async (c) => {
        const items = inForce();
        if (!items.some(({ kind }) => kind === 'non-contractual')) items.unshift(DEFAULT_CHURN);
        return c.json({ items: items.map(shown) }, 200);
      },
    )
    .openapi(
      route({
        method: 'put',
        path: '/api/churn-definitions/{kind}',
        permission: 'model:write',
        tags: ['churn'],
        summary:
          'Say what churn means for one kind of business, from now on; models trained for another horizon go on answering theirs',
        request: {
          params: z.object({ kind: z.enum(CHURN_KINDS) }),
          ...jsonBody(
            z.strictObject({
              horizon_days: horizonDays,
              grace_days: graceDays.optional(),
              active_within_days: activeWithinDays.optional(),
            }),
            {
              '60 days without a purchase': { horizon_days: 60, active_within_days: 365 },
              'a contract given up for a week': { horizon_days: 30, grace_days: 7 },
            },
          ),
        },
        responses: { 200: jsonAnswer('In force', Definition.extend({ seq: z.number() })) },
      }),
      async (c) => {
        const { kind } = c.req.valid('param');
        const body = c.req.valid('json');
        const definition: ChurnDefinition = {
          kind,
          horizonDays: body.horizon_days,
          graceDays: body.grace_days ?? 0,
          activeWithinDays: body.active_within_days ?? null,
        };
        const defined = await deps.churn.define(definition, c.var.principal.id);
        if (!defined.ok) throw new Problem('bad-field', WHY[defined.reason] ?? defined.reason);
        return c.json({ ...shown(definition), seq: defined.value.seq }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/churn/features',
        permission: 'model:read',
        tags: ['churn'],
        summary: 'What a classifier may know of a customer on a day; attributes follow as attribute:NAME',
        responses: {
          200: jsonAnswer(
            'The catalogue',
            z.object({
              name: z.string(),
              version: z.number(),
              features: z.array(
                z.object({
                  name: z.string(),
                  dtype: z.enum(['number', 'text']),
                  unit: z.string(),
                  range: z.array(z.number().nullable()),
                  docs: z.string(),
                }),
              ),
            }),
          ),
        },
      }),
      async (c) =>
        c.json(
          {
            ...FEATURE_SET,
            features: FEATURES.map(({ name, dtype, unit, range, docs }) => ({
              name,
              dtype,
              unit,
              range: [...range],
              docs,
            })),
          },
          200,
        ),
    );
}
