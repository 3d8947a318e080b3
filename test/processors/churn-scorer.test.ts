// Churn scores of the table are what the guard and the model say of the ledger at the stored position, for every kind of customer.
import { expect, test } from 'vitest';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Fact } from '#domain/envelope.ts';
import { type ChurnModel, parseChurnModel, predictChurnBy } from '#domain/models/churn-model.ts';
import { createRates } from '#domain/rates.ts';
import { churnColumn } from '#processors/scoring/churn-columns.ts';
import { createChurnScorer } from '#processors/scoring/churn-scorer.ts';
import { DirtyRows } from '#projections/memory/dirty-rows.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import { apply, createWriter, DAY, event, hex, order, sidOf } from '../projections/memory/scenario.ts';

const CONTRACT: ChurnDefinition = { kind: 'contractual', horizonDays: 30, graceDays: 0, activeWithinDays: null };
const SHOP: ChurnDefinition = { kind: 'non-contractual', horizonDays: 60, graceDays: 0, activeWithinDays: 50 };
function classifier(definition: ChurnDefinition, column: string): ChurnModel {
  const parsed = parseChurnModel({
    model: 'churn-logistic',
    definition,
    featureSet: { name: 'customer', version: 1 },
    logistic: {
      model: 'logistic',
      encoding: [{ column, kind: 'numeric', blank: 0 }],
      intercept: -2,
      coefficients: [{ name: column, coef: 0.03, mean: 0, sd: 1, standardised: 0.03 }],
      calibration: { method: 'platt', A: -1, B: 0 },
    },
  });
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}
const mark = (id: string, type: 'subscription.started' | 'subscription.cancelled', day: number, more = {}) =>
  event(id, { type, orderHash: sidOf(`s ${id}`).slice(0, 8), day, name: 'pro', minor: 900, currency: 'EUR', ...more });

function scenario() {
  const writer = createWriter();
  const gone: Fact = { type: 'customer.erased', sids: [sidOf('erased')], at: 1 };
  const linked: Fact = { type: 'customer.linked', anonymous: sidOf('browser'), known: sidOf('stays') };
  const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [
    writer.fact(gone),
    writer.fact(linked),
    writer.pack([
      mark('stays', 'subscription.started', 10),
      mark('left', 'subscription.started', 12),
      mark('left', 'subscription.cancelled', 40),
      mark('erased', 'subscription.started', 10),
      mark('nobody', 'subscription.started', 10, { anonymous: true }),
      order('browser', 'z', 20, 100, { anonymous: true }),
    ]),
    writer.pack([order('buyer', 'a', 20, 1000), order('buyer', 'b', 60, 1000), order('long ago', 'c', 5, 1000)]),
  ]);
  const written = new Map<string, { pChurn: number; seq: number; day: number }>();
  const told: object[] = [];
  let definitions = [CONTRACT, SHOP];
  let asked: string[] = [];
  const dirty = new DirtyRows(ledger);
  const state = { day: 70, left: null as { seq: number; day: number } | null, interrupt: null as (() => void) | null };
  const start = (model: ChurnModel) =>
    createChurnScorer({
      dirtyRows: async (since, limit) => dirty.after(since, limit),
      async entriesOf(sids) {
        state.interrupt?.();
        asked.push(...sids.map(hex));
        return sids.map((sid) => ledger.entries(sid));
      },
      definitions: () => definitions,
      money: () => ({ reportingCurrency: 'EUR', rates: [] }),
      score: async (request) => churnColumn(structuredClone(request)),
      async writeScores(batch: ScoreBatch) {
        expect(batch).toMatchObject({ modelId: 'm@1', horizonDays: model.definition.horizonDays });
        for (const column of [batch.pAlive, batch.clvMean, batch.expectedPurchases])
          expect([...column].every(Number.isNaN)).toBe(true);
        for (const [i, pChurn] of batch.pChurn.entries())
          written.set(hex(batch.sids.slice(i * 16, i * 16 + 16)), { pChurn, seq: batch.seq, day: batch.at / DAY });
        return batch.pChurn.length;
      },
      model: () => ({ id: 'm@1', model }),
      left: async () => state.left,
      clock: () => ({ day: state.day, at: state.day * DAY, mode: 'log' as const }),
      log: { info: (fields) => told.push(fields), warn() {} },
    });
  return {
    ledger,
    writer,
    written,
    told,
    state,
    start,
    of: (id: string) => written.get(hex(sidOf(id))),
    define: (list: ChurnDefinition[]) => {
      definitions = list;
    },
    asked: () => {
      const list = asked;
      asked = [];
      return list;
    },
  };
}

test('subscribers have the score of the ledger; who left, is nobody or was erased has none, with the reason; buyers are not asked', async () => {
  const { ledger, written, told, start, of } = scenario();
  const model = classifier(CONTRACT, 'subscription_tenure_days');
  await using scorer = start(model);
  await scorer.settle();
  expect([...written.keys()].sort()).toEqual(['stays', 'left', 'nobody'].map((id) => hex(sidOf(id))).sort());
  const answer = predictChurnBy(model, ledger.entries(sidOf('stays'))!, 70, {
    rates: createRates('EUR'),
    leftTruncated: false,
  });
  expect(answer.ok && answer.value.pChurn).toBe(of('stays')!.pChurn);
  expect(of('stays')!.pChurn).toBeCloseTo(1 / (1 + Math.exp(2 - 0.03 * 60)), 12);
  expect(of('left')!.pChurn).toBeNaN();
  expect(of('nobody')!.pChurn).toBeNaN();
  expect(told).toEqual([
    expect.objectContaining({ customers: 3, model: 'm@1', refused: { 'not-eligible': 1, anonymous: 1 } }),
  ]);
});

test('buyers have the score of their classifier, and lose it when a contract takes them', async () => {
  const { ledger, writer, written, start, of } = scenario();
  await using scorer = start(classifier(SHOP, 'recency_days'));
  await scorer.settle();
  expect(of('buyer')!.pChurn).toBeCloseTo(1 / (1 + Math.exp(2 - 0.03 * 10)), 12);
  // Bought too long ago for the definition.
  expect(of('long ago')!.pChurn).toBeNaN();
  expect(written.has(hex(sidOf('left')))).toBe(false);
  apply(ledger, [writer.pack([mark('buyer', 'subscription.started', 65)])]);
  await scorer.settle();
  expect(of('buyer')!.pChurn).toBeNaN();
});

test('who changed while a step was on its way is left for the next one, so that every score is of the position it is stored with', async () => {
  const { ledger, writer, state, start, of } = scenario();
  const model = classifier(CONTRACT, 'subscriptions');
  const before = ledger.position;
  state.interrupt = () => {
    state.interrupt = null;
    apply(ledger, [
      writer.pack([mark('stays', 'subscription.started', 66, { orderHash: sidOf('second').slice(0, 8) })]),
    ]);
  };
  await using scorer = start(model);
  await scorer.settle();
  const then = predictChurnBy(model, ledger.entries(sidOf('stays'))!, 70, {
    rates: createRates('EUR'),
    leftTruncated: false,
  });
  expect(of('left')!.seq).toBe(before);
  expect(of('stays')).toBeUndefined();
  await scorer.settle();
  expect(of('stays')).toMatchObject({ pChurn: then.ok && then.value.pChurn, seq: before + 1 });
});

test('a restart scores who changed since; another day, or another definition, everybody', async () => {
  const { ledger, state, start, asked, define } = scenario();
  const model = classifier(CONTRACT, 'subscription_tenure_days');
  state.left = { seq: ledger.position - 1, day: 70 };
  await using scorer = start(model);
  await scorer.settle();
  expect(asked().sort()).toEqual(['buyer', 'long ago'].map((id) => hex(sidOf(id))).sort());
  define([{ ...CONTRACT, graceDays: 7 }, SHOP]);
  await scorer.settle();
  expect(asked()).toContain(hex(sidOf('stays')));
  await scorer.settle();
  expect(asked()).toEqual([]);
});

test('defined anew while a step was on its way: nothing of the old definition is written, and everybody is due by the new one', async () => {
  // Who bought 10 and more days ago is not asked any more.
  const definitions: ChurnDefinition[] = [CONTRACT, { ...SHOP, activeWithinDays: 5 }];
  const model = classifier(SHOP, 'recency_days');
  const fresh = scenario();
  fresh.define(definitions);
  {
    await using scorer = fresh.start(model);
    await scorer.settle();
  }
  const { state, start, define, written } = scenario();
  state.left = { seq: 1, day: 70 };
  state.interrupt = () => {
    state.interrupt = null;
    expect(written.size).toBe(0);
    define(definitions);
  };
  await using scorer = start(model);
  await scorer.settle();
  expect(fresh.written.size).toBeGreaterThan(2);
  expect(written).toEqual(fresh.written);
});
