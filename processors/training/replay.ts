// The log folded again for training: everything up to a position, or only what was known at an instant (facts §4 known_at). The fold that serves
// is never asked for this: it cannot forget.
import type { CustomerEntries } from '#domain/ledger.ts';
import { entriesOfRow } from '#projections/memory/entries.ts';
import { createLedger, type Ledger, type LedgerOptions, ZoneChanged } from '#projections/memory/ledger.ts';
import { applyRead, readRecorded } from '#projections/memory/replay-parked.ts';
import { COLUMN_FLAG } from '#projections/memory/row-layout.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { Ledgers } from './churn-rows.ts';

/** The log from its beginning to `seq`, in the zone it asks for up to there. */
export async function replay(
  store: Pick<EventStore, 'read'>,
  seq: number,
  options: LedgerOptions,
  passed?: (position: number) => void,
): Promise<Ledger> {
  const [ledger] = await replayAll(store, seq, [options], passed);
  return ledger!;
}

/**
 * One walk of the log for several ledgers, e.g. each of what was known at another instant.
 *
 * @param passed is told each position. Cost: reading once, a fold and the memory of one for each of the ledgers.
 */
export async function replayAll(
  store: Pick<EventStore, 'read'>,
  seq: number,
  options: readonly LedgerOptions[],
  passed: (position: number) => void = () => undefined,
): Promise<Ledger[]> {
  const ledgers = options.map(createLedger);
  if (seq > 0 && ledgers.length > 0)
    for await (const record of store.read('EVT', { from: 1, to: seq })) {
      const read = await readRecorded(store, record);
      try {
        for (const ledger of ledgers) applyRead(ledger, record, read);
      } catch (error) {
        if (!(error instanceof ZoneChanged)) throw error;
        const { zone } = error;
        return replayAll(
          store,
          seq,
          options.map((each) => ({ ...each, zone })),
          passed,
        );
      }
      passed(record.seq);
    }
  for (const ledger of ledgers) ledger.flushColumns();
  return ledgers;
}

export const ledgersOf = (ledger: Ledger): Ledgers => ({
  *customers(): Generator<CustomerEntries> {
    for (const row of ledger.canonicalRows()) yield entriesOfRow(ledger.store, row);
  },
  of: (sid) => ledger.entries(Buffer.from(sid, 'hex')),
  context: { rates: ledger.workspace.rates },
  isLeftTruncated: (sid) => (ledger.flags(Buffer.from(sid, 'hex')) & COLUMN_FLAG.leftTruncated) !== 0,
});
