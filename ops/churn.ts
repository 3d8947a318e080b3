// What churn means here and the models trained for it: a definition is a fact of the control stream and its barrier; a training is a task of the
// pool, an artefact, a version of the registry and, when asked for, a deployment.
import type { ChurnCalls, ChurnTrainRequest } from '#api/deps.ts';
import { canonicalJson } from '#domain/canonical-json.ts';
import { type ChurnDefinition, churnDefinition } from '#domain/churn-definition.ts';
import type { Fact } from '#domain/envelope.ts';
import type { Offsets } from '#domain/time.ts';
import type { Pool } from '#processors/pool.ts';
import type { ChurnInForce } from '#projections/memory/workspace.ts';
import { handle, load, loadAll } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { Registry } from './registry.ts';

export interface ChurnDeps {
  store: EventStore;
  /** Travels to a thread of the pool; may hold a secret. */
  nats: NatsOptions;
  pool: Pick<Pool, 'trainChurn'>;
  registry: Pick<Registry, 'register' | 'deploy'>;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when this process judges by what the position says. */
  applied: (seq: number) => Promise<void>;
  definitions: () => readonly ChurnInForce[];
  present: () => { seq: number; day: number; offsets: Offsets };
  reportingCurrency: string;
  /** Folder of the fold's snapshots. */
  snapshotDir: string;
  codeVersion: string;
  now: () => number;
}

export interface Churn extends ChurnCalls {
  /** Barriers that a crash kept from the log. */
  repair(): Promise<void>;
}

export function createChurn(deps: ChurnDeps): Churn {
  async function barrier(definition: ChurnDefinition, ctlSequence: number): Promise<number> {
    const seq = await deps.appendFact({ type: 'churn.defined', ctlSequence, ...definition });
    await deps.applied(seq);
    return seq;
  }
  const known = (kind: string) => deps.definitions().findLast(({ definition }) => definition.kind === kind);

  async function train(request: ChurnTrainRequest): Promise<Record<string, unknown>> {
    const { estimator, definition, cutoffs, latenessDays, deploy, by } = request;
    const { seq, day, offsets } = deps.present();
    const trained = await deps.pool.trainChurn(deps.nats, {
      estimator,
      definition,
      seq,
      today: day,
      offsets,
      ledger: { reportingCurrency: deps.reportingCurrency },
      snapshotDir: deps.snapshotDir,
      cutoffs,
      latenessDays,
    });
    const asOf = { seq, day };
    if (!trained.ok) return { ok: false, model: estimator, message: trained.reason, asOf };
    const { model, events, ...report } = trained.value;
    const window = { seq, at: deps.now(), fromDay: report.cutoffs[0] ?? null, toDay: day };
    // No clock and no position in the artefact: the same events trained again are the same version, although a deployment has lengthened the log.
    const artefact = JSON.parse(
      canonicalJson({ ...model, ...report, window: { events, toDay: day }, code: deps.codeVersion }),
    );
    const registered = await deps.registry.register(model, artefact, window, by);
    if (deploy) {
      const deployed = await deps.registry.deploy(registered.id, by);
      if (!deployed.ok) throw new Error(`${registered.id} was trained but cannot be put in force: ${deployed.reason}`);
    }
    const { id, version, digest } = registered;
    return { ok: true, model: estimator, id, version, digest, deployed: deploy, definition, ...report, asOf };
  }

  return {
    async define(definition, by) {
      const answer = await handle(
        deps.store,
        churnDefinition,
        definition.kind,
        { type: 'DefineChurn', definition },
        { actor: by, now: deps.now() },
      );
      if (!answer.ok) return { ok: false, reason: answer.reason };
      const already = known(definition.kind);
      const seq =
        answer.value.events.length === 0 && already ? already.seq : await barrier(definition, answer.value.seq);
      return { ok: true, value: { seq } };
    },
    train,
    async repair() {
      for (const [kind] of await loadAll(deps.store, churnDefinition)) {
        const { state, seq } = await load(deps.store, churnDefinition, kind);
        if (state !== null && (known(kind)?.ctlSequence ?? 0) < seq) await barrier(state, seq);
      }
    },
  };
}
