// A model of the registry: its versions, which of them answers whom, and how it came to that: registered → shadow (scored beside, answers nobody) →
// canary (answers some percent of the customers) → active (answers everybody) → retired. A version is named by the digest of its artefact, so
// registering the same artefact again is nothing new. Whatever changes answers is also a barrier in the customers' order (Facts `model.deployed` and
// `model.canaried`).
import { z } from 'zod';
import type { Decider, EventOf } from './decider.ts';
import {
  type GateResult,
  gateVerdict,
  ownSettings,
  RULES,
  type RuleName,
  type RuleSettings,
  ruleName,
  ruleSettings,
} from './deployment-rules.ts';
import { ok, type Result, refuse } from './result.ts';

const version = z.int().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** In the words of whoever did it; of the program where it acts by itself. */
const reason = z.string().min(1).max(500);
/** Open interval: everybody is a deployment, nobody a withdrawal. */
const percent = z.number().gt(0).lt(100);
const registered = z.object({
  version,
  /** 'clv', 'bg-nbd', 'mbg-nbd', 'gamma-gamma' …; one model keeps one kind. */
  kind: z.string().min(1),
  /** SHA-256 of the artefact, hex: also its name in the artefact store. */
  digest,
  /** The artefact's parameters, as its file has them. */
  params: z.record(z.string(), z.json()),
  /** What it was fitted on: the log as it stood at `seq`, customers' days `fromDay` … `toDay`. null: imported from outside. */
  window: z.object({ seq: z.int(), at: z.number(), fromDay: z.int().nullable(), toDay: z.int().nullable() }).nullable(),
  metrics: z.record(z.string(), z.number().nullable()),
});
const named = { version, kind: z.string(), digest: z.string() };
/** On what grounds: every rule as it was judged then. */
const gates = z.array(gateVerdict);

export const events = {
  'model.registered': { version: 1, data: registered },
  'model.shadowed': { version: 1, data: z.object({ version, reason }) },
  /** From the barrier with this event's CTL sequence on, this version answers that share of the customers; also a change of the share. */
  'model.canaried': { version: 1, data: z.object({ ...named, percent, reason, gates }) },
  /** Out of shadow or canary, back among the registered. Of a canary with a barrier, as `model.canaried` with 0 percent. */
  'model.withdrawn': {
    version: 1,
    data: z.object({ ...named, from: z.enum(['shadow', 'canary']), reason, automatic: z.boolean(), gates }),
  },
  /** From the barrier with this event's CTL sequence on, this version answers. */
  'model.deployed': {
    version: 2,
    data: z.object({ ...named, reason: reason.nullable(), gates }),
    upcast: (data: unknown) => ({ ...(data as object), reason: null, gates: [] }),
  },
  /** An earlier active version answers again; with the same barrier as a deployment. */
  'model.rolled-back': {
    version: 1,
    data: z.object({ ...named, from: version, reason, automatic: z.boolean(), gates }),
  },
  /** These rules do not keep the version from answering although they are not met. */
  'model.approved': { version: 1, data: z.object({ version, rules: z.array(ruleName).min(1), reason }) },
  /** What differs from the rules' defaults from now on. */
  'model.rules-set': { version: 1, data: z.object({ rules: ruleSettings, reason }) },
  'model.challenger-named': { version: 1, data: z.object({ version: version.nullable(), reason }) },
  'model.retired': {
    version: 2,
    data: z.object({ version, reason: reason.nullable() }),
    upcast: (data: unknown) => ({ ...(data as object), reason: null }),
  },
} as const;

export type ModelEvent = EventOf<typeof events>;
export type ModelVersion = z.infer<typeof registered> & {
  retired: boolean;
  /** Rules that somebody has said need not be met, and the version that was active then (`approvedOf`). */
  approvals: readonly { rule: RuleName; against: number | null }[];
  /** How often the program itself took it back. */
  tripped: number;
};
export interface Model {
  /** Version 1 first. */
  versions: readonly ModelVersion[];
  deployed: number | null;
  canary: { version: number; percent: number } | null;
  shadow: number | null;
  /** By hand; a canary is the challenger without it. */
  challenger: number | null;
  /** Versions that were active before the one that is, oldest first. */
  past: readonly number[];
  rules: RuleSettings;
}

export const STAGES = ['registered', 'shadow', 'canary', 'active', 'retired'] as const;
export type Stage = (typeof STAGES)[number];

type Because = { version: number; reason: string };
/** What its gates were judged on. Where that is no longer so, they say nothing. */
export type JudgedOn = { deployed: number | null; stage: Stage };
type Judged = { gates: readonly GateResult[]; judgedOn: JudgedOn };
export type ModelCommand =
  | { type: 'RegisterModel'; model: Omit<z.infer<typeof registered>, 'version'> }
  | ({ type: 'ShadowModel' } & Because)
  | ({ type: 'CanaryModel'; percent: number } & Judged & Because)
  /** @param from only while it is there; left out: wherever it is. */
  | ({ type: 'WithdrawModel'; from?: 'canary'; automatic?: boolean; gates?: readonly GateResult[] } & Because)
  /** @param automatic nobody looks on: another version's canary is not ended by it. */
  | ({ type: 'DeployModel'; version: number; reason: string | null; automatic?: boolean } & Judged)
  /** @param from only while this one answers; null: whichever does. @param to null: what answered before. */
  | {
      type: 'RollbackModel';
      from: number | null;
      to: number | null;
      reason: string;
      automatic?: boolean;
      gates?: readonly GateResult[];
    }
  | ({ type: 'ApproveModel'; rules: readonly RuleName[]; judgedOn: JudgedOn } & Because)
  | { type: 'SetRules'; rules: RuleSettings; reason: string }
  | { type: 'NameChallenger'; version: number | null; reason: string }
  | { type: 'RetireModel'; version: number; reason: string | null };

export type ModelReason =
  | 'other-kind'
  | 'version-unknown'
  | 'version-retired'
  | 'version-deployed'
  | 'version-canary'
  | 'other-canary'
  | 'no-active'
  | 'bad-percent'
  | 'never-active'
  | 'nothing-before'
  | 'nothing-to-approve'
  | 'gates-not-passed'
  | 'judged-otherwise';

export function stageOf({ deployed, canary, shadow, versions }: Model, version: number): Stage {
  if (deployed === version) return 'active';
  if (canary?.version === version) return 'canary';
  if (shadow === version) return 'shadow';
  return versions[version - 1]?.retired ? 'retired' : 'registered';
}

/** Rules that need not be met. One that holds it against the active version was approved against that version, and against no other. */
export const approvedOf = ({ versions, deployed }: Model, version: number): RuleName[] =>
  (versions[version - 1]?.approvals ?? [])
    .filter(({ rule, against }) => !RULES[rule].needsActive || against === deployed)
    .map(({ rule }) => rule);

/** Rules that keep the version from answering: not met, or unknown, and not approved. */
export const blocking = (gates: readonly GateResult[], approved: readonly RuleName[]): GateResult[] =>
  gates.filter(({ rule, passed }) => passed !== true && !approved.includes(rule));

const change = (state: Model, version: number, by: (version: ModelVersion) => Partial<ModelVersion>): Model => ({
  ...state,
  versions: state.versions.map((each) => (each.version === version ? { ...each, ...by(each) } : each)),
});
/** What it was let through for has shown itself: whoever lets it through again says so anew. */
const tripped = (state: Model, version: number, automatic: boolean): Model =>
  automatic ? change(state, version, (each) => ({ tripped: each.tripped + 1, approvals: [] })) : state;
/** A version has one stage: whatever it was beside being active is over. */
const activate = (state: Model, version: number, past: readonly number[]): Model => ({
  ...state,
  deployed: version,
  past,
  canary: null,
  shadow: state.shadow === version ? null : state.shadow,
  challenger: state.challenger === version ? null : state.challenger,
});

function evolve(state: Model, event: ModelEvent): Model {
  switch (event.type) {
    case 'model.registered':
      return {
        ...state,
        versions: [...state.versions, { ...event.data, retired: false, approvals: [], tripped: 0 }],
      };
    case 'model.shadowed':
      return { ...state, shadow: event.data.version };
    case 'model.canaried': {
      const { version, percent } = event.data;
      return { ...state, canary: { version, percent }, shadow: state.shadow === version ? null : state.shadow };
    }
    case 'model.withdrawn': {
      const { version, from, automatic } = event.data;
      return tripped({ ...state, [from]: null }, version, automatic);
    }
    case 'model.deployed': {
      const { version } = event.data;
      return activate(state, version, state.deployed === null ? [] : [...state.past, state.deployed]);
    }
    case 'model.rolled-back': {
      const { version, from, automatic } = event.data;
      return tripped(activate(state, version, state.past.slice(0, state.past.lastIndexOf(version))), from, automatic);
    }
    case 'model.approved': {
      const { version, rules } = event.data;
      return change(state, version, ({ approvals }) => ({
        approvals: [
          ...approvals.filter(({ rule }) => !rules.includes(rule)),
          ...rules.map((rule) => ({ rule, against: state.deployed })),
        ],
      }));
    }
    case 'model.rules-set':
      return { ...state, rules: event.data.rules };
    case 'model.challenger-named':
      return { ...state, challenger: event.data.version };
    case 'model.retired': {
      const { version } = event.data;
      const left = change(state, version, () => ({ retired: true }));
      return {
        ...left,
        shadow: state.shadow === version ? null : state.shadow,
        challenger: state.challenger === version ? null : state.challenger,
      };
    }
  }
}

/** As the log keeps them: what was judged, without the words. */
const kept = (results: readonly GateResult[] = []) =>
  results.map(({ rule, value, limit, passed }) => ({ rule, value, limit, passed }));

/** Why a step to more customers is not taken; null: nothing speaks against it. A step without any gate was not judged as one forward. */
function withheld(
  { gates, judgedOn }: Judged,
  state: Model,
  version: number,
): 'gates-not-passed' | 'judged-otherwise' | null {
  const { deployed, stage } = judgedOn;
  if (deployed !== state.deployed || stage !== stageOf(state, version) || gates.length === 0) return 'judged-otherwise';
  return blocking(gates, approvedOf(state, version)).length > 0 ? 'gates-not-passed' : null;
}

const NOT_REGISTERED = { active: 'version-deployed', canary: 'version-canary', retired: 'version-retired' } as const;

function decide(command: ModelCommand, state: Model): Result<ModelEvent[], ModelReason> {
  switch (command.type) {
    case 'RegisterModel': {
      const { model } = command;
      // One that was retired and comes again is a version of its own.
      if (
        state.versions.some(({ digest, kind, retired }) => digest === model.digest && kind === model.kind && !retired)
      )
        return ok([]);
      if (state.versions.some((each) => each.kind !== model.kind)) return refuse('other-kind');
      return ok([{ type: 'model.registered', data: { ...model, version: state.versions.length + 1 } }]);
    }
    case 'RollbackModel':
      return rollBack(command, state);
    case 'SetRules': {
      const { reason } = command;
      const rules = ownSettings(command.rules);
      return JSON.stringify(rules) === JSON.stringify(state.rules)
        ? ok([])
        : ok([{ type: 'model.rules-set', data: { rules, reason } }]);
    }
    case 'NameChallenger':
      if (command.version === null)
        return state.challenger === null
          ? ok([])
          : ok([{ type: 'model.challenger-named', data: { version: null, reason: command.reason } }]);
      break;
  }
  const version = command.version!;
  const own = state.versions[version - 1];
  if (!own) return refuse('version-unknown');
  const stage = stageOf(state, version);
  const { kind, digest } = own;
  switch (command.type) {
    case 'ShadowModel':
      if (stage === 'shadow') return ok([]);
      if (stage !== 'registered') return refuse(NOT_REGISTERED[stage]);
      if (state.deployed === null) return refuse('no-active');
      return ok([{ type: 'model.shadowed', data: { version, reason: command.reason } }]);
    case 'CanaryModel': {
      const { percent, reason } = command;
      if (!(percent > 0 && percent < 100)) return refuse('bad-percent');
      if (stage === 'active') return refuse('version-deployed');
      if (stage === 'retired') return refuse('version-retired');
      if (state.deployed === null) return refuse('no-active');
      if (state.canary && state.canary.version !== version) return refuse('other-canary');
      if (state.canary?.percent === percent) return ok([]);
      // Fewer customers than now is a step back, for which nothing need be met.
      const forward = state.canary === null || percent > state.canary.percent;
      const why = forward ? withheld(command, state, version) : null;
      if (why !== null) return refuse(why);
      return ok([
        { type: 'model.canaried', data: { version, kind, digest, percent, reason, gates: kept(command.gates) } },
      ]);
    }
    case 'WithdrawModel': {
      const { reason, automatic = false } = command;
      if (stage !== 'shadow' && stage !== 'canary') return ok([]);
      if (command.from !== undefined && command.from !== stage) return ok([]);
      const data = { version, kind, digest, from: stage, reason, automatic, gates: kept(command.gates) };
      return ok([{ type: 'model.withdrawn', data }]);
    }
    case 'DeployModel': {
      if (stage === 'retired') return refuse('version-retired');
      if (stage === 'active') return ok([]);
      if (command.automatic && state.canary && stage !== 'canary') return refuse('other-canary');
      const why = withheld(command, state, version);
      if (why !== null) return refuse(why);
      const { reason } = command;
      return ok([{ type: 'model.deployed', data: { version, kind, digest, reason, gates: kept(command.gates) } }]);
    }
    case 'ApproveModel': {
      const approved = approvedOf(state, version);
      const rules = command.rules.filter((rule) => !approved.includes(rule));
      if (command.rules.length === 0) return refuse('nothing-to-approve');
      if (stage === 'retired') return refuse('version-retired');
      if (rules.length === 0) return ok([]);
      // What was read against another version is no word on this one.
      if (command.judgedOn.deployed !== state.deployed) return refuse('judged-otherwise');
      return ok([{ type: 'model.approved', data: { version, rules, reason: command.reason } }]);
    }
    case 'NameChallenger':
      if (stage === 'active') return refuse('version-deployed');
      if (stage === 'retired') return refuse('version-retired');
      if (state.challenger === version) return ok([]);
      return ok([{ type: 'model.challenger-named', data: { version, reason: command.reason } }]);
    case 'RetireModel':
      if (stage === 'active') return refuse('version-deployed');
      if (stage === 'canary') return refuse('version-canary');
      return stage === 'retired' ? ok([]) : ok([{ type: 'model.retired', data: { version, reason: command.reason } }]);
  }
}

/** The version to go back to; undefined: there is none. One that answers already is no step back: it may have come again after another. */
export const beforeOf = ({ past, versions, deployed }: Model): number | undefined =>
  past.findLast((each) => each !== deployed && !versions[each - 1]!.retired);

function rollBack(
  { from, to, reason, automatic = false, gates }: Extract<ModelCommand, { type: 'RollbackModel' }>,
  state: Model,
): Result<ModelEvent[], ModelReason> {
  const { canary, deployed, versions, past } = state;
  const grounds = { reason, automatic, gates: kept(gates) };
  // It does not answer: what was asked for is so already.
  if (from !== null && from !== deployed && from !== canary?.version) return ok([]);
  if (to === null && canary && (from === null || from === canary.version)) {
    const { kind, digest } = versions[canary.version - 1]!;
    const data = { version: canary.version, kind, digest, from: 'canary' as const, ...grounds };
    return ok([{ type: 'model.withdrawn', data }]);
  }
  if (deployed === null) return refuse('no-active');
  // A canary is withdrawn; what answers everybody is not exchanged by the way.
  if (to !== null && from !== null && from !== deployed) return refuse('version-canary');
  if (to === deployed) return ok([]);
  const wanted = to ?? beforeOf(state);
  if (wanted === undefined) return refuse('nothing-before');
  const earlier = versions[wanted - 1];
  if (!earlier) return refuse('version-unknown');
  if (!past.includes(wanted)) return refuse('never-active');
  if (earlier.retired) return refuse('version-retired');
  const { kind, digest } = earlier;
  return ok([{ type: 'model.rolled-back', data: { version: wanted, kind, digest, from: deployed, ...grounds } }]);
}

export const model: Decider<Model, ModelCommand, ModelEvent, ModelReason> = {
  aggregate: 'model',
  events,
  initial: { versions: [], deployed: null, canary: null, shadow: null, challenger: null, past: [], rules: {} },
  evolve,
  decide,
};
