// The registry of models over the control stream: register (artefact first, then the fact), deploy (the fact, then its barrier in the
// customers' order), and what is in force now. A crash between a deployment and its barrier is made good at the next start.
import type { Deployment, ModelRegistry, ModelSummary, ServingChurnModel, ServingModel } from '#api/deps.ts';
import type { Fact } from '#domain/envelope.ts';
import { type Model, type ModelEvent, model as modelDecider } from '#domain/model.ts';
import { CHURN_MODELS, type ChurnModel, parseChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { decodeControl, handle, load, loadAll } from '#streams/control.ts';
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
const modelId = (name: string, version: number) => `${name}@${version}`;

export interface RegistryDeps {
  store: EventStore;
  artefacts: Artefacts;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when the fold, and with it this process's serving side, has applied the position. */
  applied: (seq: number) => Promise<void>;
  /** Deployments the fold has seen, oldest first. */
  deployments: () => readonly Deployment[];
  now: () => number;
}

export type Window = { seq: number; at: number; fromDay: number | null; toDay: number | null };

export interface Registry extends ModelRegistry {
  register(model: ClvModel | ChurnModel, artefact: unknown, window: Window | null, by: string): Promise<ModelSummary>;
  /** Barriers of deployments that a crash kept from the log. Answers how many were written. */
  repair(): Promise<number>;
  /** The model behind a deployment, from its artefact. */
  serving(deployment: Deployment): { clv: ServingModel } | { churn: ServingChurnModel };
}

export function createRegistry(deps: RegistryDeps): Registry {
  const meta = (actor: string) => ({ actor, now: deps.now() });

  const barrier = (name: string, kind: string, version: number, digest: string, ctlSequence: number): Promise<number> =>
    deps.appendFact({ type: 'model.deployed', ctlSequence, kind, model: name, version, digest, at: deps.now() });

  function summaries(name: string, state: Model, registeredAt: number[]): ModelSummary[] {
    const deployed = deps.deployments().filter((each) => each.model === name);
    const last = deployed.at(-1);
    return state.versions.map((version) => ({
      id: modelId(name, version.version),
      version: version.version,
      kind: version.kind,
      digest: version.digest,
      createdAt: registeredAt[version.version - 1] ?? 0,
      deployedSeq: deployed.findLast((each) => each.version === version.version)?.seq ?? null,
      inForce: last?.version === version.version,
      window: version.window,
    }));
  }

  async function all(): Promise<ModelSummary[]> {
    const models = new Map<string, { state: Model; at: number[] }>();
    for await (const message of deps.store.read('CTL', { subject: 'ctl.main.model.*' }))
      for (const { event, id, at } of decodeControl<ModelEvent>(modelDecider.events, message)) {
        const known = models.get(id) ?? { state: modelDecider.initial, at: [] };
        if (event.type === 'model.registered') known.at[event.data.version - 1] = at;
        models.set(id, { state: modelDecider.evolve(known.state, event), at: known.at });
      }
    return [...models].flatMap(([name, { state, at }]) => summaries(name, state, at));
  }

  async function register(
    model: ClvModel | ChurnModel,
    artefact: unknown,
    window: Window | null,
    by: string,
  ): Promise<ModelSummary> {
    const digest = await deps.artefacts.put(artefact);
    const answer = await handle(
      deps.store,
      modelDecider,
      nameOf(model),
      {
        type: 'RegisterModel',
        model: {
          kind: model.model,
          digest,
          params: model.model === 'clv' ? JSON.parse(JSON.stringify(model)) : {},
          window,
          metrics: {},
        },
      },
      meta(by),
    );
    if (!answer.ok) throw new Error(`the model cannot be registered: ${answer.reason}`);
    const found = (await all()).find((summary) => summary.digest === digest);
    if (!found) throw new Error('the model was registered but is not in the registry');
    return found;
  }

  const parse = (digest: string): ClvModel => {
    const parsed = parseClvModel(deps.artefacts.get(digest));
    if (!parsed.ok) throw new Error(`artefact ${digest.slice(0, 12)}…: ${parsed.reason}`);
    return parsed.value;
  };

  return {
    list: all,
    async show(id) {
      const summary = (await all()).find((each) => each.id === id);
      if (!summary) return null;
      await deps.artefacts.bring([summary.digest]);
      return { ...summary, artefact: deps.artefacts.get(summary.digest) };
    },
    register,
    importModel: (model, artefact, by) => register(model, { ...(artefact as object), ...model }, null, by),
    async deploy(id, by) {
      const [name = '', version = ''] = id.split('@');
      const answer = await handle(
        deps.store,
        modelDecider,
        name,
        { type: 'DeployModel', version: Number(version) },
        meta(by),
      );
      if (!answer.ok) return { ok: false, reason: answer.reason };
      const chosen = answer.value.state.versions[Number(version) - 1]!;
      const known = deps.deployments().findLast((each) => each.model === name);
      // Deployed already and its barrier is in the log: nothing to add.
      const seq =
        answer.value.events.length === 0 && known?.digest === chosen.digest
          ? known.seq
          : await barrier(name, chosen.kind, chosen.version, chosen.digest, answer.value.seq);
      await deps.applied(seq);
      return { ok: true, value: { id, version: chosen.version, digest: chosen.digest, seq } };
    },
    async repair() {
      let repaired = 0;
      for (const [name] of await loadAll(deps.store, modelDecider)) {
        const { state, seq } = await load(deps.store, modelDecider, name);
        const wanted = state.deployed === null ? undefined : state.versions[state.deployed - 1];
        const known = deps.deployments().findLast((each) => each.model === name);
        if (!wanted || known?.digest === wanted.digest) continue;
        await deps.applied(await barrier(name, wanted.kind, wanted.version, wanted.digest, seq));
        repaired++;
      }
      return repaired;
    },
    serving(deployment) {
      const { seq: deployedSeq, version, digest } = deployment;
      const found = { id: modelId(deployment.model, version), version, digest, deployedSeq };
      if (!(CHURN_MODELS as readonly string[]).includes(deployment.kind))
        return { clv: { ...found, model: parse(digest) } };
      const churn = parseChurnModel(deps.artefacts.get(digest));
      if (!churn.ok) throw new Error(`artefact ${digest.slice(0, 12)}…: ${churn.reason}`);
      return { churn: { ...found, model: churn.value } };
    },
  };
}
