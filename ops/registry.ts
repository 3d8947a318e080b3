// The registry of models over the control stream: register (artefact first, then the fact), carry out a step of a deployment (the fact, then its
// barrier in the customers' order), and what is in force now. A crash between a step and its barrier is made good at the next start.
import type { Deployment, ModelRegistry, ModelSummary, ServingChurnModel, ServingModel } from '#api/model-deps.ts';
import type { Fact } from '#domain/envelope.ts';
import {
  type Model,
  type ModelCommand,
  type ModelEvent,
  type ModelReason,
  model as modelDecider,
  stageOf,
} from '#domain/model.ts';
import { aliasesFor, resolveReference } from '#domain/model-reference.ts';
import { CHURN_MODELS, type ChurnModel, parseChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import type { Result } from '#domain/result.ts';
import { type ControlRecord, decodeControl, handle } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { Artefacts } from './artefacts.ts';

/** The name under which value models are registered (requirements §2). */
export const CLV_MODEL = 'clv_model';
/** … and churn models: one name a kind of business and a way of answering, so that each has its own succession. */
const nameOf = (model: ClvModel | ChurnModel): string => {
  if (model.model === 'clv') return CLV_MODEL;
  if (model.model === 'churn-cox') return 'subscription_survival_model';
  return model.definition.kind === 'contractual' ? 'subscription_churn_model' : 'churn_model';
};
export const modelId = (name: string, version: number) => `${name}@${version}`;

export interface RegistryDeps {
  store: EventStore;
  artefacts: Omit<Artefacts, 'remove'>;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when the fold, and with it this process's serving side, has applied the position. */
  applied: (seq: number) => Promise<void>;
  /** Barriers the fold has seen, oldest first. */
  deployments: () => readonly Deployment[];
  now: () => number;
}

export type Window = { seq: number; at: number; fromDay: number | null; toDay: number | null };
export interface Known {
  state: Model;
  /** Oldest first. */
  records: ControlRecord<ModelEvent>[];
}
export interface CarriedOut {
  state: Model;
  /** False: it was so already. */
  changed: boolean;
  /** Position of the barrier from which answers are as they are now; null: none was ever needed. */
  seq: number | null;
}

export interface Registry extends ModelRegistry {
  register(model: ClvModel | ChurnModel, artefact: unknown, window: Window | null, by: string): Promise<ModelSummary>;
  /** Every model by its name. */
  models(): Promise<Map<string, Known>>;
  summaries(name: string, known: Known): ModelSummary[];
  /** One step, and its barrier where it alters answers; one after the other. */
  carryOut(name: string, command: ModelCommand, by: string): Promise<Result<CarriedOut, ModelReason>>;
  /** Position of the barrier of a decision; null: it has none. */
  barrierOf(ctlSequence: number): number | null;
  /** Barriers of steps that a crash kept from the log. Answers how many were written. */
  repair(): Promise<number>;
  /** A version ready to score. */
  modelOf(kind: string, digest: string): ClvModel | ChurnModel;
  /** The model behind a deployment, from its artefact. */
  serving(deployment: Deployment): { clv: ServingModel } | { churn: ServingChurnModel };
}

/** Barriers that say who answers now: the last deployment, and the last word on a canary after it. */
function barriersOf(name: string, records: readonly ControlRecord<ModelEvent>[]): Fact[] {
  let deployed: Fact | null = null;
  let canary: Fact | null = null;
  for (const { event, seq: ctlSequence, at } of records) {
    switch (event.type) {
      case 'model.deployed':
      case 'model.rolled-back': {
        const { kind, version, digest } = event.data;
        deployed = { type: 'model.deployed', ctlSequence, kind, model: name, version, digest, at };
        canary = null;
        break;
      }
      case 'model.canaried':
      case 'model.withdrawn': {
        if (event.type === 'model.withdrawn' && event.data.from !== 'canary') break;
        const { kind, version, digest } = event.data;
        const percent = event.type === 'model.canaried' ? event.data.percent : 0;
        canary = { type: 'model.canaried', ctlSequence, kind, model: name, version, digest, percent, at };
      }
    }
  }
  return [deployed, canary].filter((fact) => fact !== null);
}

export function createRegistry(deps: RegistryDeps): Registry {
  const meta = (actor: string) => ({ actor, now: deps.now() });
  const barriersHere = (name: string) => deps.deployments().filter((each) => each.model === name);

  /** This process alone writes models: what it has read holds until its next step. */
  let cached: Promise<Map<string, Known>> | null = null;
  function models(): Promise<Map<string, Known>> {
    if (cached === null) {
      const reading = readModels();
      cached = reading;
      // Read again after a failure; whoever asked has the reason.
      reading.catch(() => {
        if (cached === reading) cached = null;
      });
    }
    return cached;
  }
  async function readModels(): Promise<Map<string, Known>> {
    const found = new Map<string, Known>();
    for await (const message of deps.store.read('CTL', { subject: 'ctl.main.model.*' }))
      for (const record of decodeControl<ModelEvent>(modelDecider.events, message)) {
        const known = found.get(record.id) ?? { state: modelDecider.initial, records: [] };
        known.state = modelDecider.evolve(known.state, record.event);
        known.records.push(record);
        found.set(record.id, known);
      }
    return found;
  }

  async function handled(name: string, command: ModelCommand, by: string) {
    try {
      return await handle(deps.store, modelDecider, name, command, meta(by));
    } finally {
      // Also after an error: what was asked for may be in the log all the same.
      cached = null;
    }
  }

  function summaries(name: string, { state, records }: Known): ModelSummary[] {
    const deployed = barriersHere(name).filter(({ percent }) => percent === 100);
    const last = deployed.at(-1);
    const registeredAt = new Map<number, number>();
    for (const { event, at } of records)
      if (event.type === 'model.registered') registeredAt.set(event.data.version, at);
    return state.versions.map(({ version, kind, digest, window }) => ({
      id: modelId(name, version),
      version,
      kind,
      digest,
      createdAt: registeredAt.get(version) ?? 0,
      deployedSeq: deployed.findLast((each) => each.version === version)?.seq ?? null,
      inForce: last?.version === version,
      stage: stageOf(state, version),
      percent: state.canary?.version === version ? state.canary.percent : null,
      aliases: aliasesFor(state, version),
      window,
    }));
  }

  const all = async (): Promise<ModelSummary[]> =>
    [...(await models())].flatMap(([name, known]) => summaries(name, known));

  async function register(
    model: ClvModel | ChurnModel,
    artefact: unknown,
    window: Window | null,
    by: string,
  ): Promise<ModelSummary> {
    const digest = await deps.artefacts.put(artefact);
    const params = model.model === 'clv' ? JSON.parse(JSON.stringify(model)) : {};
    const registered = { kind: model.model, digest, params, window, metrics: {} };
    const answer = await handled(nameOf(model), { type: 'RegisterModel', model: registered }, by);
    if (!answer.ok) throw new Error(`the model cannot be registered: ${answer.reason}`);
    const found = (await all()).findLast((summary) => summary.digest === digest);
    if (!found) throw new Error('the model was registered but is not in the registry');
    return found;
  }

  /** What the log of the customers does not hold yet. A later decision than one that is missing makes that one void. */
  async function bringBarriers(name: string, records: readonly ControlRecord<ModelEvent>[]): Promise<number> {
    let written = 0;
    for (const fact of barriersOf(name, records)) {
      const { ctlSequence } = fact as Extract<Fact, { type: 'model.deployed' | 'model.canaried' }>;
      if (barriersHere(name).some((known) => known.ctlSequence >= ctlSequence)) continue;
      await deps.applied(await deps.appendFact(fact));
      written++;
    }
    return written;
  }

  let queue: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined); // whoever asked has the reason
    return turn;
  }

  const parse = (digest: string): ClvModel => {
    const parsed = parseClvModel(deps.artefacts.get(digest));
    if (!parsed.ok) throw new Error(`artefact ${digest.slice(0, 12)}…: ${parsed.reason}`);
    return parsed.value;
  };
  function modelOf(kind: string, digest: string): ClvModel | ChurnModel {
    if (!(CHURN_MODELS as readonly string[]).includes(kind)) return parse(digest);
    const churn = parseChurnModel(deps.artefacts.get(digest));
    if (!churn.ok) throw new Error(`artefact ${digest.slice(0, 12)}…: ${churn.reason}`);
    return churn.value;
  }

  return {
    models,
    summaries,
    list: all,
    async show(reference) {
      const known = await models();
      const named = resolveReference(reference, new Map([...known].map(([name, { state }]) => [name, state])));
      if (!named.ok) return null;
      const { name, version } = named.value;
      const summary = summaries(name, known.get(name)!)[version - 1]!;
      await deps.artefacts.bring([summary.digest]);
      return { ...summary, artefact: deps.artefacts.get(summary.digest) };
    },
    register,
    // A value model may come in parts; an exported artefact is the version it was.
    importModel: (model, artefact, by) =>
      register(model, model.model === 'clv' ? { ...(artefact as object), ...model } : artefact, null, by),
    carryOut: (name, command, by) =>
      inTurn(async () => {
        const answer = await handled(name, command, by);
        if (!answer.ok) return answer;
        const { state, events } = answer.value;
        await bringBarriers(name, (await models()).get(name)?.records ?? []);
        return { ok: true, value: { state, changed: events.length > 0, seq: barriersHere(name).at(-1)?.seq ?? null } };
      }),
    barrierOf: (ctlSequence) => deps.deployments().find((each) => each.ctlSequence === ctlSequence)?.seq ?? null,
    repair: () =>
      inTurn(async () => {
        let repaired = 0;
        for (const [name, { records }] of await models()) repaired += await bringBarriers(name, records);
        return repaired;
      }),
    modelOf,
    serving(deployment) {
      const { seq: deployedSeq, model: name, kind, version, digest, percent } = deployment;
      const found = { id: modelId(name, version), name, version, digest, deployedSeq, percent };
      const model = modelOf(kind, digest);
      return model.model === 'clv' ? { clv: { ...found, model } } : { churn: { ...found, model } };
    },
  };
}
