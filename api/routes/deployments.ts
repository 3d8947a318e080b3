// Deployments: which version answers whom, the gates before it does, every step there and back. Each step has a reason and is an event; what alters
// answers has its barrier in the log.
import { z } from '@hono/zod-openapi';
import {
  ownSettings,
  RULE_NAMES,
  RULES,
  type RuleSettings,
  ruleSettings,
  rulesInForce,
} from '#domain/deployment-rules.ts';
import { approvedOf, STAGES } from '#domain/model.ts';
import { ALIASES, aliasesOf } from '#domain/model-reference.ts';
import type { Deps } from '../deps.ts';
import type { DeploymentAction, DeploymentEvent, DeploymentState, JudgedGate, RefusedStep } from '../model-deps.ts';
import { isoOf } from '../predict/as-of.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import { MeasuredShape, measuredOf } from './comparison-shape.ts';

const Id = z.object({
  id: z
    .string()
    .min(1)
    .max(100)
    .describe(`NAME@VERSION, NAME@ALIAS (${ALIASES.join(', ')}), or NAME: the active version`),
});
const Name = z.object({ model: z.string().min(1).max(100).describe('Of the model, without a version: clv_model') });
const Reason = z.string().trim().min(1).max(500).describe('Kept in the log, in your words; name no customer');
const Because = z.strictObject({ reason: Reason });
const WHY = { 'with a reason': { reason: 'September retraining' } };

const Gate = z.object({
  rule: z.enum(RULE_NAMES),
  says: z.string().describe('What is measured'),
  value: z.number().nullable().describe('null: not known, or not applicable'),
  limit: z.number().nullable().describe('At most so much; null: the rule is off'),
  passed: z.boolean().nullable().describe('null: not known, which does not let it pass'),
  applicable: z.boolean(),
  approved: z.boolean().describe('Somebody has said that it need not be met'),
  why: z.string(),
  what_to_do: z.string().nullable(),
});
const gateOf = ({ rule, value, limit, passed, applicable, approved, why, todo }: JudgedGate) => ({
  rule,
  says: RULES[rule].says,
  value,
  limit,
  passed,
  applicable,
  approved,
  why,
  what_to_do: todo,
});
const isOpen = ({ passed, approved }: JudgedGate): boolean => passed !== true && !approved;

const Step = z.object({
  id: z.string(),
  version: z.number(),
  digest: z.string(),
  stage: z.enum(STAGES),
  percent: z.number().nullable(),
  seq: z
    .number()
    .nullable()
    .describe('Position of the barrier from which answers are as they are now; null: none are others'),
  changed: z.boolean().describe('False: it was so already'),
  gates: z.array(Gate).describe('As they were judged for this step; empty where none stands before it'),
});
const Version = z.object({
  id: z.string(),
  version: z.number(),
  digest: z.string(),
  stage: z.enum(STAGES),
  percent: z.number().nullable(),
  aliases: z.array(z.string()),
  created_at: z.string(),
  deployed_seq: z.number().nullable(),
  approved: z.array(z.string()).describe('Rules that need not be met'),
  taken_back: z.number().describe('How often the program itself took it back'),
});
const Offer = z.object({ cost: z.number(), benefit: z.number() });
const Least = z.object({ minutes: z.number(), scores: z.number() });
const Rules = z.object({
  rules: z.record(
    z.string(),
    z.object({
      says: z.string(),
      default: z.object({ limit: z.number().nullable(), watch: z.number().nullable() }),
      limit: z.number().nullable().describe('Of the gate, at most; null: off'),
      watch: z
        .number()
        .nullable()
        .describe('While it is watched: beyond it the version is taken back; null: not watched'),
    }),
  ),
  offer: Offer,
  least: Least,
  default: z.object({ offer: Offer, least: Least }),
  settings: ruleSettings.describe('What differs from the defaults, as it is kept and as PUT takes it'),
});
function rulesOf(settings: RuleSettings): z.infer<typeof Rules> {
  const { rules, offer, least } = rulesInForce(settings);
  const byDefault = rulesInForce({});
  const shown = RULE_NAMES.map(
    (name) => [name, { says: RULES[name].says, ...rules[name], default: byDefault.rules[name] }] as const,
  );
  return {
    rules: Object.fromEntries(shown),
    offer,
    least,
    default: { offer: byDefault.offer, least: byDefault.least },
    // What an older program has kept besides is left out.
    settings: ownSettings(settings),
  };
}

const Judged = z.object({
  id: z.string(),
  stage: z.enum(STAGES),
  against: z.string().nullable().describe('The active version; null: there is no other'),
  passed: z.boolean().describe('It may answer: every rule is passed, not applicable, or approved'),
  gates: z.array(Gate),
  comparison: MeasuredShape.nullable(),
});

const Deployment = z.object({
  model: z.string(),
  kind: z.string(),
  active: z.string().nullable(),
  canary: z.object({ id: z.string(), percent: z.number() }).nullable(),
  shadow: z.string().nullable(),
  challenger: z.string().nullable(),
  latest: z.string().nullable(),
  aliases: z.record(z.string(), z.string().nullable()),
  versions: z.array(Version),
  rules: Rules,
  watched: z
    .object({ id: z.string(), against: z.string(), until: z.string() })
    .nullable()
    .describe('Taken back by the program itself when it passes what `watch` of a rule allows'),
  comparisons: z.array(MeasuredShape.extend({ stage: z.enum(STAGES), minutes: z.number(), scores: z.number() })),
});
function deploymentOf({ name, model, versions, watched, comparisons }: DeploymentState): z.infer<typeof Deployment> {
  const idOf = (version: number | null) => (version === null ? null : `${name}@${version}`);
  const aliases = aliasesOf(model);
  return {
    model: name,
    kind: versions[0]?.kind ?? '',
    active: idOf(model.deployed),
    canary: model.canary && { id: `${name}@${model.canary.version}`, percent: model.canary.percent },
    shadow: idOf(model.shadow),
    challenger: idOf(aliases.challenger),
    latest: idOf(aliases.latest),
    aliases: Object.fromEntries(ALIASES.map((alias) => [alias, idOf(aliases[alias])])),
    versions: versions.map(({ createdAt, deployedSeq, aliases: own, kind: _, inForce: __, ...version }) => ({
      ...version,
      aliases: [...own],
      created_at: isoOf(createdAt),
      deployed_seq: deployedSeq,
      approved: approvedOf(model, version.version),
      taken_back: model.versions[version.version - 1]!.tripped,
    })),
    rules: rulesOf(model.rules),
    watched: watched && { ...watched, until: isoOf(watched.until) },
    comparisons: comparisons.map(({ stage, minutes, scores, ...each }) => ({
      ...measuredOf(each),
      stage,
      minutes,
      scores,
    })),
  };
}

const Happened = z.object({
  at: z.string(),
  by: z.string(),
  event: z.string(),
  id: z.string().nullable(),
  from: z
    .string()
    .nullable()
    .describe('Of a rollback: the version that answered before it. Of a withdrawal: its stage'),
  percent: z.number().nullable(),
  reason: z.string().nullable(),
  automatic: z.boolean().describe('The program itself, by what is watched'),
  rules: z.array(z.string()).nullable().describe('That were approved'),
  gates: z.array(
    z.object({
      rule: z.string(),
      value: z.number().nullable(),
      limit: z.number().nullable(),
      passed: z.boolean().nullable(),
    }),
  ),
  seq: z.number().nullable().describe('Of its barrier in the log; null: it altered no answer'),
});
function happenedOf(name: string, { event, at, by, seq }: DeploymentEvent): z.infer<typeof Happened> {
  const data = event.data as {
    version?: number | null;
    from?: number | string;
    percent?: number;
    reason?: string | null;
    automatic?: boolean;
    rules?: unknown;
    gates?: z.infer<typeof Happened>['gates'];
  };
  return {
    at: isoOf(at),
    by,
    event: event.type,
    id: typeof data.version === 'number' ? `${name}@${data.version}` : null,
    from: typeof data.from === 'number' ? `${name}@${data.from}` : (data.from ?? null),
    percent: data.percent ?? null,
    reason: data.reason ?? null,
    automatic: data.automatic ?? false,
    rules: event.type === 'model.approved' ? [...event.data.rules] : null,
    gates: data.gates ?? [],
    seq,
  };
}

/** A step that was not taken, as a problem: what stands in the way, and what to do. */
export function refusedStep({ code, message, gates }: RefusedStep): Problem {
  if (code === 'not-found' || code === 'version-unknown') return new Problem('not-found', message);
  if (code === 'gates-not-passed') return new Problem(code, message, { extra: { gates: gates.map(gateOf) } });
  if (code === 'bad-percent')
    return new Problem('bad-field', message, { fields: [{ pointer: '/percent', detail: message }] });
  return new Problem('conflict', message, { extra: { refused: code } });
}

export function deploymentRoutes({ deployments }: Pick<Deps, 'deployments'>) {
  const router = createRouter();
  async function take(id: string, action: DeploymentAction, by: string) {
    const done = await deployments.act(id, action, by);
    if (!done.ok) throw refusedStep(done.reason);
    return done.value;
  }
  const stepOf = ({ gates, approved: _, ...step }: Awaited<ReturnType<typeof take>>): z.infer<typeof Step> => ({
    ...step,
    gates: gates.map(gateOf),
  });
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

  const named = async (name: string): Promise<DeploymentState> => {
    const all = await deployments.list();
    const found = all.find((each) => each.name === name);
    if (found) return found;
    const names = all.map((each) => each.name).join(', ');
    throw new Problem('not-found', `there is no model ${name}; there ${names === '' ? 'is none yet' : `are ${names}`}`);
  };

  return router
    .openapi(
      route({
        method: 'get',
        path: '/api/deployments',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'Every model: who answers, what is tried beside it, its rules',
        responses: { 200: jsonAnswer('Deployments', z.object({ items: z.array(Deployment) })) },
      }),
      async (c) => c.json({ items: (await deployments.list()).map(deploymentOf) }, 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/deployments/{model}',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'One model with everything that has happened to it, newest first',
        request: { params: Name },
        responses: { 200: jsonAnswer('The deployment', Deployment.extend({ history: z.array(Happened) })) },
      }),
      async (c) => {
        const { model } = c.req.valid('param');
        const found = await named(model);
        const history = (await deployments.history(model)) ?? [];
        return c.json({ ...deploymentOf(found), history: history.map((each) => happenedOf(model, each)) }, 200);
      },
    )
    .openapi(
      route({
        method: 'put',
        path: '/api/deployments/{model}/rules',
        permission: 'model:approve',
        tags: ['deployments'],
        summary: 'What differs from the rules’ defaults for this model; what is left out is as by default',
        request: {
          params: Name,
          ...jsonBody(ruleSettings.extend({ reason: Reason }), {
            'a stricter shift, an offer, an hour in shadow': {
              rules: { 'score-shift': { limit: 0.25, watch: 1 } },
              offer: { cost: 5, benefit: 60 },
              least: { minutes: 60, scores: 1000 },
              reason: 'asked for by finance',
            },
            'as by default': { reason: 'back to the defaults' },
          }),
        },
        responses: { 200: jsonAnswer('In force from now on', Rules) },
      }),
      async (c) => {
        const { reason, ...rules } = c.req.valid('json');
        const set = await deployments.setRules(c.req.valid('param').model, rules, reason, c.var.principal.id);
        if (!set.ok) throw refusedStep(set.reason);
        return c.json(rulesOf(set.value), 200);
      },
    )
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
