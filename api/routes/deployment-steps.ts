// Steps of a version on its way to answering and back, and the gates before them. Each step has a reason and is an event; what alters answers has its
// barrier in the log.
import { z } from '@hono/zod-openapi';
import { RULE_NAMES, type RuleSettings, ruleSettings } from '#domain/deployment-rules.ts';
import { ALIASES } from '#domain/model-reference.ts';
import type { Deps } from '../deps.ts';
import type { DeploymentAction } from '../model-deps.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import { measuredOf } from './comparison-shape.ts';
import { Because, gateOf, isOpen, Judged, Reason, refusedStep, Step, stepOf } from './deployment-shapes.ts';

const Id = z.object({
  id: z
    .string()
    .min(1)
    .max(100)
    .describe(`NAME@VERSION, NAME@ALIAS (${ALIASES.join(', ')}), or NAME: the active version`),
});
const WHY = { 'with a reason': { reason: 'September retraining' } };

export function deploymentStepRoutes({ deployments }: Pick<Deps, 'deployments'>) {
  async function take(id: string, action: DeploymentAction, by: string) {
    const done = await deployments.act(id, action, by);
    if (!done.ok) throw refusedStep(done.reason);
    return done.value;
  }
  const answers = { 200: jsonAnswer('The version as it stands now', Step) };
  async function judged(reference: string, settings?: RuleSettings): Promise<z.infer<typeof Judged>> {
    const found = await deployments.gates(reference, settings);
    if (!found.ok) throw refusedStep(found.reason);
    const { id, stage, gates, measured } = found.value;
    return {
      id,
      stage,
      against: measured?.against ?? null,
      passed: !gates.some(isOpen),
      gates: gates.map(gateOf),
      comparison: measured && measuredOf(measured),
    };
  }

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}/gates',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'Judge a version now: every rule with its value, its limit, why, and what to do',
        request: { params: Id },
        responses: { 200: jsonAnswer('The gates', Judged) },
      }),
      async (c) => c.json(await judged(c.req.valid('param').id), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/gates',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'Judge a version now by other rules than those in force; nothing is set',
        request: {
          params: Id,
          ...jsonBody(ruleSettings, {
            'what a stricter shift would say': { rules: { 'score-shift': { limit: 0.1 } } },
          }),
        },
        responses: { 200: jsonAnswer('The gates', Judged) },
      }),
      async (c) => c.json(await judged(c.req.valid('param').id, c.req.valid('json')), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/shadow',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Score a version beside the active one; it answers nobody',
        request: { params: Id, ...jsonBody(Because, WHY) },
        responses: answers,
      }),
      async (c) => {
        const { reason } = c.req.valid('json');
        return c.json(stepOf(await take(c.req.valid('param').id, { type: 'shadow', reason }, c.var.principal.id)), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/canary',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Let a version answer some percent of the customers, always the same ones; more only adds to them',
        request: {
          params: Id,
          ...jsonBody(z.strictObject({ percent: z.number().gt(0).lt(100), reason: Reason }), {
            'one in ten': { percent: 10, reason: 'September retraining' },
          }),
        },
        responses: answers,
      }),
      async (c) => {
        const asked = { type: 'canary', ...c.req.valid('json') } as const;
        return c.json(stepOf(await take(c.req.valid('param').id, asked, c.var.principal.id)), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/promote',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Let a version answer everybody, when its gates let it; the same as deploy, with a reason',
        request: { params: Id, ...jsonBody(Because, WHY) },
        responses: {
          200: jsonAnswer(
            'In force',
            z.object({ id: z.string(), version: z.number(), digest: z.string(), seq: z.number() }),
          ),
        },
      }),
      async (c) => {
        const { reason } = c.req.valid('json');
        const done = await deployments.deploy(c.req.valid('param').id, c.var.principal.id, { reason });
        if (!done.ok) throw refusedStep(done.reason);
        return c.json(done.value, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/withdraw',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Take a version out of shadow or canary',
        request: { params: Id, ...jsonBody(Because, WHY) },
        responses: answers,
      }),
      async (c) => {
        const { reason } = c.req.valid('json');
        const asked = { type: 'withdraw', reason } as const;
        return c.json(stepOf(await take(c.req.valid('param').id, asked, c.var.principal.id)), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/rollback',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Back: a canary ends, else what was active before answers again, bit for bit as it did',
        request: {
          params: Id,
          ...jsonBody(z.strictObject({ to: z.string().min(1).max(100).optional(), reason: Reason }), {
            'to what was before': { reason: 'complaints about the scores' },
            'to a version': { to: 'clv_model@1', reason: 'complaints about the scores' },
          }),
        },
        responses: answers,
      }),
      async (c) => {
        const { to = null, reason } = c.req.valid('json');
        const asked = { type: 'rollback', to, reason } as const;
        return c.json(stepOf(await take(c.req.valid('param').id, asked, c.var.principal.id)), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/approve',
        permission: 'model:approve',
        tags: ['deployments'],
        summary: 'Say that rules which are not passed need not be; all of them when none is named',
        request: {
          params: Id,
          ...jsonBody(z.strictObject({ rules: z.array(z.enum(RULE_NAMES)).min(1).optional(), reason: Reason }), {
            'all that is open': { reason: 'the shift is the new price list' },
            'one rule': { rules: ['score-shift'], reason: 'the shift is the new price list' },
          }),
        },
        responses: { 200: jsonAnswer('Approved', Step.extend({ approved: z.array(z.string()) })) },
      }),
      async (c) => {
        const { rules = null, reason } = c.req.valid('json');
        const done = await take(c.req.valid('param').id, { type: 'approve', rules, reason }, c.var.principal.id);
        return c.json({ ...stepOf(done), approved: [...done.approved] }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/challenger',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Call a version the challenger; without one it is the canary',
        request: { params: Id, ...jsonBody(Because, WHY) },
        responses: answers,
      }),
      async (c) => {
        const { reason } = c.req.valid('json');
        const asked = { type: 'challenger', reason } as const;
        return c.json(stepOf(await take(c.req.valid('param').id, asked, c.var.principal.id)), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/retire',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'Retire a version: it is kept, and cannot answer any more',
        request: { params: Id, ...jsonBody(Because, WHY) },
        responses: answers,
      }),
      async (c) => {
        const { reason } = c.req.valid('json');
        const asked = { type: 'retire', reason } as const;
        return c.json(stepOf(await take(c.req.valid('param').id, asked, c.var.principal.id)), 200);
      },
    );
}
