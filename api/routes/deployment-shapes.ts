// Deployments as the API tells them: versions with their stages, gates as they were judged, rules with what differs from the defaults, what has happened.
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
import type { DeploymentEvent, DeploymentState, DeploymentStep, JudgedGate, RefusedStep } from '../model-deps.ts';
import { isoOf } from '../predict/as-of.ts';
import { Problem } from '../problem.ts';
import { MeasuredShape, measuredOf } from './comparison-shape.ts';

export const Reason = z
  .string({ error: 'say why: a text of 1 to 500 characters' })
  .trim()
  .min(1, 'say why: a text of 1 to 500 characters')
  .max(500, 'say why in at most 500 characters')
  .describe('Kept in the log, in your words; name no customer');
export const Because = z.strictObject({ reason: Reason });

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
export const gateOf = ({ rule, value, limit, passed, applicable, approved, why, todo }: JudgedGate) => ({
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
export const isOpen = ({ passed, approved }: JudgedGate): boolean => passed !== true && !approved;

export const Step = z.object({
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
export const stepOf = ({ gates, approved: _, ...step }: DeploymentStep): z.infer<typeof Step> => ({
  ...step,
  gates: gates.map(gateOf),
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
export const Rules = z.object({
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
export function rulesOf(settings: RuleSettings): z.infer<typeof Rules> {
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

export const Judged = z.object({
  id: z.string(),
  stage: z.enum(STAGES),
  against: z.string().nullable().describe('The active version; null: there is no other'),
  passed: z.boolean().describe('It may answer: every rule is passed, not applicable, or approved'),
  gates: z.array(Gate),
  comparison: MeasuredShape.nullable(),
});

export const Deployment = z.object({
  model: z.string(),
  kind: z.string(),
  active: z.string().nullable(),
  canary: z.object({ id: z.string(), percent: z.number() }).nullable(),
  shadow: z.string().nullable(),
  challenger: z.string().nullable().describe('Named by hand, else the canary'),
  challenger_by_hand: z.boolean(),
  latest: z.string().nullable(),
  aliases: z.record(z.string(), z.string().nullable()),
  versions: z.array(Version),
  rules: Rules,
  watched: z
    .object({ id: z.string(), against: z.string(), until: z.string() })
    .nullable()
    .describe('Taken back by the program itself when it passes what `watch` of a rule allows'),
  comparisons: z.array(MeasuredShape.extend({ stage: z.enum(STAGES), minutes: z.number(), scores: z.number() })),
  unscored: z
    .array(z.object({ id: z.string(), against: z.string(), why: z.string() }))
    .describe('Of those in shadow, canary and watched: which could not be scored when last looked at, and why'),
});
export function deploymentOf({
  name,
  model,
  versions,
  watched,
  comparisons,
  unscored,
}: DeploymentState): z.infer<typeof Deployment> {
  const idOf = (version: number | null) => (version === null ? null : `${name}@${version}`);
  const aliases = aliasesOf(model);
  return {
    model: name,
    kind: versions[0]?.kind ?? '',
    active: idOf(model.deployed),
    canary: model.canary && { id: `${name}@${model.canary.version}`, percent: model.canary.percent },
    shadow: idOf(model.shadow),
    challenger: idOf(aliases.challenger),
    challenger_by_hand: model.challenger !== null,
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
    unscored: unscored.map((each) => ({ ...each })),
  };
}

export const Happened = z.object({
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
export function happenedOf(name: string, { event, at, by, seq }: DeploymentEvent): z.infer<typeof Happened> {
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
