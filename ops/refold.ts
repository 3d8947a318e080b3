// The log folded again from its beginning, with stops on the way: for what looks at many moments of everybody at once, or with the days of a zone that
// is not in force. One moment is asked of the thread of the past instead (projections/memory/past), which need not read everything.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLedger, type Ledger, type Zone, ZoneChanged } from '#projections/memory/ledger.ts';
import { applyRead, readRecorded } from '#projections/memory/replay-parked.ts';
import type { EventStore } from '#streams/event-store.ts';

export interface Refold {
  /**
   * One fold that stops at each position (ascending) and shows everybody's ledger as it stood there, columns written. What was erased later
   * is still in it: only for what no erased customer takes part in.
   * @param zone days as this zone would have them; without it as the log says.
   */
  walk(stops: readonly number[], visit: Visit, zone?: Zone): Promise<Ledger>;
}
type Visit = (ledger: Ledger, seq: number) => void;

const TURN_MS = 5;
const NONE: ReadonlyMap<string, number> = new Map();

/** @param stuck events the fold does not come back from, by place: nor would this one. */
export function createRefold(
  store: Pick<EventStore, 'read'>,
  reportingCurrency: string,
  stuck: () => ReadonlyMap<string, number> = () => NONE,
): Refold {
  async function walk(stops: readonly number[], visit: Visit, zone?: Zone): Promise<Ledger> {
    const known = stuck();
    const ledger = createLedger({ reportingCurrency, stuck: known, ...(zone === undefined ? {} : { zone }) });
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
          applyRead(ledger, record, await readRecorded(store, record, { stuck: known }));
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
  return { walk };
}
