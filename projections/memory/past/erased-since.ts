// Who was erased after a position of the log: they have no past either (facts §8), so whatever is folded up to the position forgets them.
import type { EventStore } from '#streams/event-store.ts';
import { decodeFact } from '#streams/pack.ts';

/** Subjects of what concerns every customer. */
const FACTS = 'evt.all.*';

/** @returns sids of the erasures in (seq, to]; `to` is a position that the log has. Reads facts only. */
export async function erasedSince(store: Pick<EventStore, 'read'>, seq: number, to: number): Promise<Uint8Array[]> {
  const sids: Uint8Array[] = [];
  if (to > seq)
    for await (const record of store.read('EVT', { from: seq + 1, to, subject: FACTS })) {
      const message = decodeFact(record);
      if (message.kind === 'fact' && message.fact.type === 'customer.erased') sids.push(...message.fact.sids);
    }
  return sids;
}
