// Which zone days are computed anew with, as the log says it (ADR 0008).
import type { EventStore } from '#streams/event-store.ts';
import { decodeFact } from '#streams/pack.ts';
import type { Zone } from './ledger.ts';

/** Facts for all customers; packs are not read. */
const FACTS = 'evt.all.*';

/** The zone of the greatest version among `known` and the `ledger.rezoned` facts after a position, up to `last` (default: the log's end). */
export async function rezonedAfter(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  position: number,
  known: Zone | null,
  last?: number,
): Promise<Zone | null> {
  let zone = known;
  const to = last ?? (await store.lastSequence('EVT'));
  if (to <= position) return zone;
  for await (const record of store.read('EVT', { from: position + 1, to, subject: FACTS })) {
    const message = decodeFact(record);
    if (message.kind !== 'fact' || message.fact.type !== 'ledger.rezoned') continue;
    const { version, offsets } = message.fact;
    if (version > (zone?.version ?? 0)) zone = { version, offsets };
  }
  return zone;
}
