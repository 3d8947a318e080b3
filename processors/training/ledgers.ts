// What training reads of a ledger that was folded for it (projections/memory/past/everybody.ts): everything up to a position, or only what was known
// at an instant (facts §4 known_at). The fold that serves is never asked for this: it cannot forget.
import type { CustomerEntries } from '#domain/ledger.ts';
import { columnsReader, entriesOfRow } from '#projections/memory/entries.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { COLUMN_FLAG, WORD } from '#projections/memory/row-layout.ts';
import type { KnownCustomer, Ledgers } from './churn-rows.ts';

export const ledgersOf = (ledger: Ledger): Ledgers => ({
  *columns(): Generator<KnownCustomer> {
    const read = columnsReader(ledger.store);
    const { rows } = ledger;
    for (const row of ledger.canonicalRows()) {
      const leftTruncated = ((rows.get(row, WORD.currencyAndFlags) >>> 24) & COLUMN_FLAG.leftTruncated) !== 0;
      yield Object.assign(read(row), { leftTruncated });
    }
  },
  finder() {
    const read = columnsReader(ledger.store);
    return (sid) => {
      const row = ledger.knownRow(Buffer.from(sid, 'hex'));
      return row < 0 ? null : read(row);
    };
  },
  *customers(): Generator<CustomerEntries> {
    for (const row of ledger.canonicalRows()) yield entriesOfRow(ledger.store, row);
  },
  of: (sid) => ledger.entries(Buffer.from(sid, 'hex')),
  context: { rates: ledger.workspace.rates },
  isLeftTruncated: (sid) => (ledger.flags(Buffer.from(sid, 'hex')) & COLUMN_FLAG.leftTruncated) !== 0,
});
