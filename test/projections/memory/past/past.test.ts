// The thread of the past, without the thread: nothing imported later changes an earlier moment, nobody erased since has one, and whatever is wrong
// with the index is made good from the log.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Fact } from '#domain/envelope.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { startFold } from '#projections/memory/fold.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { startPast } from '#projections/memory/past/past.ts';
import type { Chunk } from '#projections/memory/past/recorder.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { createWriter, order, refund, sidOf } from '../scenario.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});
const newDir = () => {
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-past-'));
  dirs.push(dir);
  return dir;
};
const ledger = { reportingCurrency: 'EUR', maxCustomers: 1 << 12 };

/** Fold and past over one log, as their threads are; `stop` as a server stops. */
async function started(store: MemoryStore, dir: string) {
  const said: string[] = [];
  const log = {
    info: (_: object, message: string) => said.push(message),
    warn: (_: object, message: string) => said.push(message),
  };
  const folders = { snapshotDir: dir, indexDir: join(dir, 'events') };
  const past = await startPast({ store, ...folders, ledger, log, tailPostings: 500 });
  const feed = { begin: past.begin, add: (chunk: Chunk) => past.add(structuredClone(chunk)), flush: past.flush };
  const fold = await startFold({ store, snapshotDir: dir, ledger, log, say: () => {}, past: feed });
  past.handlers.open(fold.handlers.columns());
  await fold.handlers.waitFor(await store.lastSequence('EVT'));
  await past.flush();
  return {
    said,
    past: past.handlers,
    fold: fold.handlers,
    /** Until the index is whole. */
    async whole() {
      while (past.handlers.status().making !== null) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      await fold.handlers.stop();
      await past.handlers.stop();
    },
  };
}

function logs() {
  const store = createMemoryStore();
  const writer = createWriter();
  return {
    store,
    writer,
    append: async (bytes: Uint8Array, lane = '0') => (await store.append(`evt.${lane}.main`, bytes)).seq,
  };
}
const coverage = (day: number): Fact => ({
  type: 'import.started',
  run: `from-${day}`,
  source: 'shop',
  digest: 'd',
  backfill: true,
  amend: false,
  startedAt: 0,
  coverage: day,
});

test('an erasure reaches the past, by the index and by a fold that is at hand; a later import’s coverage does not', async () => {
  const { store, writer, append } = logs();
  await append(writer.pack([order('ann', 'a', 10, 1000), order('ann', 'b', 20, 1000), order('bob', 'c', 15, 500)]));
  const seq = await append(writer.fact({ type: 'customer.linked', anonymous: sidOf('x'), known: sidOf('ann') }), 'all');
  await append(writer.pack([order('bob', 'd', 30, 700)]));
  const running = await started(store, newDir());
  const { past } = running;
  const three = () => past.customers(['ann', 'x', 'bob'].map(sidOf), seq);
  const weights = async () => (await past.statistics(seq, 40)).histories.weight.reduce((a, b) => a + b);

  const before = (await three()).customers;
  expect(before[0]).toMatchObject({ entries: { erased: false, orders: [{ day: 10 }, { day: 20 }] } });
  expect(before[2]!.entries.orders).toHaveLength(1);
  expect(await weights()).toBe(2);

  await append(writer.fact(coverage(18)), 'all');
  const last = await append(writer.fact({ type: 'customer.erased', sids: [sidOf('ann'), sidOf('x')], at: 1 }), 'all');
  await running.fold.waitFor(last);
  const [ann, x, bob] = (await three()).customers;
  for (const each of [ann, x])
    expect(each).toMatchObject({ entries: { erased: true, orders: [] }, flags: COLUMN_FLAG.erased });
  expect(bob).toMatchObject({ flags: 0, entries: { orders: [{ day: 15 }] } });
  expect(await weights()).toBe(1);
  expect(await past.summary(seq, null)).toMatchObject({ seq, customers: 1, erased: 1, buyers: 1, gross: { EUR: 500 } });
  await running.stop();
});

/** 900 packs of about ten events of 700 customers; money of two currencies. */
async function longLog() {
  const log = logs();
  const packs: Uint8Array[] = [];
  for (let n = 0; n < 900; n++)
    packs.push(
      log.writer.pack(
        Array.from({ length: 8 + (n % 5) }, (_, i) => {
          const who = `c${(n * 31 + i * i * 7) % 700}`;
          return i === 3
            ? refund(who, `${n} ${i}`, n % 300, 5)
            : order(who, `${n} ${i}`, n % 300, 100 + i, { currency: i === 1 ? 'USD' : 'EUR' });
        }),
      ),
    );
  for (const bytes of packs) await log.append(bytes);
  return log;
}
const some = ['c0', 'c7', 'c31', 'c699', 'nobody'].map(sidOf);

async function asFolded(store: MemoryStore, seq: number) {
  const whole = await everybodyAt(store, seq, { ledger, snapshotDir: null, log: { info() {}, warn() {} } });
  return some.map((sid) => whole.entries(sid));
}

test('a server that starts again goes on with its index; one that was killed, or whose index is damaged, makes it again', async () => {
  const { store, writer, append } = await longLog();
  const dir = newDir();
  const index = join(dir, 'events');
  const agree = async (past: Awaited<ReturnType<typeof started>>['past']) => {
    for (const seq of [1, 250, 899]) {
      const { customers } = await past.customers(some, seq);
      expect(customers.map((each) => each?.entries ?? null)).toEqual(await asFolded(store, seq));
    }
  };
  const first = await started(store, dir);
  await agree(first.past);
  expect(first.past.status()).toMatchObject({ indexed: 900, making: null });
  const { postings } = first.past.status();
  expect(postings).toBe(first.fold.position().events);
  await first.stop();

  const second = await started(store, dir);
  expect(second.said).not.toContain('event index is made from the log');
  await append(writer.pack([order('c0', 'later', 3, 1)]));
  await second.fold.waitFor(901);
  await agree(second.past);
  await second.stop();

  // The folder is gone: from the log, beside the answers.
  rmSync(index, { recursive: true });
  const third = await started(store, dir);
  await agree(third.past);
  await third.whole();
  expect(third.past.status()).toMatchObject({ indexed: 901, making: null, postings: postings + 1 });
  expect(third.said).toContain('event index is whole');
  await agree(third.past);
  await third.stop();

  // A bit of every page: whoever asks gets the right answer, and the index is made again.
  for (const file of readdirSync(index).filter((each) => each.endsWith('.state'))) {
    const bytes = readFileSync(join(index, file));
    for (let at = 20; at < bytes.length * 0.6; at += 4_096) bytes[at]! ^= 4;
    writeFileSync(join(index, file), bytes);
  }
  const fourth = await started(store, dir);
  await agree(fourth.past);
  await fourth.whole();
  expect(fourth.said).toContain('event index is damaged; it is made again');
  await agree(fourth.past);
  expect(fourth.past.status()).toMatchObject({ indexed: 901, making: null });
  await fourth.stop();
});

test('the clock of an earlier position is that of the fold, between two steps of the index too, before and after another zone', async () => {
  const { store, writer, append } = await longLog();
  await append(writer.fact({ type: 'ledger.rezoned', version: 5, zone: 'Etc/GMT-3', offsets: [[0, 180]] }), 'all');
  await append(writer.pack([order('c1', 'late', 400, 1, { dateOnly: false, at: 400 * 86_400_000 - 1 })]));
  const running = await started(store, newDir());
  for (const seq of [1, 63, 64, 65, 400, 899, 900, 901, 902]) {
    const { clockAt, clockDay } = await everybodyAt(store, seq, {
      ledger,
      snapshotDir: null,
      log: { info() {}, warn() {} },
    });
    expect(await running.past.clockAt(seq)).toEqual({ clockAt, clockDay });
  }
  await running.stop();
});

test('everybody at many positions at once: one fold at a time, askers of one position share it, and who comes after too many is told to come again', async () => {
  const { store, writer, append } = logs();
  for (let n = 0; n < 8; n++) await append(writer.pack([order(`c${n}`, `${n}`, n, 100)]));
  let folds = 0;
  let [now, most] = [0, 0];
  const gate = Promise.withResolvers<void>();
  async function* read(...asked: Parameters<typeof store.read>) {
    // Facts alone are no fold.
    if (asked[1]?.subject !== undefined) return yield* store.read(...asked);
    folds++;
    most = Math.max(most, ++now);
    try {
      await gate.promise;
      yield* store.read(...asked);
    } finally {
      now--;
    }
  }
  const dir = newDir();
  const log = { info() {}, warn() {} };
  const { handlers } = await startPast({
    ...{ store: { ...store, read }, snapshotDir: dir, indexDir: join(dir, 'events'), ledger, log },
  });
  const ask = (seq: number) => handlers.summary(seq, null);
  const asked = [1, 2, 3, 3, 4, 5].map(ask);
  // Without an index, one customer's past is a fold of everybody, too.
  const refused = [ask(6), handlers.customers([sidOf('c1')], 7)];
  for (const each of refused) await expect(each).rejects.toMatchObject({ code: 'past-busy' });
  gate.resolve();
  expect((await Promise.all(asked)).map(({ customers }) => customers)).toEqual([1, 2, 3, 3, 4, 5]);
  expect([folds, most]).toEqual([5, 1]);
  // The last one is at hand; another is folded anew.
  expect([(await ask(5)).customers, folds]).toEqual([5, 5]);
  expect([(await ask(6)).customers, folds]).toEqual([6, 6]);
  await handlers.stop();
});
