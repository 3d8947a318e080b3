// The model file, the guard every prediction passes, and what the predictions return.
import { describe, expect, test } from 'vitest';
import { models } from '#domain/models/catalogue.ts';
import {
  applicable,
  type ClvModel,
  type CustomerHistory,
  churnBand,
  expectClv,
  expectedOfNewCustomer,
  LONGEST_HORIZON_DAYS,
  moneyDays,
  posteriorOf,
  predictChurn,
  predictClv,
  unvalued,
} from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { discountedPurchases } from '#domain/models/lifetime-value.ts';
import { expectClose } from '../../support/close.ts';

const bgNbd = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const gammaGamma = { p: 6.25, q: 3.74, v: 15.44 };
const model: ClvModel = { model: 'clv', unit: 'week', bgNbd, gammaGamma };
const customer: CustomerHistory = { frequency: 2, recency: 213, T: 272, monetaryValue: 22.35 };

describe('a CLV model file', () => {
  test('holds bare parameters or what `fit --json` prints; the unit is a week unless told', () => {
    expect(parseClvModel({ model: 'clv', bgNbd, gammaGamma })).toEqual({ ok: true, value: model });
    const printed = { model: 'bg-nbd', unit: 'week', params: bgNbd, logLikelihood: -9582, n: 2357 };
    expect(parseClvModel({ model: 'clv', unit: 'week', bgNbd: printed, gammaGamma: { params: gammaGamma } })).toEqual({
      ok: true,
      value: model,
    });
    expect(parseClvModel(printed, { model: 'gamma-gamma', unit: 'week', params: gammaGamma })).toEqual({
      ok: true,
      value: model,
    });
    expect(parseClvModel({ model: 'mbg-nbd', unit: 'day', params: bgNbd })).toEqual({
      ok: true,
      value: { model: 'clv', unit: 'day', mbgNbd: bgNbd },
    });
  });

  test.each([
    [{ model: 'clv', gammaGamma }, /0 purchase models/],
    [{ model: 'clv', bgNbd, mbgNbd: bgNbd }, /2 purchase models/],
    [{ model: 'clv', bgNbd: { ...bgNbd, a: -1 } }, /bgNbd/],
    [{ model: 'bg-nbd', params: { ...bgNbd, alpha: 'x' } }, /params\.alpha/],
    [{ model: 'clv', unit: 'month', bgNbd }, /unit/],
    [{ model: 'clv', unit: 'day', bgNbd: { params: bgNbd, unit: 'week' } }, /bgNbd\.unit is week but unit is day/],
    [{ model: 'cox' }, /model/],
    ['text', /the file/],
    [null, /the file/],
  ])('%j is refused with the field', (file, message) => {
    const parsed = parseClvModel(file);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.reason).toMatch(message);
  });
});

describe('applicable', () => {
  test.each([
    [{ notACustomer: true }, 90, 'churn', 'not-a-customer'],
    [{ contractual: true }, 90, 'churn', 'contractual'],
    [{ leftTruncated: true }, 90, 'churn', 'left-truncated'],
    [{}, 0, 'churn', 'horizon-not-positive'],
    [{}, Number.NaN, 'churn', 'horizon-not-positive'],
    [{}, LONGEST_HORIZON_DAYS + 1, 'churn', 'horizon-too-long'],
    [{ recency: 300 }, 90, 'churn', 'invalid-history'],
    [{ frequency: 1.5 }, 90, 'churn', 'invalid-history'],
    [{ withoutRate: true }, 90, 'clv', 'without-rate'],
    [{ monetaryValue: -1 }, 90, 'clv', 'invalid-history'],
    [{ moneyDays: 3 }, 90, 'clv', 'invalid-history'],
    [{ moneyDays: -1 }, 90, 'clv', 'invalid-history'],
    [{ monetaryValue: Number.POSITIVE_INFINITY }, 90, 'clv', 'invalid-history'],
  ] as const)('%j over %d days for %s: %s', (change, days, wanted, reason) => {
    const answer = applicable(model, { ...customer, ...change }, days, wanted);
    expect(answer).toMatchObject({ ok: false, reason });
    const predicted =
      wanted === 'churn'
        ? predictChurn(model, { ...customer, ...change }, days)
        : predictClv(model, { ...customer, ...change }, { horizonDays: days });
    expect(predicted).toMatchObject({ ok: false, reason: { reason } });
  });

  test('money is asked for only when money is wanted', () => {
    const { gammaGamma: _, ...purchasesOnly } = model;
    expect(applicable(purchasesOnly as ClvModel, { ...customer, withoutRate: true }, 90)).toEqual({ ok: true });
    expect(applicable(purchasesOnly as ClvModel, customer, 90, 'clv')).toMatchObject({
      ok: false,
      reason: 'no-money-model',
    });
  });

  test('a population mean that is infinite (q ≤ 1) refuses the customer without spend, not the one whose own spend settles it', () => {
    const heavy: ClvModel = { ...model, gammaGamma: { ...gammaGamma, q: 0.8 } };
    const newcomer = { frequency: 0, recency: 0, T: 30 };
    expect(applicable(heavy, newcomer, 90, 'clv')).toMatchObject({ ok: false, reason: 'infinite-mean' });
    expect(applicable(heavy, customer, 90, 'clv')).toEqual({ ok: true });
  });

  test('whom it will refuse a value is known of the model before anybody asks', () => {
    expect(unvalued(model)).toBeNull();
    expect(unvalued({})).toContain('value is not');
    for (const p of [0.1, 0.3, 6.25])
      for (const q of [0.2, 0.8, 1]) {
        const heavy: ClvModel = { ...model, gammaGamma: { p, q, v: 15 } };
        const refused = Array.from({ length: 12 }, (_, x) => x).filter(
          (x) =>
            !applicable(heavy, { frequency: x, recency: x, T: 99, monetaryValue: x > 0 ? 20 : null }, 90, 'clv').ok,
        );
        const most = refused.at(-1)!;
        expect(unvalued(heavy)).toContain(most === 0 ? 'without a repeat day' : `at most ${most} repeat days`);
      }
  });
});

describe('predictions', () => {
  test('churn is the chance of no purchase in the horizon, beside P(alive), and its complement keeps its digits', () => {
    const answer = predictChurn(model, customer, 90);
    if (!answer.ok) throw new Error(answer.reason.message);
    const { pChurn, pPurchase, pAlive, band } = answer.value;
    expectClose(pAlive, 0.726578570080673, 1e-3); // the golden's 30.43 of 38.86 weeks, in whole days
    expect(pChurn).toBeGreaterThan(1 - pAlive);
    expectClose(pChurn + pPurchase, 1, 1e-15);
    expect(band).toBe('severe');
    const dead = predictChurn(model, { frequency: 400, recency: 70, T: 7000 }, 90);
    expect(dead).toMatchObject({ ok: true, value: { pChurn: 1, pAlive: 0, pPurchase: 0 } });
    if (dead.ok) expect(dead.value.logOddsDead).toBeGreaterThan(1000);
  });

  test('a customer without a repeat purchase: P(alive) is 1 under BG/NBD, below 1 under MBG/NBD, spend is the population mean', () => {
    const newcomer = { frequency: 0, recency: 0, T: 272 };
    const answer = predictClv(model, { ...newcomer, monetaryValue: null });
    if (!answer.ok) throw new Error(answer.reason.message);
    expect(answer.value.pAlive).toBe(1);
    expectClose(answer.value.expectedSpendPerPurchase, 35.21897810218978, 1e-12);
    expect(answer.value.months).toBe(12);
    const mbg = predictChurn({ model: 'clv', unit: 'week', mbgNbd: bgNbd }, newcomer, 90);
    if (!mbg.ok) throw new Error(mbg.reason.message);
    expect(mbg.value.pAlive).toBeLessThan(1);
    const bg = predictChurn(model, newcomer, 90);
    if (bg.ok) expect(bg.value.logOddsDead).toBeNull();
  });

  test('the same model in days and in weeks gives the same answers', () => {
    const days: ClvModel = { ...model, unit: 'day', bgNbd: { ...bgNbd, alpha: bgNbd.alpha * 7 } };
    const [one, other] = [predictClv(model, customer, { months: 7 }), predictClv(days, customer, { months: 7 })];
    if (!one.ok || !other.ok) throw new Error('refused');
    expectClose(other.value.clvMean, one.value.clvMean, 1e-12);
    expectClose(other.value.quantiles[2], one.value.quantiles[2]!, 1e-9);
  });

  test('repeat days without money count for purchases, not for spend', () => {
    const some = predictClv(model, { ...customer, frequency: 5, moneyDays: 2 });
    const all = predictClv(model, { ...customer, frequency: 5 });
    if (!some.ok || !all.ok) throw new Error('refused');
    expect(some.value.expectedPurchases).toBe(all.value.expectedPurchases);
    expectClose(some.value.expectedSpendPerPurchase, (6.25 * (15.44 + 2 * 22.35)) / (6.25 * 2 + 2.74), 1e-12);
  });

  test('a horizon that ends inside a month discounts the rest at its own end; no discount gives the plain expectation', () => {
    const state = posteriorOf(model, customer);
    const whole = discountedPurchases(state, 2, 1, 0.1);
    const upTo = (t: number) => discountedPurchases(state, t, 1, 0);
    expectClose(whole, upTo(1) / 1.1 + (upTo(2) - upTo(1)) / 1.21, 1e-14);
    expectClose(discountedPurchases(state, 2.5, 1, 0.1), whole + (upTo(2.5) - upTo(2)) / 1.1 ** 2.5, 1e-14);
    expect(discountedPurchases(state, 2, 1, -1)).toBeNaN();
    expect(predictClv(model, customer, { discountMonthly: -1 })).toMatchObject({
      ok: false,
      reason: { reason: 'out-of-range' },
    });
  });

  test('a horizon of exactly ten years is the longest; a discount that is not a finite rate is refused', () => {
    expect(applicable(model, customer, LONGEST_HORIZON_DAYS)).toEqual({ ok: true });
    for (const discountMonthly of [Number.POSITIVE_INFINITY, -1, Number.NaN])
      expect(expectClv(model, customer, { discountMonthly })).toMatchObject({ reason: { reason: 'out-of-range' } });
    expect(expectClv(model, customer, { discountMonthly: -0.5 }).ok).toBe(true);
  });

  test('days and months are one horizon: 4.345 weeks a month', () => {
    const inDays = expectClv(model, customer, { horizonDays: 60.83 });
    const inMonths = expectClv(model, customer, { months: 2 });
    expect(inDays).toMatchObject({ ok: true, value: { months: 2, horizonDays: 60.83 } });
    expect(inMonths).toMatchObject({ ok: true, value: { months: 2 } });
    if (inMonths.ok) expect(inMonths.value.horizonDays).toBeCloseTo(60.83, 12);
  });

  test('money of no amount is no money: such a customer spends as the population does', () => {
    expect(moneyDays({ ...customer, monetaryValue: 0 })).toBe(0);
    expect(moneyDays({ frequency: 2, recency: 1, T: 2 })).toBe(0);
    expect(moneyDays({ ...customer, moneyDays: 1 })).toBe(1);
    expect(moneyDays(customer)).toBe(2);
  });

  test('a customer met today buys as a gamma-distributed rate says: BG/NBD over the first weeks, by its series', () => {
    // E[X(t)] = (a + b − 1)/(a − 1)·(1 − (α/(α + t))^r ₂F₁(r, b; a + b − 1; t/(α + t))), Fader, Hardie & Lee (2005), eq. (9).
    const { r, alpha, a, b } = bgNbd;
    const t = 60 / 7;
    const z = t / (alpha + t);
    let [term, sum] = [1, 1];
    for (let k = 0; term > 1e-17; k++) {
      term *= (((r + k) * (b + k)) / (a + b - 1 + k) / (k + 1)) * z;
      sum += term;
    }
    const expected = ((a + b - 1) / (a - 1)) * (1 - (alpha / (alpha + t)) ** r * sum);
    expectClose(expectedOfNewCustomer(model, 60), expected, 1e-10, 'weeks');
    const daily: ClvModel = { model: 'clv', unit: 'day', bgNbd: { ...bgNbd, alpha: alpha * 7 } };
    expectClose(expectedOfNewCustomer(daily, 60), expected, 1e-10, 'days');
  });

  test('bands are at 15, 35 and 60 per cent', () => {
    expect([0, 0.149, 0.15, 0.349, 0.35, 0.599, 0.6, 1].map((p) => churnBand(p))).toEqual([
      'low',
      'low',
      'moderate',
      'moderate',
      'high',
      'high',
      'severe',
      'severe',
    ]);
  });

  test('a horizon in the wrong unit answers a reason instead of writing out a million counts', () => {
    const seconds: ClvModel = { ...model, bgNbd: { r: 5, alpha: 1e-6, a: 1e-4, b: 100 } };
    expect(predictClv(seconds, { frequency: 0, recency: 0, T: 0 }, { months: 12 })).toMatchObject({
      ok: false,
      reason: { reason: 'out-of-range' },
    });
  });
});

test('every model of the catalogue is listed under its own name with a fit', () => {
  for (const [name, model] of Object.entries(models)) {
    expect(model.name).toBe(name);
    expect(model.inputs.length).toBeGreaterThan(0);
    expect(model.fit).toBeTypeOf('function');
  }
});
