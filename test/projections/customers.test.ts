// Customers as state: pulled from the fold, listed page by page, scored in bulk.
import fc from 'fast-check';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, type OpenTables, openTables, sidBytes, sidKeyOf } from '#projections/catalogue.ts';
import {
  type CustomerPage,
  customerPage,
  decodeCursor,
  encodeCursor,
  SCORE_SORTS,
  valuedQuery,
} from '#projections/customer-profile.ts';
import type { FoldState } from '#projections/customers.ts';
import { COLUMN_FLAG } from '#projections/memory/row-layout.ts';
import { type Projector, startProjector } from '#projections/projector.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import { eventsInWindow, totals, weeklyRepeatPurchases, weeklyRepeatQuery } from '#projections/stats.ts';
import { timeline } from '#projections/transactions.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { customerState, type PlainState } from './state.ts';
import { createDatabase, event, keepLog, logOf, rowsOf, sid, uuidOf, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const plain = (n: number, seq: number, rest: Partial<PlainState> = {}): PlainState => ({
  sid: sid(n),
  firstDay: 20_000,
  lastDay: 20_000 + n,
  orders: n,
  frequency: n,
  moneyDays: n,
  moneyMinor: n * 100,
  netMinor: n * 100,
  currency: 'EUR',
  seq,
  ...rest,
});

/** A fold that has applied everything up to `seq`. */
class FakeFold implements FoldState {
  state = new Map<string, PlainState>();
  seq = 0;
  asked: number[] = [];
  set(seq: number, ...rows: PlainState[]): void {
    for (const row of rows) this.state.set(uuidOf(row.sid), row);
    this.seq = seq;
  }
  async dirtyRows(sinceSeq: number, limit: number) {
    this.asked.push(sinceSeq);
    const rows = [...this.state.values()].filter((row) => row.seq > sinceSeq).sort((a, b) => a.seq - b.seq);
    if (rows.length <= limit) return { rows: customerState(rows), seq: this.seq };
    const some = rows.slice(0, limit);
    const complete = rows[limit]!.seq - 1;
    return { rows: customerState(some), seq: Math.min(complete, some.at(-1)!.seq) };
  }
}

const scoresOf = (rows: { n: number; clv: number; churn?: number }[], seq = 1, modelId = 'm@1'): ScoreBatch => ({
  modelId,
  horizonDays: 90,
  seq,
  at: 1_700_000_000_000,
  clock: 'log',
  sids: Uint8Array.from(rows.flatMap(({ n }) => [...sid(n)])),
  pChurn: Float64Array.from(rows, ({ churn }) => churn ?? 0.5),
  pAlive: Float64Array.from(rows, () => 0.5),
  clvMean: Float64Array.from(rows, ({ clv }) => clv),
  clvP05: Float64Array.from(rows, () => 0),
  clvP50: Float64Array.from(rows, ({ clv }) => clv),
  clvP95: Float64Array.from(rows, ({ clv }) => clv * 2),
  expectedPurchases: Float64Array.from(rows, () => 1),
});

test('only customers that changed are written; an older state never replaces a newer one; the erased and the linked stay away', async () => {
  const url = await createDatabase(engines, 'state');
  const fold = new FakeFold();
  fold.set(
    2,
    plain(1, 1),
    plain(2, 2),
    plain(3, 2),
    plain(4, 2, { flags: COLUMN_FLAG.anonymous | COLUMN_FLAG.linked }),
  );
  const store = await logOf([
    [event({ sid: sid(1) })],
    [event({ sid: sid(2) })],
    { type: 'customer.linked', anonymous: sid(4), known: sid(1) },
    { type: 'customer.erased', sids: [sid(3)], at: 0 },
  ]);
  const read = () => withClient(url, (client) => rowsOf(client, 'customers', 'orders', 'sid, orders, seq, xmin'));
  await using projector = startProjector({ databaseUrl: url, store, fold, log: keepLog().log, lingerMs: 1 });
  await expect.poll(projector.position).toEqual({ events: 4, customers: 2 });
  fold.seq = 4;
  await projector.waitFor(4);
  const before = await read();
  expect(before.map((row) => row.orders)).toEqual([1, 2]);
  fold.set(5, plain(2, 5, { orders: 7 }));
  await logOf([[event({ sid: sid(2) })]], store);
  expect(await projector.waitFor(5)).toEqual({ events: 5, customers: 5 });
  const after = await read();
  expect(after[0]).toEqual(before[0]);
  expect(after[1]).toMatchObject({ sid: uuidOf(sid(2)), orders: 7, seq: '5' });
  // A fold restored from an old snapshot is behind for a while.
  fold.state.clear();
  fold.set(3, plain(2, 2));
  await expect.poll(() => fold.asked.at(-1)).toBe(5);
  expect(await read()).toEqual(after);
  // Erased at the fold first.
  fold.set(6, plain(2, 6, { flags: COLUMN_FLAG.erased, orders: 0 }));
  await expect.poll(async () => (await read()).map((row) => row.orders)).toEqual([1]);
});

test('a fold that is ahead of the tables keeps its word: who is canonical in the end is not deleted by the links before', async () => {
  const url = await createDatabase(engines, 'ahead');
  const [small, big, third] = [1, 2, 3].map(sid).sort((a, b) => Buffer.compare(a, b)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const fold = new FakeFold();
  // small is first said to be big, and becomes canonical when third is said to be small.
  const gone = { flags: COLUMN_FLAG.linked, orders: 0 };
  fold.set(3, { ...plain(5, 3), sid: small }, { ...plain(2, 3, gone), sid: big }, { ...plain(3, 3, gone), sid: third });
  const store = await logOf([[]]);
  await using projector = startProjector({
    databaseUrl: url,
    store,
    fold,
    log: keepLog().log,
    batchEvents: 1,
    lingerMs: 1,
  });
  await expect.poll(projector.position).toEqual({ events: 1, customers: 3 });
  const batch = scoresOf([{ n: 1, clv: 1 }], 3);
  await projector.writeScores({ ...batch, sids: small });
  for (const [anonymous, known] of [
    [small, big],
    [third, small],
  ] as const) {
    await logOf([{ type: 'customer.linked', anonymous, known }], store);
    await projector.waitFor(await store.lastSequence('EVT'));
    const rows = await withClient(url, (client) => rowsOf(client, 'customers', 'sid', 'sid'));
    expect(rows).toEqual([{ sid: uuidOf(small) }]);
  }
  expect(await projector.counts()).toMatchObject({ customers: 1, scores: 1, linked: 2 });
});

test('more changes than one transaction takes arrive all, and a fold that fails is asked again', async () => {
  const url = await createDatabase(engines, 'many');
  const fold = new FakeFold();
  fold.set(25_000, ...Array.from({ length: 25_000 }, (_, i) => plain(i, i + 1)));
  const answer = fold.dirtyRows.bind(fold);
  let calls = 0;
  fold.dirtyRows = async (since, limit) => {
    if (++calls === 2) throw new Error('the fold is busy');
    return answer(since, limit);
  };
  const { log, lines } = keepLog();
  await using projector = startProjector({ databaseUrl: url, store: await logOf([]), fold, log });
  await expect.poll(projector.position, { timeout: 20_000 }).toEqual({ events: 0, customers: 25_000 });
  expect(await projector.counts()).toMatchObject({ customers: 25_000 });
  expect(lines.filter((line) => line.fields.error === 'the fold is busy')).toHaveLength(1);
});

test('scores: the last by log position stays, or by the clock, NaN is null, sids linked or erased meanwhile are left out', async () => {
  const url = await createDatabase(engines, 'scores');
  const store = await logOf([
    { type: 'customer.linked', anonymous: sid(4), known: sid(1) },
    { type: 'customer.erased', sids: [sid(3)], at: 0 },
  ]);
  await using projector = startProjector({ databaseUrl: url, store, log: keepLog().log, lingerMs: 1 });
  await projector.waitFor(2);
  expect(
    await projector.writeScores(
      scoresOf(
        [
          { n: 1, clv: 10 },
          { n: 2, clv: Number.NaN },
          { n: 3, clv: 5 },
        ],
        5,
      ),
    ),
  ).toBe(3);
  // Computed before the link that took this sid away.
  await projector.writeScores(scoresOf([{ n: 4, clv: 6 }], 0));
  await projector.writeScores(scoresOf([{ n: 1, clv: 99 }], 4));
  await projector.writeScores(scoresOf([{ n: 2, clv: 20 }], 6));
  await projector.writeScores(scoresOf([{ n: 1, clv: 1 }], 4, 'other@1'));
  // Everybody again on another day: a step that ends before the position an earlier round had written is no older for it.
  const other = scoresOf([{ n: 1, clv: 2 }], 3, 'other@1');
  await projector.writeScores({ ...other, at: other.at + 86_400_000 });
  const rows = await withClient(url, (client) =>
    rowsOf(client, 'scores', 'model_id, clv_mean', 'model_id, clv_mean, seq'),
  );
  expect(rows).toEqual([
    { model_id: 'm@1', clv_mean: 10, seq: '5' },
    { model_id: 'm@1', clv_mean: 20, seq: '6' },
    { model_id: 'other@1', clv_mean: 2, seq: '3' },
  ]);
  const short = { ...scoresOf([{ n: 1, clv: 1 }]), pAlive: new Float64Array(2) };
  await expect(projector.writeScores(short)).rejects.toThrow(/2 values for 1 customers/);
});

async function loaded(
  label: string,
  people: readonly PlainState[],
  scores: ScoreBatch | null,
): Promise<{ tables: OpenTables; url: string; projector: Projector }> {
  const url = await createDatabase(engines, label);
  const fold = new FakeFold();
  fold.set(1, ...people);
  const projector = startProjector({ databaseUrl: url, store: await logOf([]), fold, log: keepLog().log, lingerMs: 1 });
  await expect.poll(() => projector.position().customers, { timeout: 20_000 }).toBe(1);
  if (scores) await projector.writeScores(scores);
  return { tables: openTables(url), url, projector };
}

test('pages of any size, in any sort, with ties and missing values, show every customer once and in order', async () => {
  const people = Array.from({ length: 60 }, (_, n) => plain(n, 1, { orders: n % 4 }));
  const scored = people.map((_, n) => n).filter((n) => n % 3 !== 0);
  const batch = scoresOf(scored.map((n) => ({ n, clv: n % 10 === 1 ? Number.NaN : (n % 8) / 3, churn: (n % 9) / 9 })));
  const { tables, projector } = await loaded('pages', people, batch);
  await using _p = projector;
  await using _t = tables;
  const sortValue = (n: number) => ({
    clv: scored.includes(n) && n % 10 !== 1 ? (n % 8) / 3 : null,
    p_churn: scored.includes(n) ? (n % 9) / 9 : null,
  });
  const number = new Map(people.map((row, n) => [uuidOf(row.sid), n]));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SCORE_SORTS),
      fc.integer({ min: 1, max: 70 }),
      fc.boolean(),
      async (sort, limit, filtered) => {
        const page: CustomerPage = { sort, limit, modelId: 'm@1', filter: filtered ? { ordersMin: 2 } : {} };
        const seen: number[] = [];
        let cursor: CustomerPage['cursor'] = null;
        do {
          const { rows, next } = await customerPage(tables.db, { ...page, cursor });
          seen.push(...rows.map((row) => number.get(row.sid)!));
          cursor = next && decodeCursor(encodeCursor(next));
          expect(cursor).toEqual(next);
        } while (cursor);
        const key = (n: number) => sidKeyOf(people[n]!.sid);
        const expected = people
          .map((_, n) => n)
          .filter((n) => !filtered || n % 4 >= 2)
          .sort((a, b) => {
            const [x, y] = [sortValue(a)[sort], sortValue(b)[sort]];
            if (x !== y) return x === null ? 1 : y === null ? -1 : y - x;
            return key(a) < key(b) ? -1 : 1;
          });
        expect(seen).toEqual(expected);
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
  const found = await customerPage(tables.db, {
    sort: 'clv',
    limit: 5,
    modelId: 'm@1',
    filter: { sidKeys: [sidKeyOf(sid(2))] },
  });
  expect(found.rows).toHaveLength(1);
  expect(found.rows[0]).toMatchObject({
    sid: uuidOf(sid(2)),
    orders: 2,
    score: { clvMean: 2 / 3, clvP95: 4 / 3, horizonDays: 90 },
  });
  expect(sidBytes(found.rows[0]!.sid)).toEqual(sid(2));
  expect((await customerPage(tables.db, { sort: 'clv', limit: 5, modelId: null })).rows[0]?.score).toBeNull();
  for (const text of [
    '',
    'x',
    'bnVsbA',
    Buffer.from('[null,"1; drop table"]').toString('base64url'),
    Buffer.from('["Infinity","1"]').toString('base64url'),
  ])
    expect(decodeCursor(text)).toBeNull();
});

test('the sort by churn follows the score of each customer’s own model, page by page, be it none', async () => {
  const people = Array.from({ length: 40 }, (_, n) => plain(n, 1));
  const all = people.map((_, n) => n);
  // The model of contracts first, then the classifier of buyers, then the model of purchases; some have a row of several.
  const byModel = {
    'contract@1': all
      .filter((n) => n % 3 === 0)
      .map((n) => ({ n, clv: 1, churn: n % 2 === 0 ? (n % 7) / 7 : Number.NaN })),
    'shop@2': all.filter((n) => n % 4 === 0).map((n) => ({ n, clv: 1, churn: (n % 5) / 5 })),
    'm@1': all.filter((n) => n % 10 !== 1).map((n) => ({ n, clv: 1, churn: (n % 6) / 6 })),
  };
  const { tables, projector } = await loaded('own', people, null);
  await using _p = projector;
  await using _t = tables;
  for (const [model, rows] of Object.entries(byModel)) await projector.writeScores(scoresOf(rows, 1, model));
  const order = ['contract@1', 'shop@2', 'm@1'] as const;
  const number = new Map(people.map((row, n) => [uuidOf(row.sid), n]));
  const key = (n: number) => sidKeyOf(people[n]!.sid);
  for (const models of [['contract@1', 'shop@2'], ['shop@2'], []] as const)
    for (const modelId of ['m@1', null]) {
      const own = (n: number): number | null => {
        const asked = order.filter((model) => (models as readonly string[]).includes(model) || model === modelId);
        const rows = asked.flatMap((model) => byModel[model].filter((row) => row.n === n));
        return rows[0] === undefined || Number.isNaN(rows[0].churn) ? null : rows[0].churn;
      };
      const seen: number[] = [];
      let cursor: CustomerPage['cursor'] = null;
      do {
        const page: CustomerPage = { sort: 'p_churn', limit: 7, modelId, churnModelIds: models, cursor };
        const { rows, next } = await customerPage(tables.db, page);
        seen.push(...rows.map((row) => number.get(row.sid)!));
        for (const row of rows) expect(row.score?.pChurn ?? null).toBe(own(number.get(row.sid)!));
        cursor = next;
      } while (cursor);
      expect(seen).toEqual(
        [...all].sort((a, b) => {
          const [x, y] = [own(a), own(b)];
          if (x !== y) return x === null ? 1 : y === null ? -1 : y - x;
          return key(a) < key(b) ? -1 : 1;
        }),
      );
    }
});

test('every list and series reads an index', async () => {
  const { tables, url, projector } = await loaded('explain', [], null);
  await using _p = projector;
  await using _t = tables;
  await withClient(url, (client) =>
    client.query(`
      insert into rm.customers select k, gen_random_uuid(), false, 19000 + k % 900, 19900 + k % 100, 20000, k % 50, k % 49, 1, 1, k % 10007, 'EUR', 1
        from generate_series(1, 30000) k;
      insert into rm.scores select k, 'm@1', random(), random(), random() * 100, 0, 1, 2, 1, 90, 1, now(), 'log' from generate_series(1, 30000) k;
      insert into rm.transactions select k % 30000, k, gen_random_uuid(), now(), 100, null, 0, 1, 19000 + k / 120, 0, 'EUR', 'web', 'shop', null, null
        from generate_series(1, 120000) k;
      analyze rm.customers, rm.scores, rm.transactions`),
  );
  const plan = async (
    query:
      | { compile(db: Kysely<Database>): { sql: string; parameters: readonly unknown[] } }
      | { sql: string; parameters: readonly unknown[] },
  ) => {
    const { sql, parameters } = 'compile' in query ? query.compile(tables.db) : query;
    const { rows } = await tables.pool.query(`explain ${sql}`, [...parameters]);
    return rows.map((row) => row['QUERY PLAN'] as string).join('\n');
  };
  const index = {
    clv: 'scores_clv',
    p_churn: 'scores_churn',
  };
  for (const sort of SCORE_SORTS) {
    const cursor = { value: '20', sidKey: '5' };
    for (const page of [
      { sort, limit: 50, modelId: 'm@1' },
      { sort, limit: 50, modelId: 'm@1', cursor },
    ]) {
      const text = await plan(valuedQuery(tables.db, page, 51).compile());
      expect(text).toContain(index[sort]);
      expect(text).not.toMatch(/Seq Scan|Sort|Hash Join/);
    }
  }
  // Models of churn beside: each part follows its index and stops after a page.
  await tables.pool.query(
    `insert into rm.scores select k, 'c@1', random(), null, null, null, null, null, null, 30, 1, now(), 'log' from generate_series(1, 30000, 3) k;
     analyze rm.scores`,
  );
  for (const cursor of [null, { value: '0.5', sidKey: '5' }]) {
    const page: CustomerPage = { sort: 'p_churn', limit: 50, modelId: 'm@1', churnModelIds: ['c@1'], cursor };
    const parts = await plan(valuedQuery(tables.db, page, 51).compile());
    expect(parts.match(/Index Scan using scores_churn/g)).toHaveLength(2);
    expect(parts).not.toMatch(/Seq Scan|Hash/);
  }
  expect(
    await plan({
      sql: 'select * from rm.transactions where sid_key = $1 order by at desc, order_key desc limit 50',
      parameters: [5],
    }),
  ).toContain('transactions_pkey');
  expect(await plan({ sql: 'select count(*) from rm.transactions where day >= $1', parameters: [19_950] })).toContain(
    'transactions_day',
  );
  const weekly = await plan(weeklyRepeatQuery({ from: 19_000, to: 19_010, until: 19_100 }));
  expect(weekly).toMatch(/customers_first_day/);
  expect(weekly).not.toMatch(/Seq Scan on customers|Seq Scan on transactions/);
});

test('totals, the events of the window, one timeline and the weekly series of a cohort', async () => {
  const url = await createDatabase(engines, 'totals');
  const fold = new FakeFold();
  fold.set(
    2,
    plain(1, 1, { firstDay: 20_000, orders: 3, frequency: 2 }),
    plain(2, 1, { firstDay: 20_003, orders: 1, frequency: 0 }),
    plain(3, 1, { firstDay: 20_008 }),
  );
  const store = await logOf([
    [
      event({ sid: sid(1), day: 20_000, minor: 100, order: 'a' }),
      event({ sid: sid(1), day: 20_000, minor: 50, order: 'b' }),
      event({ sid: sid(1), day: 20_006, minor: 70, order: 'c', currency: 'USD' }),
      event({ sid: sid(1), day: 20_007, minor: 70, order: 'd' }),
      event({ sid: sid(1), day: 20_020, minor: null, currency: null, order: 'e' }),
      event({ sid: sid(2), day: 20_003, order: 'f' }),
      event({ sid: sid(3), day: 20_008, order: 'g' }),
      event({ sid: sid(3), day: 20_009, order: 'h' }),
      event({ sid: sid(1), day: 20_007, minor: 30, type: 'order.refunded', refunds: 'a' }),
    ],
    [event({ sid: sid(1), day: 20_019, type: 'activity.recorded', name: 'login', minor: null, currency: null })],
  ]);
  await using projector = startProjector({
    databaseUrl: url,
    store,
    fold,
    log: keepLog().log,
    lingerMs: 1,
    windowDays: 14,
  });
  await projector.waitFor(2);
  await using tables = openTables(url);
  const { db } = tables;
  expect(await totals(db)).toEqual({
    customers: 3,
    repeaters: 2,
    orders: 8,
    refunds: 1,
    money: [
      { currency: 'EUR', orders: 6, grossMinor: '3220', refunds: 1, refundsMinor: '30' },
      { currency: 'USD', orders: 1, grossMinor: '70', refunds: 0, refundsMinor: '0' },
      { currency: '', orders: 1, grossMinor: '0', refunds: 0, refundsMinor: '0' },
    ],
    eventsInWindow: 6,
    windowStart: 20_007,
    clockAt: 20_020 * 86_400_000 + 3_600_000,
  });
  expect(await eventsInWindow(db, 20_009)).toBe(3);
  // Customer 3 came after the cohort closed; two orders of one day are one purchase day, the first day is none.
  expect(await weeklyRepeatPurchases(db, { from: 20_000, to: 20_006, until: 20_020 })).toEqual([
    { day: 20_000, repeatPurchases: 1 },
    { day: 20_007, repeatPurchases: 1 },
    { day: 20_014, repeatPurchases: 1 },
  ]);
  const first = await timeline(db, sidKeyOf(sid(1)), { limit: 2 });
  expect(first.map((row) => [row.kind, row.day, row.minor, row.currency])).toEqual([
    ['order', 20_020, null, null],
    [first[1]!.kind, 20_007, first[1]!.kind === 'order' ? 70 : 30, 'EUR'],
  ]);
  const rest = await timeline(db, sidKeyOf(sid(1)), { limit: 10, before: first[1]! });
  expect(rest.map((row) => row.day)).toEqual([20_007, 20_006, 20_000, 20_000]);
  expect(await timeline(db, sidKeyOf(sid(99)), { limit: 2 })).toEqual([]);
});
