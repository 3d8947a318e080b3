// Everybody as they were known at several instants, by one walk of the log from its beginning: what was not known yet cannot be taken out of a
// snapshot again.
import { createLedger, type Ledger, type LedgerOptions } from '#projections/memory/ledger.ts';
import { applyRead, readRecorded } from '#projections/memory/replay-parked.ts';
import { rezonedAfter } from '#projections/memory/rezoned.ts';
import type { EventStore } from '#streams/event-store.ts';

/**
 * @param instants ms; one ledger for each, in their order.  @param passed is told each position.
 * Cost: reading once, a fold and the memory of one for each of the ledgers.
 */
export async function knownLedgers(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  seq: number,
  instants: readonly number[],
  options: LedgerOptions,
  passed: (position: number) => void = () => undefined,
): Promise<Ledger[]> {
  const zone = options.zone ?? (seq > 0 ? await rezonedAfter(store, 0, null, seq) : null);
  const wanted = zone === null ? options : { ...options, zone };
  const ledgers = instants.map((knownUpTo) => createLedger({ ...wanted, knownUpTo }));
  if (seq > 0 && ledgers.length > 0)
    for await (const record of store.read('EVT', { from: 1, to: seq })) {
      const read = readRecorded(store, record, options);
      const message = read instanceof Promise ? await read : read;
      for (const ledger of ledgers) applyRead(ledger, record, message);
      passed(record.seq);
    }
  for (const ledger of ledgers) ledger.flushColumns();
  return ledgers;
}
