// The past: the log folded again up to a position, for the customers asked about (facts §4). The whole log is read, which is exact and simple;
// a position's clock, facts and statistics come from the same fold. Whoever was erased since has no past either (facts §8).
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CustomerEntries } from '#domain/ledger.ts';
import { createLedger, type Ledger, type Zone, ZoneChanged } from '#projections/memory/ledger.ts';
import { applyRead, readRecorded } from '#projections/memory/replay-parked.ts';
import type { EventStore } from '#streams/event-store.ts';
import { decodeFact } from '#streams/pack.ts';

export interface Refold {
  /** Everybody's ledger as the log stood at `seq`. */
  at(seq: number): Promise<Ledger>;
  entries(sids: Uint8Array[], seq: number): Promise<(CustomerEntries | null)[]>;
  /**
   * One fold that stops at each position (ascending) and shows everybody's ledger as it stood there, columns written. What was erased later
   * is still in it: only for what no erased customer takes part in.
   * @param zone days as this zone would have them; without it as the log says.
   */
  walk(stops: readonly number[], visit: Visit, zone?: Zone): Promise<Ledger>;
}
type Visit = (ledger: Ledger, seq: number) => void;

/** Positions kept at hand: a page that asks twice about one moment folds once. */
const KEPT = 2;
const TURN_MS = 5;
const NONE: ReadonlyMap<string, number> = new Map();
/** Subjects of what concerns every customer. */
const FACTS = 'evt.all.*';

/** @param stuck events the fold does not come back from, by place: nor would this one. */
export function createRefold(
  store: EventStore,
  reportingCurrency: string,
  stuck: () => ReadonlyMap<string, number> = () => NONE,
): Refold {
  /** A fold and the position up to which later erasures are in it. */
  type Past = { ledger: Ledger; forgotTo: number };
  const kept = new Map<number, Promise<Past>>();

  async function walk(stops: readonly number[], visit: Visit, zone?: Zone): Promise<Ledger> {
    const ledger = createLedger({ reportingCurrency, stuck: stuck(), ...(zone === undefined ? {} : { zone }) });
    let next = 0;
    const arrive = () => {
      for (; next < stops.length && stops[next]! <= ledger.position; next++) {
        ledger.flushColumns();
        visit(ledger, stops[next]!);
      }
    };
    arrive();
    const last = stops.at(-1) ?? 0;
    let turn = performance.now();
    if (last > 0)
      for await (const record of store.read('EVT', { from: 1, to: last })) {
        try {
          applyRead(ledger, record, await readRecorded(store, record));
        } catch (error) {
          if (!(error instanceof ZoneChanged)) throw error;
          // What was before this place has been seen as it was then; the rest is seen in the zone it is in from here on.
          return walk(stops.slice(next), visit, error.zone);
        }
        arrive();
        // Requests of the present go on being answered meanwhile.
        if (performance.now() - turn > TURN_MS) {
          await nextTurn();
          turn = performance.now();
        }
      }
    return ledger;
  }
  const fold = async (seq: number): Promise<Past> => ({
    ledger: await walk([seq], () => undefined),
    forgotTo: seq,
  });

  async function forgetErased(past: Past): Promise<Ledger> {
    const { ledger } = past;
    const last = await store.lastSequence('EVT');
    for await (const record of store.read('EVT', { from: past.forgotTo + 1, to: last, subject: FACTS })) {
      const message = decodeFact(record);
      if (message.kind === 'fact' && message.fact.type === 'customer.erased') ledger.forget(message.fact.sids);
    }
    past.forgotTo = Math.max(past.forgotTo, last);
    ledger.flushColumns();
    return ledger;
  }

  async function at(seq: number): Promise<Ledger> {
    const known = kept.get(seq);
    if (known) return forgetErased(await known);
    const folding = fold(seq);
    folding.catch(() => kept.delete(seq));
    kept.set(seq, folding);
    for (const old of [...kept.keys()].slice(0, -KEPT)) kept.delete(old);
    return forgetErased(await folding);
  }

  return {
    at,
    walk,
    async entries(sids, seq) {
      const ledger = await at(seq);
      return sids.map((sid) => ledger.entries(sid));
    },
  };
}
