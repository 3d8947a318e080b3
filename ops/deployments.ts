// Who answers, and how it comes to that: every step of a deployment judged by the gates where it lets a version answer, carried out by the registry,
// told with what was found. The automatic deployment after an import or a training takes the same way.
import type {
  DeploymentAction,
  DeploymentState,
  Deployments,
  JudgedGate,
  MeasuredComparison,
  RefusedStep,
} from '#api/model-deps.ts';
import { type Evidence, judge } from '#domain/deployment-gates.ts';
import type { RuleSettings } from '#domain/deployment-rules.ts';
import {
  approvedOf,
  blocking,
  type JudgedOn,
  type Model,
  type ModelCommand,
  type ModelReason,
  model as modelDecider,
  stageOf,
} from '#domain/model.ts';
import { aliasesOf, type Named, resolveReference } from '#domain/model-reference.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { Artefacts } from './artefacts.ts';
import type { Compare, Version } from './deployment-comparisons.ts';
import { type EvaluatedTogether, findingOf, metricsOf, unvaluedOf } from './deployment-evidence.ts';
import { type Known, modelId, type Registry } from './registry.ts';

export interface DeploymentDeps {
  registry: Registry;
  artefacts: Pick<Artefacts, 'get' | 'bring'>;
  compare: Compare;
  /** The newest evaluation that judged all of these on the same customers; null: there is none. */
  evaluated(ids: readonly string[]): Promise<EvaluatedTogether | null>;
  /** End of the log as the columns hold it. */
  position: () => number;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

export interface DeploymentService extends Deployments {
  /** Everything known of a version, measured now or within the last minute on the same state. */
  evidence(name: string, known: Known, version: number, against: number | null): Promise<Evidence>;
  /** The last comparison of two versions; null: none yet. */
  measured(name: string, known: Known, version: number, against: number): MeasuredComparison | null;
  /** What `list` says is watched, by the name of the model (ops/deployment-watch.ts). */
  watching: Map<string, NonNullable<DeploymentState['watched']>>;
}

/** A comparison as old as this holds while nothing has moved. */
const FRESH_MS = 60_000;
/** After a step its version is watched so long. */
export const WATCH_MS = 10 * 60_000;

const SAYS: Record<ModelReason, (id: string) => string> = {
  'other-kind': (id) => `${id} is of another kind than the versions before it`,
  'version-unknown': (id) => `there is no ${id}`,
  'version-retired': (id) => `${id} is retired; register it anew, or take another version`,
  'version-deployed': (id) => `${id} answers everybody; roll back, or put another version in force first`,
  'version-canary': (id) => `${id} is in canary; withdraw it first (POST /api/models/${id}/withdraw)`,
  'other-canary': (id) => `another version than ${id} is in canary; withdraw or deploy that one first`,
  'no-active': (id) => `no version is active beside which ${id} could be tried; deploy the first one`,
  'bad-percent': () => 'percent must be more than 0 and less than 100; deploy it for everybody',
  'never-active': (id) => `${id} was not active before the version that is; deploy it instead`,
  'nothing-before': (id) => `nothing was active before ${id}; deploy another version, or import one`,
  'nothing-to-approve': (id) => `every gate of ${id} is passed; there is nothing to approve`,
  'gates-not-passed': (id) => `${id} does not pass its gates`,
  'judged-otherwise': (id) =>
    `who answers, or the stage of ${id}, has changed since its gates were judged, so they say nothing now; ask again`,
};

export function createDeployments(deps: DeploymentDeps): DeploymentService {
  const { registry } = deps;
  const measurements = new Map<string, MeasuredComparison>();
  const measuring = new Map<string, Promise<MeasuredComparison>>();
  /** Scores made beside the active version since it went there, by the candidate's digest. */
  const scored = new Map<string, { since: number; scores: number }>();
  /** Why a pair that is watched could not be scored the last time. */
  const unscored = new Map<string, string>();
  const counted = new WeakSet<MeasuredComparison>();
  const watching: DeploymentService['watching'] = new Map();

  const versionOf = (name: string, { state }: Known, version: number): Version => {
    const { kind, digest } = state.versions[version - 1]!;
    return { id: modelId(name, version), model: registry.modelOf(kind, digest) };
  };
  const pairOf = ({ state }: Known, version: number, against: number): string =>
    `${state.versions[against - 1]!.digest} ${state.versions[version - 1]!.digest}`;

  const judgedOn = ({ state }: Known, version: number): JudgedOn => ({
    deployed: state.deployed,
    stage: stageOf(state, version),
  });

  async function measure(name: string, known: Known, version: number, against: number): Promise<MeasuredComparison> {
    const pair = pairOf(known, version, against);
    const last = measurements.get(pair);
    if (last && last.seq === deps.position() && deps.now() - last.measuredAt < FRESH_MS) return last;
    const compare = async () => {
      await deps.artefacts.bring([version, against].map((each) => known.state.versions[each - 1]!.digest));
      const found = await deps.compare(versionOf(name, known, against), versionOf(name, known, version));
      measurements.set(pair, found);
      return found;
    };
    // Who asks while it is being made has the same one.
    const running = measuring.get(pair) ?? compare().finally(() => measuring.delete(pair));
    measuring.set(pair, running);
    return await running;
  }

  /** What is scored beside the active version because it is watched, which counts; who only looks at the gates adds nothing. */
  function count(known: Known, version: number, against: number, found: MeasuredComparison): void {
    if (counted.has(found)) return;
    counted.add(found);
    const { digest } = known.state.versions[version - 1]!;
    const since = besideSince(known, version);
    const sofar = scored.get(digest);
    if (since !== null && against === known.state.deployed)
      scored.set(digest, {
        since,
        scores: (sofar?.since === since ? sofar.scores : 0) + found.comparison.customers,
      });
  }

  /** Since when it has been in shadow or canary without a break, ms; null: it is in neither. */
  function besideSince({ state, records }: Known, version: number): number | null {
    const isBeside = (then: Model) => stageOf(then, version) === 'shadow' || stageOf(then, version) === 'canary';
    if (!isBeside(state)) return null;
    let since: number | null = null;
    let then = modelDecider.initial;
    for (const { event, at } of records) {
      then = modelDecider.evolve(then, event);
      since = isBeside(then) ? (since ?? at) : null;
    }
    return since;
  }
  const soFar = (known: Known, version: number) => {
    const since = besideSince(known, version);
    const { digest } = known.state.versions[version - 1]!;
    return {
      minutes: since === null ? 0 : Math.max(0, (deps.now() - since) / 60_000),
      scores: since !== null && scored.get(digest)?.since === since ? scored.get(digest)!.scores : 0,
    };
  };

  /** @param watched by the program, which scores beside the active version: that counts, a mere look at the gates does not. */
  async function gather(
    name: string,
    known: Known,
    version: number,
    against: number | null,
    watched: boolean,
  ): Promise<Evidence> {
    const { versions } = known.state;
    const own = versions[version - 1]!;
    await deps.artefacts.bring([own.digest]);
    const artefact = deps.artefacts.get(own.digest);
    // Without another one it is held against itself: whether it scores at all, and how fast, is known then too.
    const other = against === null || against === version ? null : against;
    let measured: MeasuredComparison | null = null;
    let unmeasured = '';
    try {
      measured = await measure(name, known, version, other ?? version);
      if (watched && other !== null) count(known, version, other, measured);
    } catch (error) {
      unmeasured = `the versions could not be compared: ${error instanceof Error ? error.message : String(error)}`;
      deps.log.warn({ model: modelId(name, version), error: String(error) }, 'versions could not be compared');
    }
    if (other !== null) await deps.artefacts.bring([versions[other - 1]!.digest]);
    const evaluated = other === null ? null : await deps.evaluated([modelId(name, version), modelId(name, other)]);
    const outside = own.window === null && other !== null;
    const [ownThere, otherThere] = evaluated?.metrics ?? [];
    return {
      id: modelId(name, version),
      kind: own.kind,
      finding: findingOf(artefact),
      unvalued: unvaluedOf(own.kind, artefact),
      tripped: own.tripped,
      outside,
      own: ownThere
        ? { ...ownThere, concordance: metricsOf(artefact).concordance }
        : metricsOf(outside ? {} : artefact),
      evaluation: evaluated && { job: evaluated.job, errors: evaluated.errors },
      active:
        other === null
          ? null
          : {
              id: modelId(name, other),
              metrics: otherThere ?? metricsOf(deps.artefacts.get(versions[other - 1]!.digest)),
            },
      comparison: measured?.comparison ?? null,
      unmeasured,
      shadow: soFar(known, version),
    };
  }

  async function watched(name: string, known: Known, version: number, against: number | null): Promise<Evidence> {
    const pair = pairOf(known, version, against ?? version);
    try {
      const found = await gather(name, known, version, against, true);
      if (found.comparison === null) unscored.set(pair, found.unmeasured);
      else unscored.delete(pair);
      return found;
    } catch (error) {
      unscored.set(pair, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  async function judged(
    name: string,
    known: Known,
    version: number,
    settings: RuleSettings = known.state.rules,
  ): Promise<JudgedGate[]> {
    const approved = approvedOf(known.state, version);
    const found = await gather(name, known, version, known.state.deployed, false);
    return judge(found, settings).map((gate) => ({ ...gate, approved: approved.includes(gate.rule) }));
  }

  async function find(reference: string): Promise<Result<Named & { known: Known; id: string }, RefusedStep>> {
    const models = await registry.models();
    const named = resolveReference(reference, new Map([...models].map(([name, { state }]) => [name, state])));
    if (!named.ok) return refuse({ code: 'not-found', message: named.reason, gates: [] });
    const { name, version } = named.value;
    return ok({ name, version, known: models.get(name)!, id: modelId(name, version) });
  }

  const refused = (code: ModelReason, id: string, gates: readonly JudgedGate[], known: Known, version: number) => {
    const open = blocking(gates, approvedOf(known.state, version));
    const message =
      code === 'gates-not-passed'
        ? `${SAYS[code](id)}: ${open.map(({ rule, why, todo }) => `${rule} (${why}; ${todo})`).join('; ')}`
        : SAYS[code](id);
    return refuse<RefusedStep>({ code, message, gates });
  };

  async function act(reference: string, action: DeploymentAction, by: string): ReturnType<Deployments['act']> {
    const found = await find(reference);
    if (!found.ok) return found;
    const { name, version, known, id } = found.value;
    const stage = stageOf(known.state, version);
    // Whatever looks or leads forward opens it: what was changed on disk is refused here, not found out when it is scored.
    if (action.type === 'shadow' || action.type === 'canary' || action.type === 'challenger') {
      const { digest } = known.state.versions[version - 1]!;
      await deps.artefacts.bring([digest]);
      deps.artefacts.get(digest);
    }
    const forward =
      action.type === 'canary' && stage !== 'active' && !((known.state.canary?.percent ?? 0) >= action.percent);
    const gates = forward || action.type === 'approve' ? await judged(name, known, version) : [];
    const command = await commandOf(action, reference, found.value, gates);
    if (!command.ok) return command;
    const done = await registry.carryOut(name, command.value, by);
    if (!done.ok) return refused(done.reason, id, gates, known, version);
    const { state, changed } = done.value;
    // Of a rollback the version that answers now is what is told of.
    const told = action.type === 'rollback' && state.deployed !== null ? state.deployed : version;
    const { digest } = state.versions[told - 1]!;
    const alters = action.type === 'canary' || action.type === 'rollback' || stage === 'canary';
    return ok({
      id: modelId(name, told),
      version: told,
      digest,
      stage: stageOf(state, told),
      percent: state.canary?.version === told ? state.canary.percent : null,
      seq: alters ? done.value.seq : null,
      changed,
      gates,
      approved: approvedOf(state, told),
    });
  }

  async function commandOf(
    action: DeploymentAction,
    reference: string,
    { name, version, known, id }: Named & { known: Known; id: string },
    gates: readonly JudgedGate[],
  ): Promise<Result<ModelCommand, RefusedStep>> {
    const { reason } = action;
    switch (action.type) {
      case 'shadow':
        return ok({ type: 'ShadowModel', version, reason });
      case 'canary':
        return ok({
          type: 'CanaryModel',
          version,
          percent: action.percent,
          reason,
          gates,
          judgedOn: judgedOn(known, version),
        });
      case 'withdraw':
        return ok({ type: 'WithdrawModel', version, reason });
      case 'retire':
        return ok({ type: 'RetireModel', version, reason });
      case 'challenger':
        return ok({ type: 'NameChallenger', version, reason });
      case 'approve': {
        const approved = approvedOf(known.state, version);
        const rules = action.rules ?? blocking(gates, approved).map(({ rule }) => rule);
        // All that was open is approved already.
        if (rules.length === 0 && gates.some(({ passed }) => passed !== true))
          return ok({ type: 'ApproveModel', version, rules: approved, reason, judgedOn: judgedOn(known, version) });
        return ok({ type: 'ApproveModel', version, rules, reason, judgedOn: judgedOn(known, version) });
      }
      case 'rollback': {
        const from = reference.includes('@') ? version : null;
        if (action.to === null) return ok({ type: 'RollbackModel', from, to: null, reason });
        const to = await find(action.to.includes('@') ? action.to : `${name}@${action.to}`);
        if (!to.ok) return to;
        if (to.value.name !== name)
          return refuse({ code: 'version-unknown', message: `${action.to} is no version of ${id}`, gates: [] });
        return ok({ type: 'RollbackModel', from, to: to.value.version, reason });
      }
    }
  }

  /** What concerns the model as a whole, none of its versions. */
  async function ofModel(name: string, command: ModelCommand, by: string) {
    if (!(await registry.models()).has(name))
      return refuse<RefusedStep>({ code: 'not-found', message: `there is no model ${name}`, gates: [] });
    const done = await registry.carryOut(name, command, by);
    return done.ok ? done : refuse<RefusedStep>({ code: done.reason, message: SAYS[done.reason](name), gates: [] });
  }

  return {
    watching,
    evidence: watched,
    measured: (_name, known, version, against) => measurements.get(pairOf(known, version, against)) ?? null,
    act,
    async deploy(reference, by, { reason = null, automatic = false } = {}) {
      const found = await find(reference);
      if (!found.ok) return found;
      const { name, version, known, id } = found.value;
      const gates = stageOf(known.state, version) === 'active' ? [] : await judged(name, known, version);
      const judgement = { gates, judgedOn: judgedOn(known, version) };
      const command = { type: 'DeployModel' as const, version, reason, automatic, ...judgement };
      const done = await registry.carryOut(name, command, by);
      if (!done.ok) return refused(done.reason, id, gates, known, version);
      const { digest } = known.state.versions[version - 1]!;
      return ok({ id, version, digest, seq: done.value.seq ?? 0 });
    },
    async gates(reference, settings) {
      const found = await find(reference);
      if (!found.ok) return found;
      const { name, version, known, id } = found.value;
      const gates = await judged(name, known, version, settings);
      const against = known.state.deployed;
      const pair = against !== null && against !== version ? pairOf(known, version, against) : '';
      return ok({ id, stage: stageOf(known.state, version), gates, measured: measurements.get(pair) ?? null });
    },
    async setRules(name, rules, reason, by) {
      const done = await ofModel(name, { type: 'SetRules', rules, reason }, by);
      return done.ok ? ok(done.value.state.rules) : done;
    },
    async freeChallenger(name, reason, by) {
      const done = await ofModel(name, { type: 'NameChallenger', version: null, reason }, by);
      if (!done.ok) return done;
      const { challenger } = aliasesOf(done.value.state);
      return ok({ challenger: challenger === null ? null : modelId(name, challenger), changed: done.value.changed });
    },
    async list() {
      return [...(await registry.models())].map(([name, known]) => {
        const { state } = known;
        const pairs: [number, number][] = [];
        for (const version of [state.canary?.version ?? null, state.shadow])
          if (version !== null && state.deployed !== null) pairs.push([version, state.deployed]);
        const before = state.past.at(-1);
        if (state.deployed !== null && before !== undefined) pairs.push([state.deployed, before]);
        const comparisons = pairs.flatMap(([version, against]) => {
          const last = measurements.get(pairOf(known, version, against));
          return last ? [{ ...last, stage: stageOf(state, version), ...soFar(known, version) }] : [];
        });
        const failing = pairs.flatMap(([version, against]) => {
          const why = unscored.get(pairOf(known, version, against));
          return why === undefined ? [] : [{ id: modelId(name, version), against: modelId(name, against), why }];
        });
        return {
          name,
          model: state,
          versions: registry.summaries(name, known),
          watched: watching.get(name) ?? null,
          comparisons,
          unscored: failing,
        };
      });
    },
    async history(name) {
      const known = (await registry.models()).get(name);
      if (!known) return null;
      return known.records
        .map(({ event, at, actor, seq }) => ({ event, at, by: actor, seq: registry.barrierOf(seq) }))
        .reverse();
    },
  };
}
