// The past: the log folded again up to a position, for the customers asked about (facts §4). The whole log is read, which is exact and simple;
// a position's clock, facts and statistics come from the same fold.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CustomerEntries } from '#domain/ledger.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';

export interface Refold {
  /** Everybody's ledger as the log stood at `seq`. */
  at(seq: number): Promise<Ledger>;
  entries(sids: Uint8Array[], seq: number): Promise<(CustomerEntries | null)[]>;
}

/** Positions kept at hand: a page that asks twice about one moment folds once. */
const KEPT = 2;
const TURN_MS = 5;

export function createRefold(store: EventStore, reportingCurrency: string): Refold {
  const kept = new Map<number, Promise<Ledger>>();

  async function fold(seq: number): Promise<Ledger> {
    const ledger = createLedger({ reportingCurrency });
    let turn = performance.now();
    if (seq > 0)
      for await (const { seq: position, bytes } of store.read('EVT', { from: 1, to: seq })) {
        ledger.applyMessage(position, decodeMessage(bytes));
        // Requests of the present go on being answered meanwhile.
        if (performance.now() - turn > TURN_MS) {
          await nextTurn();
          turn = performance.now();
        }
      }
    ledger.flushColumns();
    return ledger;
  }

  function at(seq: number): Promise<Ledger> {
    const known = kept.get(seq);
    if (known) return known;
    const folding = fold(seq);
    folding.catch(() => kept.delete(seq));
    kept.set(seq, folding);
    for (const old of [...kept.keys()].slice(0, -KEPT)) kept.delete(old);
    return folding;
  }

  return {
    at,
    async entries(sids, seq) {
      const ledger = await at(seq);
      return sids.map((sid) => ledger.entries(sid));
    },
  };
}
