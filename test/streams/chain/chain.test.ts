// Every kind of damage is found, named and located, and nothing behind it is handed on.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeLink, encodeLink, FIRST_PREVIOUS, LogDamaged } from '#streams/chain/link.ts';
import { chainHead, readLinks, sealedStore } from '#streams/chain/sealed.ts';
import { verifyChain } from '#streams/chain/verify.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import type { EventStore, Recorded } from '#streams/event-store.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { damaged, packNumber, renumbered, seal, sealedLog } from './support.ts';

const MESSAGES = 100;
const PER_LINK = 16;
let store: MemoryStore;
beforeAll(async () => {
  store = createMemoryStore();
  await sealedLog(store, MESSAGES, PER_LINK);
});

/** What a reader was given before it was refused. */
async function readUntilRefused(of: EventStore, from = 1): Promise<{ seqs: number[]; error: unknown }> {
  const seqs: number[] = [];
  try {
    for await (const { seq } of sealedStore(of, silent).read('EVT', { from })) seqs.push(seq);
  } catch (error) {
    return { seqs, error };
  }
  return { seqs, error: null };
}
const upTo = (n: number, from = 1) => Array.from({ length: Math.max(0, n - from + 1) }, (_, i) => from + i);
const faultsOf = async (of: EventStore) =>
  (await verifyChain(of)).faults.map(({ kind, from, to }) => `${kind} ${from}${to === from ? '' : `-${to}`}`);
const place = fc.integer({ min: 1, max: MESSAGES });

test('a whole log verifies: links are dense, each names the one before it, and every message is under one', async () => {
  const report = await verifyChain(store);
  expect(report).toMatchObject({ ok: true, messages: MESSAGES, links: 7, sealedTo: MESSAGES, faults: [] });
  expect((await chainHead(store)).head?.link).toMatchObject({ n: 7, from: 97, to: 100 });
  expect(await readUntilRefused(store, 1)).toEqual({ seqs: upTo(MESSAGES), error: null });
});

test('one flipped bit anywhere: the message is named, and a reader from any place gets what is before it and no more', async () => {
  await fc.assert(
    fc.asyncProperty(place, fc.nat(), place, async (seq, bit, from) => {
      const bad = await damaged(store, (all) =>
        all.map((one) => {
          if (one.seq !== seq) return one;
          const bytes = Uint8Array.from(one.bytes);
          bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
          return { ...one, bytes };
        }),
      );
      expect(await faultsOf(bad)).toEqual([`changed ${seq}`]);
      const { seqs, error } = await readUntilRefused(bad, from);
      if (from > seq) expect([seqs, error]).toEqual([upTo(MESSAGES, from), null]);
      else {
        expect(seqs).toEqual(upTo(seq - 1, from));
        expect(error).toBeInstanceOf(LogDamaged);
        expect(error).toMatchObject({ code: 'log-damaged', seq });
      }
    }),
    { numRuns: 60 },
  );
});

const DAMAGE: [string, (all: Recorded[], at: number) => Recorded[], (at: number) => string[]][] = [
  [
    'two messages swapped',
    (all, at) => renumbered(all.map((one, i) => (i === at - 1 ? all[at + 4]! : i === at + 4 ? all[at - 1]! : one))),
    (at) => [`swapped ${at}`, `swapped ${at + 5}`],
  ],
  [
    'neighbours swapped',
    (all, at) => renumbered(all.map((one, i) => (i === at - 1 ? all[at]! : i === at ? all[at - 1]! : one))),
    (at) => [`swapped ${at}-${at + 1}`],
  ],
  [
    'a message inserted',
    (all, at) => renumbered([...all.slice(0, at - 1), { ...all[0]!, bytes: packNumber(9_999) }, ...all.slice(at - 1)]),
    (at) => [`inserted ${at}`],
  ],
  [
    'a message doubled',
    (all, at) => renumbered([...all.slice(0, at - 1), all[at - 2]!, ...all.slice(at - 1)]),
    (at) => [`inserted ${at}`],
  ],
  [
    'a message removed and the rest moved up',
    (all, at) => renumbered(all.filter((_, i) => i !== at - 1)),
    (at) => [`removed ${at}`, `truncated ${MESSAGES}`],
  ],
  ['a message lost', (all, at) => all.filter(({ seq }) => seq !== at), (at) => [`missing ${at}`]],
  [
    'three messages lost',
    (all, at) => all.filter(({ seq }) => seq < at || seq > at + 2),
    (at) => [`missing ${at}-${at + 2}`],
  ],
  ['the end lost', (all, at) => all.slice(0, at - 1), (at) => [`truncated ${at}-${MESSAGES}`]],
  [
    'a subject changed',
    (all, at) => all.map((one) => (one.seq === at ? { ...one, subject: 'evt.all.main' } : one)),
    (at) => [`changed ${at}`],
  ],
];
describe.each(DAMAGE)('%s', (_, change, wanted) => {
  test.each([3, 16, 17, 40, 81])('at %i is named and located', async (at) => {
    const bad = await damaged(store, (all) => change(all, at));
    const found = await faultsOf(bad);
    // The last message of a link has no neighbour in it that would say what kind it is; the place is known all the same.
    const atEdge = Math.floor((at - 1) / PER_LINK) !== Math.floor((at + 1) / PER_LINK);
    if (atEdge) expect(found[0]).toMatch(new RegExp(`^\\w+ ${at}(-|$)`));
    else expect(found).toEqual(wanted(at));
    const { seqs, error } = await readUntilRefused(bad);
    expect((error as LogDamaged).code).toBe('log-damaged');
    // A log that has lost its end is refused before the first message.
    if ((error as LogDamaged).message.includes('lost its end')) expect(seqs).toEqual([]);
    else expect(seqs).toEqual(upTo(at - 1));
  });
});

test('a damaged link is told apart from a damaged log; what it sealed is read, the rest stays checked', async () => {
  const bad = await damaged(
    store,
    (all) =>
      all.map((one) => {
        if (one.seq !== 3) return one;
        const bytes = Uint8Array.from(one.bytes);
        bytes[40]! ^= 4;
        return { ...one, bytes };
      }),
    'AUD',
  );
  expect(await faultsOf(bad)).toEqual(['link 33-48']);
  expect((await readUntilRefused(bad)).seqs).toEqual(upTo(MESSAGES));
  const both = await damaged(bad, (all) => all.map((one) => (one.seq === 60 ? { ...one, bytes: packNumber(1) } : one)));
  expect(await faultsOf(both)).toEqual(['link 33-48', 'changed 60']);
  expect((await readUntilRefused(both)).seqs).toEqual(upTo(59));
});

test('a chain that was written anew has another head, and a link put in its place is found', async () => {
  const { head } = await verifyChain(store);
  const other = createMemoryStore();
  await sealedLog(other, MESSAGES - 1, PER_LINK);
  expect((await verifyChain(other)).head).not.toBe(head);
  const forged = await damaged(
    store,
    (all) =>
      all.map((one) => {
        if (one.seq !== 4) return one;
        const { link } = decodeLink(one.bytes)!;
        return { ...one, bytes: encodeLink({ ...link, previous: FIRST_PREVIOUS }).bytes };
      }),
    'AUD',
  );
  // It names another link before it, and the one after it names another one than it is.
  expect((await verifyChain(forged)).faults.map(({ kind }) => kind)).toEqual(['link', 'link']);
});

test('a link is read back as it was written; one bit off it is none', () => {
  const link = {
    n: 7,
    from: 9,
    to: 10,
    at: 1_700_000_000_000,
    digests: new Uint8Array(32).fill(3),
    previous: FIRST_PREVIOUS,
  };
  const { bytes } = encodeLink(link);
  const read = decodeLink(bytes)!.link;
  expect({ ...read, digests: [...read.digests], previous: [...read.previous] }).toEqual({
    ...link,
    digests: [...link.digests],
    previous: [...link.previous],
  });
  for (let at = 0; at < bytes.length * 8; at += 5) {
    const bad = Uint8Array.from(bytes);
    bad[at >> 3]! ^= 1 << (at & 7);
    expect(decodeLink(bad)).toBeNull();
  }
});

test('two writers at once: one chain without holes, and the slower one goes on behind the faster', async () => {
  const shared = createMemoryStore();
  const writers = await Promise.all(
    [5, 7].map((linkMessages) => startChainWriter({ store: shared, log: silent, linkMessages, sealAfterMs: 1 })),
  );
  for (let n = 0; n < 200; n++) {
    await shared.append('evt.0.main', packNumber(n));
    if (n % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (writers.some((writer) => writer.sealedTo < 200)) {
    await Promise.all(writers.map((writer) => writer.seal()));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const writer of writers) await writer[Symbol.asyncDispose]();
  expect(await verifyChain(shared)).toMatchObject({ ok: true, sealedTo: 200 });
});

test('a writer refuses to seal a log that ends before its chain', async () => {
  const short = await damaged(store, (all) => all.slice(0, 50));
  const writer = await startChainWriter({ store: short, log: silent });
  await expect(writer.done).rejects.toMatchObject({ code: 'log-damaged', seq: 51 });
  await writer[Symbol.asyncDispose]();
});

test('a follower that lags looks at the chain again: what was sealed after it began is checked too', async () => {
  const log = createMemoryStore({ now: () => Date.now() - 60_000 });
  await sealedLog(log, 20, 8);
  const stop = new AbortController();
  const seen: number[] = [];
  const bad: EventStore = {
    ...log,
    async *follow(_, { from }) {
      for (let seq = from; ; seq++) {
        if (seq === 21) {
          for (let n = 20; n < 40; n++) await log.append('evt.0.main', packNumber(n));
          await seal(log, 40, 8);
          await new Promise((resolve) => setTimeout(resolve, 1_050));
        }
        for await (const one of log.read('EVT', { from: seq, to: seq }))
          yield [seq === 33 ? { ...one, bytes: packNumber(0) } : one];
      }
    },
  };
  const reading = (async () => {
    for await (const batch of sealedStore(bad, silent).follow('EVT', { from: 1, signal: stop.signal }))
      seen.push(...batch.map(({ seq }) => seq));
  })();
  await expect(reading).rejects.toMatchObject({ code: 'log-damaged', seq: 33 });
  expect(seen).toEqual(upTo(32));
});

test('links are found from any place of the log', async () => {
  const links = [];
  for await (const { link } of readLinks(store)) links.push(link?.to);
  expect(links).toEqual([16, 32, 48, 64, 80, 96, 100]);
});

test('single messages in any order are checked each by its own link; one bit off is refused, and only it', async () => {
  const numbers = fc.uniqueArray(place, { minLength: 1, maxLength: 12 });
  const whole = sealedStore(store, silent);
  await fc.assert(
    fc.asyncProperty(numbers, place, async (wanted, bad) => {
      expect((await whole.get('EVT', wanted)).map(({ seq }) => seq)).toEqual(wanted);
      const broken = await damaged(store, (all) =>
        all.map((one) =>
          one.seq === bad ? { ...one, bytes: Uint8Array.from(one.bytes, (b, i) => (i === 9 ? b ^ 1 : b)) } : one,
        ),
      );
      const asked = sealedStore(broken, silent).get('EVT', wanted);
      if (wanted.includes(bad)) await expect(asked).rejects.toMatchObject({ code: 'log-damaged', seq: bad });
      else expect(await asked).toHaveLength(wanted.length);
    }),
    { numRuns: 40 },
  );
});
