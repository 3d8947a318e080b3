// What churn means here: a definition is a fact of the control stream, and its barrier in the log says from where on it holds.
import type { ChurnCalls } from '#api/model-deps.ts';
import { type ChurnDefinition, churnDefinition } from '#domain/churn-definition.ts';
import type { Fact } from '#domain/envelope.ts';
import type { ChurnInForce } from '#projections/memory/workspace.ts';
import { handle, load, loadAll } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';

export interface ChurnDeps {
  store: EventStore;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when this process judges by what the position says. */
  applied: (seq: number) => Promise<void>;
  definitions: () => readonly ChurnInForce[];
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
    async repair() {
      for (const [kind] of await loadAll(deps.store, churnDefinition)) {
        const { state, seq } = await load(deps.store, churnDefinition, kind);
        if (state !== null && (known(kind)?.ctlSequence ?? 0) < seq) await barrier(state, seq);
      }
    },
  };
}
