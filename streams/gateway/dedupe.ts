// Recently stored events, so that a publisher's retry is not stored again. Only an optimisation: the fold is the judge (facts §2).
// An event is a duplicate here when its hash and all that a fold reads of it are the same; anything else is left to the fold.
import { EVENT_TYPES, type StoredEvent } from '#domain/envelope.ts';
import type { EventStore } from '../event-store.ts';
import { decodeMessage, type PackView } from '../pack.ts';

const WAYS = 4;
/** Words of an entry: four of the event hash, two of the content. */
const WORDS = 6;

export interface Dedupe {
  /** True when the event was remembered before with the same content; else remembers it. */
  seen(event: StoredEvent): boolean;
  /** What was remembered turned out not to be stored. */
  forget(event: StoredEvent): void;
  /** Asks without remembering. */
  has(event: StoredEvent): boolean;
}

/** @param entries at most remembered, a power of two; 24 bytes each, the oldest of its bucket of four gives way. */
export function createDedupe(entries = 2 ** 18): Dedupe {
  const buckets = entries / WAYS;
  const words = new Int32Array(entries * WORDS);
  const next = new Uint8Array(buckets);
  const wanted = new Int32Array(WORDS);

  const find = (event: StoredEvent): number => {
    const hash = event.eventHash;
    for (let i = 0; i < 4; i++) wanted[i] = word(hash, i * 4);
    contentOf(event, wanted);
    const from = (wanted[0]! & (buckets - 1)) * WAYS * WORDS;
    for (let at = from; at < from + WAYS * WORDS; at += WORDS) {
      let i = 0;
      while (i < WORDS && words[at + i] === wanted[i]) i++;
      if (i === WORDS) return at;
    }
    return -1;
  };

  return {
    has: (event) => find(event) >= 0,
    forget(event) {
      const at = find(event);
      if (at >= 0) words.fill(0, at, at + WORDS);
    },
    seen(event) {
      if (find(event) >= 0) return true;
      const bucket = wanted[0]! & (buckets - 1);
      const way = next[bucket]!;
      next[bucket] = (way + 1) % WAYS;
      words.set(wanted, (bucket * WAYS + way) * WORDS);
      return false;
    },
  };
}

/**
 * Remembers the events of the last `messages` messages of EVT. Events of a type that only a newer version knows are skipped and counted:
 * this version cannot have been sent one, so none of them can come again here.
 */
export async function warmDedupe(
  dedupe: Dedupe,
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  messages: number,
): Promise<{ remembered: number; unknownTypes: number }> {
  let remembered = 0;
  let unknownTypes = 0;
  const last = await store.lastSequence('EVT');
  for await (const { bytes } of store.read('EVT', { from: Math.max(1, last - messages + 1), to: last })) {
    const pack = packOf(bytes);
    if (pack === null) continue;
    for (let row = 0; row < pack.count; row++) {
      if (EVENT_TYPES[pack.typeCode(row) - 1] === undefined) {
        unknownTypes++;
        continue;
      }
      dedupe.seen(pack.event(row));
      remembered++;
    }
  }
  return { remembered, unknownTypes };
}

/** Null for facts, and for a message nobody can read: what it holds is recognised by the fold. */
function packOf(bytes: Uint8Array): PackView | null {
  try {
    const message = decodeMessage(bytes);
    return message.kind === 'pack' ? message.pack : null;
  } catch {
    return null;
  }
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

let a = 0;
let b = 0;
/** Two independent 32-bit lanes (FNV-1a's step with two primes): 64 bits in which contents under one event hash may collide. */
const mix = (value: number): void => {
  a = Math.imul(a ^ value, 0x01000193);
  b = Math.imul(b ^ value ^ (b >>> 15), 0x85ebca6b);
};
const mixNumber = (value: number): void => {
  mix(value | 0);
  mix((value / 4_294_967_296) | 0);
};
const mixText = (text: string): void => {
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
  mix(text.length);
};
const mixBytes = (bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; at += 4) mix(word(bytes, at));
};
const ABSENT = -1;

function contentOf(event: StoredEvent, into: Int32Array): void {
  a = 0x811c9dc5 | 0;
  b = 0x9e3779b9 | 0;
  mixBytes(event.sid);
  if (event.orderHash === null) mix(ABSENT);
  else mixBytes(event.orderHash);
  if (event.refundedOrderHash === null) mix(ABSENT);
  else mixBytes(event.refundedOrderHash);
  mix(EVENT_TYPES.indexOf(event.type));
  mixNumber(event.at);
  mix((event.day << 1) | (event.dateOnly ? 1 : 0));
  mix(event.revision | 0);
  if (event.minor === null) mix(ABSENT);
  else mixNumber(event.minor);
  for (const text of [event.currency, event.channel, event.name])
    if (text === null) mix(ABSENT);
    else mixText(text);
  if (event.props !== null) mixText(JSON.stringify(event.props));
  into[4] = a ^ (a >>> 16);
  into[5] = b ^ (b >>> 16);
}
