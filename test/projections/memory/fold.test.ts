// The fold's loop over a log in memory: following, waiting, changed rows, statistics for fits, saving, failing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { features } from '#domain/features.ts';
import { createRates } from '#domain/rates.ts';
import { COLUMN_FLAG, createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { DirtyRows } from '#projections/memory/dirty-rows.ts';
import { type FoldDeps, startFold } from '#projections/memory/fold.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import type { FoldMessage } from '#projections/memory/protocol.ts';
import { summarize } from '#projections/memory/summary.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { apply, createWriter, hex, order, refund, sidOf } from './scenario.ts';

let dir: string;
let store: MemoryStore;
let said: FoldMessage[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'axiom47-fold-'));
  store = createMemoryStore();
  said = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const logs: { message: string }[] = [];
const deps = (more: Partial<FoldDeps> = {}): FoldDeps => ({
  store,
  snapshotDir: dir,
  ledger: { maxCustomers: 1 << 12 },
  log: {
    info: (fields, message) => void logs.push({ ...fields, message }),
    warn: (fields, message) => void logs.push({ ...fields, message }),
  },
  say: (message) => void said.push(message),
  ...more,
});
const append = async (...messages: Uint8Array[]) => {
  for (const bytes of messages) await store.append('evt.0.main', bytes);
};

describe('the loop', () => {
  test('whoever waits for a position reads it in the columns', async () => {
    const writer = createWriter();
    const fold = await startFold(deps());
    const columns = openColumns(fold.handlers.columns());
    const out = createCustomerColumns();
    for (let i = 1; i <= 30; i++) {
      const waited = fold.handlers.waitFor(i);
      await append(writer.pack([order('ann', `${i}`, i, 100)]));
      await waited;
      expect(columns.state().seq).toBeGreaterThanOrEqual(i);
      columns.read(columns.rowOf(sidOf('ann')), out);
      expect(out.orders).toBe(i);
    }
    expect(fold.handlers.entries(sidOf('ann'))!.orders).toHaveLength(30);
    expect(fold.handlers.entriesOf([sidOf('ann'), sidOf('bob')])[1]).toBeNull();
    await fold.handlers.stop();
    await expect(fold.handlers.waitFor(31)).rejects.toThrow(/stopped/);
  });

  test('a restart goes on from the snapshot of the stop; facts and deployments are said', async () => {
    const writer = createWriter();
    const deployed = { kind: 'clv', model: 'm', version: 1, digest: 'd', at: 5, ctlSequence: 3 };
    await append(
      writer.pack([order('ann', '1', 1, 100)]),
      writer.fact({ type: 'clock.set', mode: 'wall' }),
      writer.fact({ type: 'model.deployed', ...deployed }),
    );
    const first = await startFold(deps());
    await first.handlers.waitFor(3);
    const digest = first.handlers.digest();
    await first.handlers.stop();
    expect(said.find((m) => m.event === 'clock')).toMatchObject({ facts: { clock: 'wall' } });
    expect(said.find((m) => m.event === 'model.deployed')).toMatchObject({ deployment: { seq: 3, model: 'm' } });

    const read: number[] = [];
    const follow: typeof store.follow = (stream, options) => {
      read.push(options.from);
      return store.follow(stream, options);
    };
    const second = await startFold(deps({ store: { ...store, follow } }));
    expect(second.handlers.position()).toMatchObject({ seq: 3, snapshotSeq: 3, orders: 1, failure: null });
    expect(second.handlers.digest()).toEqual(digest);
    expect(second.handlers.deployments()).toEqual([{ seq: 3, percent: 100, ...deployed }]);
    await append(writer.pack([order('ann', '2', 2, 100)]));
    await second.handlers.waitFor(4);
    expect(read).toEqual([4]);
    await second.handlers.stop();
  });

  test('it saves by itself when the tail has become long', async () => {
    const writer = createWriter();
    const fold = await startFold(deps({ snapshotAfterMs: 0 }));
    await append(writer.pack([order('ann', '1', 1, 100)]));
    await fold.handlers.waitFor(1);
    await expect.poll(() => fold.handlers.position().snapshotSeq).toBe(1);
    await fold.handlers.stop();
  });

  test('a snapshot of another log is not used', async () => {
    const fold = await startFold(deps());
    await append(createWriter().pack([order('ann', '1', 1, 100)]));
    await fold.handlers.waitFor(1);
    await fold.handlers.stop();
    store = createMemoryStore();
    await append(createWriter().pack([order('bob', '1', 1, 100)]));
    const other = await startFold(deps());
    await other.handlers.waitFor(1);
    expect(other.handlers.entries(sidOf('ann'))).toBeNull();
    expect(other.handlers.position().customers).toBe(1);
    await other.handlers.stop();
  });

  test('a hole in the log ends the fold, with its place, and whoever waits is told', async () => {
    const writer = createWriter();
    const packs = [1, 2, 3].map((i) => writer.pack([order('ann', `${i}`, i, 100)]));
    await append(packs[0]!, packs[2]!);
    const fold = await startFold(deps());
    await expect(fold.handlers.waitFor(2)).rejects.toMatchObject({ code: 'counter-gap' });
    expect(said.at(-1)).toMatchObject({
      event: 'failed',
      code: 'counter-gap',
      message: expect.stringMatching(/EVT 2/),
    });
    expect(fold.handlers.position()).toMatchObject({ seq: 1, failure: { code: 'counter-gap' } });
    await expect(fold.handlers.waitFor(2)).rejects.toMatchObject({ code: 'counter-gap' });
    await expect(fold.done).rejects.toThrow(/EVT 2/);
    await fold.handlers.stop();
  });
});

describe('changed rows', () => {
  const names = Array.from({ length: 23 }, (_, i) => `c${i}`);
  test('pages of any size bring every customer to its last state, while others change in between', () => {
    const step = fc.record({
      who: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
      page: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (steps, limit) => {
        const writer = createWriter();
        const ledger = createLedger({ maxCustomers: 1 << 10 });
        const dirty = new DirtyRows(ledger);
        const mirror = new Map<string, { orders: number; seq: number }>();
        let since = 0;
        const pull = () => {
          const { rows, seq } = dirty.after(since, limit);
          rows.seqs.forEach((at, i) => {
            expect(at).toBeGreaterThan(since);
            expect(at).toBeLessThanOrEqual(seq);
            mirror.set(hex(rows.sids.subarray(i * 16, i * 16 + 16)), { orders: rows.orders[i]!, seq: at });
          });
          since = seq;
          return rows.seqs.length;
        };
        steps.forEach(({ who, page }, i) => {
          apply(ledger, [writer.pack(who.map((id, k) => order(id, `${i} ${k}`, i, 1)))]);
          if (page) pull();
        });
        while (since < ledger.position) pull();
        expect(pull()).toBe(0);
        const truth = new Map(
          names.flatMap((id) => {
            const entries = ledger.entries(sidOf(id));
            return entries ? [[entries.sid, { orders: entries.orders.length, seq: entries.seq }] as const] : [];
          }),
        );
        expect(mirror).toEqual(truth);
      }),
      { numRuns: 150 },
    );
  });

  test('linked and erased customers come as such, with the currency of their money', () => {
    const writer = createWriter();
    const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
      writer.pack([order('anon', '1', 1, 5), order('ann', '2', 2, 5), order('bob', '3', 3, 5, { currency: 'USD' })]),
      writer.pack([order('cy', '4', 4, 5)]),
      writer.fact({ type: 'customer.linked', anonymous: sidOf('anon'), known: sidOf('ann') }),
      writer.fact({ type: 'customer.erased', sids: [sidOf('cy')], at: 1 }),
    ]);
    const { rows, seq } = new DirtyRows(ledger).after(0, 100);
    const of = (id: string) => {
      const i = rows.seqs.findIndex((_, at) => hex(rows.sids.subarray(at * 16, at * 16 + 16)) === hex(sidOf(id)));
      return [rows.flags[i], rows.orders[i], rows.netMinor[i], rows.currencies[rows.currency[i]!]];
    };
    expect(seq).toBe(4);
    expect(of('anon')).toEqual([COLUMN_FLAG.linked | COLUMN_FLAG.anonymous, 0, 0, 'EUR']);
    expect(of('ann')).toEqual([0, 2, 10, 'EUR']);
    expect(of('bob')).toEqual([COLUMN_FLAG.noRate, 1, 5, 'USD']);
    expect(of('cy')).toEqual([COLUMN_FLAG.erased, 0, 0, 'EUR']);
  });
});

describe('statistics for fits', () => {
  const one = fc.record({
    who: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'anonymous'),
    day: fc.integer({ min: 0, max: 30 }),
    minor: fc.integer({ min: 0, max: 3 }),
    kind: fc.constantFrom('order', 'order', 'order', 'refund'),
  });
  test('equal features(entries, day) customer by customer, on any day, in any order of arrival', () => {
    fc.assert(
      fc.property(fc.array(one, { maxLength: 50 }), fc.integer({ min: 0, max: 31 }), (list, day) => {
        const events = list.map((e, i) =>
          e.kind === 'order'
            ? order(e.who, `${i}`, e.day, e.minor, { anonymous: e.who === 'anonymous' })
            : { ...refund(e.who, `${i}`, e.day, e.minor), anonymous: e.who === 'anonymous' },
        );
        const fold = (stored: typeof events) =>
          apply(createLedger({ maxCustomers: 1 << 10 }), [createWriter().pack(stored)]);
        const ledger = fold(events);
        const summary = summarize(ledger, day);
        expect(summarize(fold(events.toReversed()), day)).toEqual(summary);

        const seen = [...new Set(events.map((e) => hex(e.sid)))].map((sid) => Buffer.from(sid, 'hex'));
        const known = seen.map((sid) => ledger.entries(sid)!).filter((entries) => !entries.anonymous);
        const rows = known.map((entries) => features(entries, day, { rates: createRates('EUR') }));
        const buyers = rows.filter((f) => f.firstDay !== null);
        const expand = (values: Float64Array[], weight: Float64Array) =>
          [...weight].flatMap((w, i) => Array.from({ length: w }, () => values.map((v) => v[i]!).join())).sort();
        const { histories: h, spend: s } = summary;
        expect(expand([h.frequency, h.recencyDays, h.ageDays], h.weight)).toEqual(
          buyers.map((f) => [f.frequency, f.recencyDays, f.ageDays].join()).sort(),
        );
        expect(expand([s.frequency, s.monetaryValue], s.weight)).toEqual(
          buyers
            .filter((f) => f.moneyDays > 0)
            .map((f) => [f.moneyDays, f.moneyMinor / 100 / f.moneyDays].join())
            .sort(),
        );
        expect(summary.excluded.anonymous).toBe(
          ledger.entries(sidOf('anonymous'))?.orders.some((o) => o.day <= day) ? 1 : 0,
        );
      }),
      { numRuns: 200 },
    );
  });

  test('left-truncated customers are left out, those without a rate only of the money', () => {
    const writer = createWriter();
    const coverage = { digest: '', backfill: true, amend: false, startedAt: 1, coverage: 5 };
    const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
      writer.fact({ type: 'import.started', run: 'r', source: 'shop', ...coverage }),
      writer.pack([
        order('old', '1', 4, 100),
        order('new', '2', 5, 100),
        order('usd', '3', 6, 100, { currency: 'USD' }),
        order('usd', '4', 8, 100, { currency: 'USD' }),
      ]),
    ]);
    const summary = summarize(ledger);
    expect(summary).toMatchObject({ day: 8, firstDay: 5, excluded: { leftTruncated: 1, anonymous: 0, noRate: 1 } });
    expect([...summary.histories.weight]).toEqual([1, 1]);
    expect(summary.spend.weight).toHaveLength(0);
  });
});
