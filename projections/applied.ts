// What the tables have taken from the log: how many events, and an order-free digest of their ids, kept beside the position in the transaction that
// took them. A batch applied twice or passed over shows as another number than the log's own, whatever the rows look like.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage, type PackView } from '#streams/pack.ts';

/** A batch adds less than 2^53, so that no sum leaves bigint. */
const MODULUS = 1n << 62n;
const TURN_MS = 5;

export class Tally {
  events = 0;
  #a = 0;
  #b = 0;

  add(pack: PackView): void {
    const { count } = pack;
    for (let row = 0; row < count; row++) {
      this.#a += pack.eventHashWord(row, 0) >>> 0;
      this.#b += pack.eventHashWord(row, 1) >>> 0;
    }
    this.events += count;
  }
  clear(): void {
    this.events = 0;
    this.#a = 0;
    this.#b = 0;
  }
  get ids(): readonly [bigint, bigint] {
    return [BigInt(this.#a), BigInt(this.#b)];
  }
}

export async function noteApplied(client: ClientBase, { events, ids: [a, b] }: Tally): Promise<void> {
  if (events === 0) return;
  await client.query({
    name: 'note-applied',
    text: `update rm.checkpoints set events = events + $1, ids_a = (ids_a + $2) % ${MODULUS}, ids_b = (ids_b + $3) % ${MODULUS}
      where projection = 'events'`,
    values: [events, a.toString(), b.toString()],
  });
}

/** Counts at a position of the log, of the messages after `from`. */
export interface Applied {
  from: number;
  seq: number;
  events: number;
  ids: readonly [bigint, bigint];
}

export async function readApplied(client: Pick<ClientBase, 'query'>): Promise<Applied> {
  const { rows } = await client.query<Record<'counted_from' | 'seq' | 'events' | 'ids_a' | 'ids_b', string>>(
    `select counted_from, seq, events, ids_a, ids_b from rm.checkpoints where projection = 'events'`,
  );
  const { counted_from: from, seq, events, ids_a: a, ids_b: b } = rows[0]!;
  return { from: Number(from), seq: Number(seq), events: Number(events), ids: [BigInt(a), BigInt(b)] };
}

/** `start` and what the log holds after it, up to `to`. Messages that cannot be read count for nothing, as in the tables. */
export async function countLog(store: Pick<EventStore, 'read'>, start: Applied, to: number): Promise<Applied> {
  let { events } = start;
  let [a, b] = start.ids;
  const tally = new Tally();
  let turn = performance.now();
  for await (const { bytes } of store.read('EVT', { from: start.seq + 1, to })) {
    const pack = packOf(bytes);
    if (pack === null) continue;
    tally.clear();
    tally.add(pack);
    events += tally.events;
    a = (a + tally.ids[0]) % MODULUS;
    b = (b + tally.ids[1]) % MODULUS;
    if (performance.now() - turn > TURN_MS) {
      await nextTurn();
      turn = performance.now();
    }
  }
  return { ...start, seq: to, events, ids: [a, b] };
}

function packOf(bytes: Uint8Array): PackView | null {
  try {
    const message = decodeMessage(bytes);
    return message.kind === 'pack' ? message.pack : null;
  } catch {
    return null; // parked as a whole by the ledger, and told there
  }
}

export const nothingApplied = (from: number): Applied => ({ from, seq: from, events: 0, ids: [0n, 0n] });
export const sameApplied = (one: Applied, other: Applied): boolean =>
  one.events === other.events && one.ids[0] === other.ids[0] && one.ids[1] === other.ids[1];
