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
export async function replay(store: Pick<EventStore, 'read'>, seq: number, options: LedgerOptions): Promise<Ledger> {
  const ledger = createLedger(options);
  if (seq > 0)
    for await (const record of store.read('EVT', { from: 1, to: seq }))
      try {
        applyRead(ledger, record, await readRecorded(store, record));
      } catch (error) {
        if (!(error instanceof ZoneChanged)) throw error;
        return replay(store, seq, { ...options, zone: error.zone });
      }
  ledger.flushColumns();
  return ledger;
}

export const ledgersOf = (ledger: Ledger): Ledgers => ({
  *customers(): Generator<CustomerEntries> {
    for (const row of ledger.canonicalRows()) yield entriesOfRow(ledger.store, row);
  },
  of: (sid) => ledger.entries(Buffer.from(sid, 'hex')),
  context: { rates: ledger.workspace.rates },
  isLeftTruncated: (sid) => (ledger.flags(Buffer.from(sid, 'hex')) & COLUMN_FLAG.leftTruncated) !== 0,
});
