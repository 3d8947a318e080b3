// What churn means here, what classifiers may know, and training them from the log.
import { z } from '@hono/zod-openapi';
import {
  CHURN_KINDS,
  type ChurnDefinition,
  churnDefinitionSchema,
  DEFAULT_CHURN,
  DEFAULT_CONTRACTUAL,
} from '#domain/churn-definition.ts';
import { FEATURE_SET, FEATURES } from '#domain/churn-features.ts';
import { CHURN_MODELS } from '#domain/models/churn-model.ts';
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
const Free = z.record(z.string(), z.unknown());

export function churnRoutes(deps: Deps, predictions: Predictions) {
  const inForce = (): ChurnDefinition[] => predictions.definitionsAt(predictions.now().seq);
  const definitionOf = (kind: ChurnDefinition['kind']): ChurnDefinition =>
    inForce().find((each) => each.kind === kind) ?? (kind === 'contractual' ? DEFAULT_CONTRACTUAL : DEFAULT_CHURN);

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
          { ...FEATURE_SET, features: FEATURES.map(({ of: _, range, ...rest }) => ({ ...rest, range: [...range] })) },
          200,
        ),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/train',
        permission: 'model:write',
        tags: ['churn'],
        summary: 'Train a churn model from the log, on rows as they were known at past cut-offs',
        request: jsonBody(
          z.strictObject({
            kind: z.enum(CHURN_MODELS),
            definition: z.enum(CHURN_KINDS).optional().describe('contractual for churn-cox; else non-contractual'),
            cutoffs: z.int().min(1).max(12).default(4).describe('At most so many, one horizon apart'),
            lateness_days: z.int().min(0).max(90).optional().describe('7 with live input, else 0'),
            deploy: z.boolean().default(false),
          }),
          {
            'a classifier of purchases': { kind: 'churn-logistic' },
            'of subscriptions, and in force': { kind: 'churn-logistic', definition: 'contractual', deploy: true },
          },
        ),
        responses: { 200: jsonAnswer('The model with its metrics, or ok: false and why', Free) },
      }),
      async (c) => {
        const { kind, definition, cutoffs, lateness_days, deploy } = c.req.valid('json');
        if (deploy && !c.var.principal.permissions.has('model:deploy'))
          throw new Problem('forbidden', 'this role may train but not deploy; leave deploy out');
        const request = {
          estimator: kind,
          definition: definitionOf(definition ?? (kind === 'churn-cox' ? 'contractual' : 'non-contractual')),
          cutoffs,
          latenessDays: lateness_days ?? null,
          deploy,
          by: c.var.principal.id,
        };
        return c.json(await deps.churn.train(request), 200);
      },
    );
}
