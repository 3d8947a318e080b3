// An event store whose reads of EVT are checked against the hash chain, as far as it is sealed: a reader is given nothing that is not what was
// stored. What is younger than the last link has just been written and is sealed within seconds.
import { type EventStore, type Recorded, SequenceGap } from '../event-store.ts';
import type { StreamLog } from '../jetstream/link.ts';
import { CHAIN_SUBJECT, type ChainLink, decodeLink, digestAt, LogDamaged, messageDigest, sameBytes } from './link.ts';

type ChainStore = Pick<EventStore, 'read' | 'lastSequence'>;

/** A message older than this that no known link covers is worth another look at the chain … */
const SEALED_WITHIN_MS = 10_000;
/** … but not more often than this. */
const LOOK_AGAIN_MS = 1_000;

export interface StoredLink {
  link: ChainLink;
  sha256: Uint8Array;
  /** Its sequence in AUD. */
  aud: number;
}

type DamagedLink = { link: null; sha256: null; aud: number };

/** Links from a sequence of AUD on, those that are damaged among them. */
export async function* readLinks(store: ChainStore, from = 1): AsyncGenerator<StoredLink | DamagedLink> {
  for await (const { seq, bytes } of store.read('AUD', { from, subject: CHAIN_SUBJECT })) {
    const decoded = decodeLink(bytes);
    yield decoded === null ? { link: null, sha256: null, aud: seq } : { ...decoded, aud: seq };
  }
}

/** The newest link that can be read, and where the chain ends in AUD (0: there is none). */
export async function chainHead(store: ChainStore): Promise<{ head: StoredLink | null; aud: number }> {
  const aud = await store.lastSequence('AUD', CHAIN_SUBJECT);
  for (let at = aud; at > 0; at--)
    for await (const found of readLinks(within(store, at), at)) if (found.link !== null) return { head: found, aud };
  return { head: null, aud };
}

/** A store whose reads end at `to`. */
const within = (store: ChainStore, to: number): ChainStore => ({
  ...store,
  read: (stream, range) => store.read(stream, { ...range, to }),
});

/** Where in AUD the link that holds `seq` stands, or the first after it; by halving, as links are in the order of what they seal. */
async function placeOf(store: ChainStore, seq: number, last: number): Promise<number> {
  let [low, high] = [1, last];
  while (low < high) {
    const middle = (low + high) >>> 1;
    let to: number | null = null;
    for (let at = middle; at <= high && to === null; at++)
      for await (const { link } of readLinks(within(store, at), at)) to = link?.to ?? null;
    if (to !== null && to < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What the chain says of ascending positions, link by link. */
function createSeals(store: ChainStore, log: StreamLog) {
  let links: AsyncIterator<StoredLink | DamagedLink> | null = null;
  let link: ChainLink | null = null;
  let aud = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** The link that holds `seq`; null when none does (yet). */
  async function linkOf(seq: number, storedAt: number): Promise<ChainLink | null> {
    while (link === null || link.to < seq) {
      if (links === null) {
        const now = Date.now();
        if (now - lookedAt < LOOK_AGAIN_MS || (lookedAt > 0 && now - storedAt < SEALED_WITHIN_MS)) return null;
        lookedAt = now;
        links = readLinks(store, aud + 1)[Symbol.asyncIterator]();
      }
      const next = await links.next();
      if (next.done) {
        links = null;
        return null;
      }
      aud = next.value.aud;
      if (next.value.link === null)
        log.warn({ aud }, 'a link of the hash chain is damaged: what it sealed is read unchecked');
      else link = next.value.link;
    }
    return link.from <= seq ? link : null;
  }

  return {
    async start(seq: number): Promise<void> {
      const { head, aud: last } = await chainHead(store);
      if (head === null) return;
      const { link: newest } = head;
      const end = await store.lastSequence('EVT');
      if (newest.to > end)
        throw new LogDamaged(
          end + 1,
          newest.at,
          `the log ends at ${end}, but was sealed up to ${newest.to}: it has lost its end`,
        );
      aud = (newest.to < seq ? last : seq === 1 ? 1 : await placeOf(store, seq, last)) - 1;
    },
    /** The link at hand, when it holds `seq`; saves a turn of the event loop a message. */
    at: (seq: number): ChainLink | null => (link !== null && link.from <= seq && seq <= link.to ? link : null),
    linkOf,
  };
}

function check(message: Recorded, link: ChainLink): void {
  if (sameBytes(messageDigest(message), digestAt(link, message.seq))) return;
  throw new LogDamaged(
    message.seq,
    message.storedAt,
    `is not the message that was sealed in link ${link.n} of the hash chain (${link.from} to ${link.to})`,
  );
}

/** Links kept for single reads: 16 kB each. */
const KEPT_LINKS = 128;

/** The chain's word on single positions in any order: links that were read are remembered, so that looking for the next one begins near it. */
function createSealsAnywhere(store: ChainStore) {
  const kept = new Map<number, ChainLink>();
  /** Where links stand, as far as they were met: [place in AUD, last position sealed], ascending. */
  let met: [aud: number, to: number][] = [];
  let end = { aud: 0, to: 0, lookedAt: Number.NEGATIVE_INFINITY };

  async function linkAt(aud: number): Promise<ChainLink | null> {
    const known = kept.get(aud);
    if (known) return known;
    for await (const { link } of readLinks(within(store, aud), aud)) {
      if (link === null) return null;
      kept.set(aud, link);
      if (kept.size > KEPT_LINKS) kept.delete(kept.keys().next().value!);
      if (!met.some(([at]) => at === aud))
        met = [...met, [aud, link.to] as [number, number]].sort((a, b) => a[0] - b[0]);
      return link;
    }
    return null;
  }

  /** The link that holds the position; null when none does (yet), or when it is damaged. */
  return async (seq: number): Promise<ChainLink | null> => {
    for (const link of kept.values()) if (link.from <= seq && seq <= link.to) return link;
    if (seq > end.to) {
      const now = Date.now();
      if (now - end.lookedAt < LOOK_AGAIN_MS) return null;
      const { head, aud } = await chainHead(store);
      end = { aud: head?.aud ?? aud, to: head?.link.to ?? 0, lookedAt: now };
      if (seq > end.to) return null;
    }
    let low = (met.findLast(([, to]) => to < seq)?.[0] ?? 0) + 1;
    let high = met.find(([, to]) => to >= seq)?.[0] ?? end.aud;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let at = middle;
      let link = await linkAt(at);
      // Damaged links say nothing: the next one decides.
      while (link === null && at < high) link = await linkAt(++at);
      if (link !== null && link.to < seq) low = at + 1;
      else high = middle;
    }
    const link = await linkAt(low);
    return link !== null && link.from <= seq && seq <= link.to ? link : null;
  };
}

/** Throws LogDamaged before a message that is not the sealed one is handed on; other streams are read as they are. */
export function sealedStore(store: EventStore, log: StreamLog): EventStore {
  async function* checked<T extends Recorded | Recorded[]>(from: number, given: AsyncIterable<T>): AsyncGenerator<T> {
    const seals = createSeals(store, log);
    await seals.start(from);
    try {
      for await (const item of given) {
        const messages: Recorded[] = Array.isArray(item) ? item : [item];
        for (const message of messages) {
          const link = seals.at(message.seq) ?? (await seals.linkOf(message.seq, message.storedAt));
          if (link !== null) check(message, link);
        }
        yield item;
      }
    } catch (error) {
      if (!(error instanceof SequenceGap) || error.name === 'LogTruncated') throw error;
      const link = seals.at(error.expected) ?? (await seals.linkOf(error.expected, 0));
      if (link === null) throw error;
      throw new LogDamaged(error.expected, link.at, `is missing (the next one there is ${error.found})`, error);
    }
  }
  const sealOf = createSealsAnywhere(store);
  return {
    ...store,
    async get(stream, seqs) {
      const messages = await store.get(stream, seqs);
      if (stream !== 'EVT') return messages;
      for (const message of messages) {
        const link = await sealOf(message.seq);
        if (link !== null) check(message, link);
      }
      return messages;
    },
    read: (stream, range = {}) =>
      stream === 'EVT' ? checked(Math.max(1, range.from ?? 1), store.read(stream, range)) : store.read(stream, range),
    follow: (stream, options) =>
      stream === 'EVT'
        ? checked(Math.max(1, options.from), store.follow(stream, options))
        : store.follow(stream, options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
