// What every event store must do; the memory and the JetStream adapter both run it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogTruncated } from '#streams/density.ts';
import { type EventStore, type Recorded, SequenceGap, type StreamName, VersionConflict } from '#streams/event-store.ts';

export interface StoreUnderTest extends AsyncDisposable {
  store: EventStore;
  /** Takes a message away behind the store's back. */
  lose(stream: StreamName, seq: number): Promise<void>;
}

const text = (value: string) => new TextEncoder().encode(value);
const read = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
async function all(messages: AsyncIterable<Recorded>): Promise<Recorded[]> {
  const seen: Recorded[] = [];
  for await (const message of messages) seen.push(message);
  return seen;
}

/** Follows until `count` messages have come. */
async function take(store: EventStore, stream: StreamName, from: number, count: number, maxBytes?: number) {
  const stop = new AbortController();
  const seen: Recorded[] = [];
  const options = { from, signal: stop.signal, ...(maxBytes === undefined ? {} : { maxBytes }) };
  for await (const batch of store.follow(stream, options)) {
    seen.push(...batch);
    if (seen.length >= count) stop.abort();
  }
  return seen;
}

export function eventStoreContract(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`event store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: EventStore;
    let nextId = 0;
    const subject = () => `ctl.main.thing.${++nextId}`;
    beforeAll(async () => {
      under = await create();
      store = under.store;
    });
    afterAll(() => under[Symbol.asyncDispose]());

    test('appends get dense sequences and are read back in order, whole and by range', async () => {
      const first = await store.lastSequence('EVT');
      for (let i = 1; i <= 5; i++)
        expect(await store.append('evt.0.main', text(`pack ${i}`))).toEqual({ seq: first + i, duplicate: false });
      const messages = await all(store.read('EVT', { from: first + 1 }));
      expect(messages.map(({ seq, bytes }) => [seq - first, read(bytes)])).toEqual(
        [1, 2, 3, 4, 5].map((i) => [i, `pack ${i}`]),
      );
      expect(messages[0]!.subject).toBe('evt.0.main');
      expect(Math.abs(messages[0]!.storedAt - Date.now())).toBeLessThan(60_000);
      const middle = await all(store.read('EVT', { from: first + 2, to: first + 4 }));
      expect(middle.map(({ seq }) => seq - first)).toEqual([2, 3, 4]);
      expect(await all(store.read('EVT', { from: first + 6 }))).toEqual([]);
      expect(await store.lastSequence('EVT')).toBe(first + 5);
    });

    test('a subject is read alone, and wildcards work', async () => {
      const [a, b] = [`${subject()}`, `${subject()}`];
      for (const [to, what] of [
        [a, 'a1'],
        [b, 'b1'],
        [a, 'a2'],
      ] as const)
        await store.append(to, text(what));
      expect((await all(store.read('CTL', { subject: a }))).map(({ bytes }) => read(bytes))).toEqual(['a1', 'a2']);
      const everything = await all(store.read('CTL', { subject: 'ctl.main.thing.*' }));
      expect(everything.slice(-3).map(({ bytes }) => read(bytes))).toEqual(['a1', 'b1', 'a2']);
      const [first, , last] = everything.slice(-3).map(({ seq }) => seq);
      const since = async (to: string, from: number) =>
        (await all(store.read('CTL', { subject: to, from }))).map(({ bytes }) => read(bytes));
      expect([await since(a, first! + 1), await since(b, last! + 1), await since(a, last! + 2)]).toEqual([
        ['a2'],
        [],
        [],
      ]);
      expect(await store.lastSequence('CTL', a)).toBe(everything.at(-1)!.seq);
      expect(await store.lastSequence('CTL', 'ctl.main.thing.never')).toBe(0);
    });

    test('an expected version that is no longer true is refused, and nothing is stored', async () => {
      const to = subject();
      const first = await store.append(to, text('1'), { expectedLastSequence: 0 });
      const second = await store.append(to, text('2'), { expectedLastSequence: first.seq });
      const before = await store.lastSequence('CTL');
      await expect(store.append(to, text('x'), { expectedLastSequence: 0 })).rejects.toBeInstanceOf(VersionConflict);
      await expect(store.append(to, text('x'), { expectedLastSequence: first.seq })).rejects.toThrow(to);
      expect(await store.lastSequence('CTL')).toBe(before);
      expect(before).toBe(second.seq);
    });

    test('of two who write after the same version, one wins', async () => {
      const to = subject();
      const results = await Promise.allSettled(
        ['a', 'b', 'c'].map((who) => store.append(to, text(who), { expectedLastSequence: 0 })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(VersionConflict);
    });

    test('the same message id is stored once and answers with the first sequence, whatever version is expected', async () => {
      const to = subject();
      const messageId = `contract:${to}`;
      const first = await store.append(to, text('once'), { messageId, expectedLastSequence: 0 });
      expect(await store.append(to, text('once'), { messageId, expectedLastSequence: 0 })).toEqual({
        seq: first.seq,
        duplicate: true,
      });
      expect(await all(store.read('CTL', { subject: to }))).toHaveLength(1);
    });

    test('an empty message and one of half a megabyte come back to the byte; one that is too large is refused', async () => {
      const large = Uint8Array.from({ length: 512 << 10 }, (_, i) => (i * 31) & 255);
      const first = await store.append('evt.1.main', new Uint8Array(0));
      await store.append('evt.1.main', large);
      const [empty, back] = await all(store.read('EVT', { from: first.seq }));
      expect(empty!.bytes.length).toBe(0);
      expect(Buffer.compare(back!.bytes, large)).toBe(0);
      await expect(store.append('evt.1.main', new Uint8Array(20 << 20))).rejects.toThrow(/more than one message/);
    });

    test('a follower gets what was there, then what comes, once and in order', async () => {
      const first = (await store.append('evt.2.main', text('0'))).seq;
      const following = take(store, 'EVT', first, 60);
      for (let i = 1; i < 60; i++) {
        await store.append('evt.2.main', text(String(i)));
        if (i % 20 === 0) await sleep(30);
      }
      const seen = await following;
      expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, i) => first + i));
      expect(seen.map(({ bytes }) => Number(read(bytes)))).toEqual(Array.from({ length: 60 }, (_, i) => i));
    });

    test('single messages come in the order asked for; one that is not there is a gap', async () => {
      const first = await store.lastSequence('EVT');
      for (let i = 1; i <= 40; i++) await store.append('evt.0.main', text(`single ${i}`));
      const wanted = [40, 3, 17, ...Array.from({ length: 30 }, (_, i) => i + 5)];
      const found = await store.get(
        'EVT',
        wanted.map((i) => first + i),
      );
      expect(found.map(({ seq, subject, bytes }) => [seq - first, subject, read(bytes)])).toEqual(
        wanted.map((i) => [i, 'evt.0.main', `single ${i}`]),
      );
      await expect(store.get('EVT', [first + 1, first + 41])).rejects.toBeInstanceOf(SequenceGap);
      expect(await store.get('EVT', [])).toEqual([]);
    });

    test('a slow follower is given bounded batches and loses nothing', async () => {
      const bytes = new Uint8Array(10_000);
      const first = (await store.append('evt.3.main', bytes)).seq;
      for (let i = 1; i < 40; i++) await store.append('evt.3.main', bytes);
      const stop = new AbortController();
      const seen: number[] = [];
      for await (const batch of store.follow('EVT', { from: first, signal: stop.signal, maxBytes: 30_000 })) {
        expect(batch.length).toBeLessThanOrEqual(4);
        await sleep(5);
        seen.push(...batch.map(({ seq }) => seq));
        if (seen.length === 40) stop.abort();
      }
      expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => first + i));
    });

    test('twenty followers see the same', async () => {
      const first = (await store.append('evt.0.main', text('start'))).seq;
      const following = Array.from({ length: 20 }, () => take(store, 'EVT', first, 100));
      for (let i = 1; i < 100; i++) await store.append('evt.0.main', text(String(i)));
      for (const seen of await Promise.all(following))
        expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => first + i));
    });

    test('a follower ends when it is told to: while it waits, before it starts, and when the loop is left', async () => {
      const from = (await store.lastSequence('EVT')) + 1;
      const stop = new AbortController();
      const waiting = all(flat(store.follow('EVT', { from, signal: stop.signal })));
      await sleep(20);
      stop.abort();
      expect(await waiting).toEqual([]);
      expect(await all(flat(store.follow('EVT', { from: 1, signal: AbortSignal.abort() })))).toEqual([]);
      for await (const _ of store.follow('EVT', { from: 1, signal: new AbortController().signal })) break;
    });

    test('a follower that is ahead of the log is told so', async () => {
      const last = await store.lastSequence('EVT');
      const signal = new AbortController().signal;
      await expect(all(flat(store.follow('EVT', { from: last + 10, signal })))).rejects.toBeInstanceOf(LogTruncated);
    });

    test('a missing position stops readers with SequenceGap, after everything before it', async () => {
      const first = (await store.append('evt.0.main', text('kept'))).seq;
      for (const what of ['lost', 'lost too', 'kept again']) await store.append('evt.0.main', text(what));
      await under.lose('EVT', first + 1);
      await under.lose('EVT', first + 2);
      const gap = { name: 'SequenceGap', expected: first + 1, found: first + 3 };
      await expect(all(store.read('EVT', { from: first }))).rejects.toMatchObject(gap);
      const signal = new AbortController().signal;
      await expect(all(flat(store.follow('EVT', { from: first, signal })))).rejects.toBeInstanceOf(SequenceGap);
      await expect(all(flat(store.follow('EVT', { from: first + 1, signal })))).rejects.toMatchObject(gap);
      expect(await all(store.read('EVT', { from: first + 3 }))).toHaveLength(1);
    });
  });
}

async function* flat(batches: AsyncIterable<Recorded[]>): AsyncGenerator<Recorded> {
  for await (const batch of batches) yield* batch;
}
