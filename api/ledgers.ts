// One customer's ledger for any day: entries from the fold thread (the present) or from a refold (a past position), read by the one pure
// function `features(entries, day)`.

import { features } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { Rates } from '#domain/rates.ts';
import { historyOf } from '#projections/memory/history.ts';
import type { LedgerView } from './read-deps.ts';

/** @param flags COLUMN_FLAG bits of the customer's row: identity and coverage, which hold for every day. */
export function viewOf(entries: CustomerEntries, rates: Rates, flags: number): LedgerView {
  return { entries, rates, at: (day) => historyOf(features(entries, day, { rates }), { flags, seq: entries.seq }) };
}
