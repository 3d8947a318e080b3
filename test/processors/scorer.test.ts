// The scores table says what the API says: the same guard, the same digits, for every kind of customer.
import { expect, test } from 'vitest';
import { inCanary } from '#domain/canary.ts';
import type { Fact } from '#domain/envelope.ts';
import { type ClvModel, predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { UTC } from '#domain/time.ts';
import { leftOf, type ScoresLeft } from '#processors/scoring/left.ts';
import { scoreColumns } from '#processors/scoring/score-columns.ts';
import { createScorer, SCORE_HORIZONS } from '#processors/scoring/scorer.ts';
import { createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { DirtyRows } from '#projections/memory/dirty-rows.ts';
import { toCustomer } from '#projections/memory/history.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import { apply, createWriter, order, sidOf } from '../projections/memory/scenario.ts';

const model: ClvModel = {
  model: 'clv',
  unit: 'week',
  bgNbd: { r: 0.24, alpha: 4.4, a: 0.8, b: 2.4 },
  gammaGamma: { p: 6.2, q: 3.7, v: 15.4 },
};

test('left-truncated, anonymous, linked, erased customers and money without a rate are refused as the API refuses them', async () => {
  const writer = createWriter();
  const facts: Fact[] = [
    {
      type: 'import.started',
      run: 'r',
      source: 'shop',
      digest: 'd',
      backfill: true,
      amend: false,
      startedAt: 0,
      coverage: 10,
    },
    { type: 'customer.linked', anonymous: sidOf('linked'), known: sidOf('repeat') },
    { type: 'customer.erased', sids: [sidOf('gone')], at: 1 },
  ];
  const usd = { currency: 'USD' };
  const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
    ...facts.map((fact) => writer.fact(fact)),
    writer.pack([
      order('repeat', 'a', 20, 1000),
      order('repeat', 'b', 40, 3000),
      order('linked', 'c', 60, 2000),
      order('once', 'd', 30, 500),
      order('old', 'e', 5, 1000),
      order('old', 'f', 40, 1000),
      order('dollars', 'g', 20, 1000, usd),
      order('dollars', 'h', 40, 1000, usd),
      order('mixed', 'i', 20, 1000, usd),
      order('mixed', 'j', 40, 1000),
      order('nobody', 'k', 20, 1000, { anonymous: true }),
      order('gone', 'l', 20, 1000),
      order('member', 'm', 20, 1000),
      { ...order('member', 's', 25, 900), type: 'subscription.started' },
    ]),
  ]);
  const dirty = new DirtyRows(ledger);
  const written = new Map<string, Record<string, number>>();
  const day = 70;
  await using scorer = createScorer({
    dirtyRows: async (since, limit) => dirty.after(since, limit),
    contracts: () => true,
    score: async (chosen, input, horizons) => scoreColumns(chosen, input, horizons),
    async writeScores(batch: ScoreBatch) {
      const n = batch.sids.length / 16;
      expect(batch).toMatchObject({ clock: 'wall', at: day * 86_400_000 });
      for (let i = 0; i < n; i++)
        written.set(Buffer.from(batch.sids.subarray(i * 16, i * 16 + 16)).toString('hex'), {
          pChurn: batch.pChurn[i]!,
          clvMean: batch.clvMean[i]!,
        });
      return n;
    },
    model: () => ({ id: 'clv@1', model }),
    left: async () => null,
    clock: () => ({ day, at: day * 86_400_000, mode: 'wall' as const }),
    minorPerMajor: () => 100,
    log: { info() {}, warn() {} },
  });
  await scorer.settle();

  const columns = openColumns(ledger.rows.handle);
  const row = createCustomerColumns();
  const seen: Record<string, [string, string]> = {};
  for (const id of ['repeat', 'once', 'old', 'dollars', 'mixed', 'nobody', 'gone', 'member']) {
    columns.read(columns.rowOf(sidOf(id)), row);
    const customer = toCustomer(row, day, 100, true);
    const churn = predictChurn(model, customer, SCORE_HORIZONS.churnDays);
    const clv = predictClv(model, customer, { months: SCORE_HORIZONS.clvMonths });
    const scores = written.get(Buffer.from(sidOf(id)).toString('hex'))!;
    expect(scores.pChurn, `${id} churn`).toBe(churn.ok ? churn.value.pChurn : Number.NaN);
    expect(scores.clvMean, `${id} value`).toBe(clv.ok ? clv.value.clvMean : Number.NaN);
    seen[id] = [churn.ok ? 'ok' : churn.reason.reason, clv.ok ? 'ok' : clv.reason.reason];
  }
  expect(seen).toEqual({
    member: ['contractual', 'contractual'],
    repeat: ['ok', 'ok'],
    once: ['ok', 'ok'],
    old: ['left-truncated', 'left-truncated'],
    dollars: ['ok', 'without-rate'],
    mixed: ['ok', 'without-rate'],
    nobody: ['not-a-customer', 'not-a-customer'],
    gone: ['not-a-customer', 'not-a-customer'],
  });
  expect(written.get(Buffer.from(sidOf('linked')).toString('hex'))!.pChurn).toBeNaN();
});

test('goes on where an earlier start left: who changed since is scored, everybody again when the day has passed', async () => {
  const writer = createWriter();
  const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
    writer.pack([order('old', 'a', 20, 1000), order('other', 'b', 30, 1000)]),
    writer.pack([order('new', 'c', 40, 1000)]),
  ]);
  const dirty = new DirtyRows(ledger);
  let scored: string[] = [];
  let day = 70;
  const start = () =>
    createScorer({
      dirtyRows: async (since, limit) => dirty.after(since, limit),
      contracts: () => true,
      score: async (chosen, input, horizons) => scoreColumns(chosen, input, horizons),
      async writeScores({ sids }: ScoreBatch) {
        for (let at = 0; at < sids.length; at += 16)
          scored.push(Buffer.from(sids.subarray(at, at + 16)).toString('hex'));
        return sids.length / 16;
      },
      model: () => ({ id: 'clv@1', model }),
      left: async () => ({ seq: 1, day: 70 }),
      clock: () => ({ day, at: day * 86_400_000, mode: 'log' as const }),
      minorPerMajor: () => 100,
      log: { info() {}, warn() {} },
    });
  {
    await using scorer = start();
    await scorer.settle();
  }
  expect(scored).toEqual([Buffer.from(sidOf('new')).toString('hex')]);
  scored = [];
  day = 71;
  await using scorer = start();
  await scorer.settle();
  expect(scored).toHaveLength(3);
});

test.each([
  [50, 40],
  [100, 1],
])(
  'a version that answered %d %% before the start: everybody has a score after it, %d scored then',
  async (percent, least) => {
    const writer = createWriter();
    const people = Array.from({ length: 40 }, (_, i) => `customer ${i}`);
    const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
      ...people.map((id, i) => writer.pack([order(id, id, 20 + (i % 9), 1000)])),
    ]);
    const dirty = new DirtyRows(ledger);
    /** By sid: the position of the score. */
    const table = new Map<string, number>();
    const barriers: { id: string; percent: number }[] = [];
    const definitions = [{ seq: 1 }];
    const day = 70;
    const left = async (id: string) => {
      const seqs = [...table.values()];
      const found: ScoresLeft = { rows: seqs.length, seq: Math.max(...seqs), at: day * 86_400_000 };
      return leftOf(found, id, barriers, definitions, UTC);
    };
    let scored = 0;
    const start = (share: number) =>
      createScorer({
        dirtyRows: async (since, limit) => dirty.after(since, limit),
        contracts: () => false,
        score: async (chosen, input, horizons) => scoreColumns(chosen, input, horizons),
        async writeScores({ sids, seq }: ScoreBatch) {
          for (let at = 0; at < sids.length; at += 16)
            table.set(Buffer.from(sids.subarray(at, at + 16)).toString('hex'), seq);
          scored += sids.length / 16;
          return sids.length / 16;
        },
        model: () => ({ id: 'clv_model@2', percent: share, model }),
        ...(share < 100 && { concerns: (_, sid: Uint8Array) => inCanary(sid, 'clv_model', share) }),
        left: share < 100 ? async () => null : left,
        clock: () => ({ day, at: day * 86_400_000, mode: 'wall' as const }),
        minorPerMajor: () => 100,
        log: { info() {}, warn() {} },
      });
    barriers.push({ id: 'clv_model@1', percent: 100 }, { id: 'clv_model@2', percent });
    {
      await using scorer = start(percent);
      await scorer.settle();
    }
    expect(table.size).toBe(people.filter((id) => inCanary(sidOf(id), 'clv_model', percent)).length);
    if (percent < 100) barriers.push({ id: 'clv_model@2', percent: 100 });
    apply(ledger, [writer.pack([order(people[3]!, 'again', 60, 1000)])]);
    scored = 0;
    {
      await using scorer = start(100);
      await scorer.settle();
    }
    expect([table.size, scored]).toEqual([40, least]);
    // Churn is defined anew, and the server stops before anybody was scored by it.
    definitions.push({ seq: ledger.position + 1 });
    apply(ledger, [writer.fact({ type: 'clock.set', mode: 'log' })]);
    scored = 0;
    await using scorer = start(100);
    await scorer.settle();
    expect(scored).toBe(40);
  },
);

test('the columns of a Pareto/NBD model are its single predictions', () => {
  const pareto: ClvModel = {
    model: 'clv',
    unit: 'week',
    paretoNbd: { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 },
    gammaGamma: { p: 6.2, q: 3.7, v: 15.4 },
  };
  const histories = [
    [0, 0, 0],
    [0, 0, 200],
    [3, 100, 300],
    [40, 299, 300],
  ] as const;
  const column = (at: 0 | 1 | 2) => Float64Array.from(histories, (row) => row[at]);
  const scores = scoreColumns(
    pareto,
    {
      frequency: column(0),
      recencyDays: column(1),
      ageDays: column(2),
      moneyDays: column(0),
      monetaryValue: Float64Array.from(histories, ([x]) => (x > 0 ? 30 : 0)),
      leftTruncated: new Uint8Array(histories.length),
      contractual: new Uint8Array(histories.length),
    },
    SCORE_HORIZONS,
  );
  histories.forEach(([frequency, recency, T], i) => {
    const customer = { frequency, recency, T, monetaryValue: frequency > 0 ? 30 : 0, moneyDays: frequency };
    const [churn, clv] = [predictChurn(pareto, customer, 90), predictClv(pareto, customer)];
    if (!churn.ok || !clv.ok) throw new Error('refused');
    expect([scores.pChurn[i], scores.pAlive[i], scores.clvMean[i], scores.clvP95[i]]).toEqual([
      churn.value.pChurn,
      churn.value.pAlive,
      clv.value.clvMean,
      clv.value.quantiles[2],
    ]);
    expect(clv.value.quantiles.every(Number.isFinite)).toBe(true);
  });
  expect(scores.refused).toEqual({});
});
