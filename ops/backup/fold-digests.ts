// What the log up to a position says, in two digests: the proof that a restored installation is the one that was backed up.
import { openColumns } from '#projections/memory/columns.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import type { EventStore } from '#streams/event-store.ts';
import { createRefold } from '../refold.ts';
import type { Names } from './keyring-tables.ts';
import type { Manifest } from './records.ts';

export type LogDigests = Pick<Manifest, 'digests' | 'customers' | 'orders' | 'events'>;

/** Folds the log up to `seq`; what was erased later is still in it. */
export async function foldTo(store: EventStore, seq: number): Promise<Ledger> {
  // The log itself says its currency, in its first message.
  const ledger = await createRefold(store, 'EUR').walk([seq], () => undefined);
  ledger.flushColumns();
  return ledger;
}

export function digestsOf(ledger: Ledger, names: Names): LogDigests {
  return {
    digests: {
      state: new StateDigest(ledger).value(),
      portable: portableDigest(ledger, (sid) => names.get(Buffer.from(sid).toString('hex')) ?? null),
    },
    customers: ledger.customers,
    orders: ledger.store.orders.live,
    events: ledger.events,
  };
}

export const columnsOf = (ledger: Ledger) => openColumns(ledger.rows.handle);
