// Contributions add up to the score, exactly; and the value of a customer comes apart into its three factors.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClvModel, type CustomerHistory, predictClv } from '#domain/models/clv-model.ts';
import { explainCox, explainLogistic } from '#domain/models/explanation/contributions.ts';
import {
  averageFactors,
  productOf,
  splitValue,
  type ValueFactors,
  valueFactors,
} from '#domain/models/explanation/value-split.ts';
import type { FeatureRow } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, score } from '#domain/models/logistic-model.ts';
import { fit as fitCox, linearPredictor } from '#domain/models/survival/cox.ts';
import { expectClose } from '../../../support/close.ts';

const artefact = (calibration: LogisticArtefact['calibration']): LogisticArtefact => ({
  model: 'logistic',
  encoding: [
    { column: 'tenure', kind: 'numeric', blank: 12, indicator: true },
    { column: 'contract', kind: 'categorical', levels: ['biennial', 'monthly', 'yearly'] },
    { column: 'price', kind: 'numeric', blank: null },
  ],
  intercept: -0.4,
  coefficients: (
    [
      ['tenure', -0.05, 20, 8],
      ['tenure=missing', 0.3, 0.1, 0.3],
      ['contract=monthly', 1.1, 0.5, 0.5],
      ['contract=yearly', 0.4, 0.3, 0.46],
      ['price', 0.02, 60, 15],
    ] as const
  ).map(([name, coef, mean, sd]) => ({ name, coef, standardised: coef * sd, mean, sd })),
  calibration,
});

const rows = fc.record({
  tenure: fc.option(fc.integer({ min: 0, max: 72 })),
  contract: fc.constantFrom('biennial', 'monthly', 'yearly', 'unheard of'),
  price: fc.double({ min: 10, max: 120, noNaN: true }),
});
const calibrations: LogisticArtefact['calibration'][] = [
  { method: 'identity' },
  { method: 'platt', A: -0.8, B: 0.2 },
  { method: 'isotonic', x: [-2, 0, 1], y: [0.1, 0.4, 0.9] },
];

describe.each(calibrations)('logistic, calibration $method', (calibration) => {
  const model = artefact(calibration);
  test('contributions add up to the score, and the score is the model’s', () => {
    fc.assert(
      fc.property(rows, fc.option(rows), (row: FeatureRow, other) => {
        const explained = explainLogistic(model, row, other ?? undefined);
        if (!explained.ok) throw new Error(explained.reason.message);
        const { value } = explained;
        const scored = score(model, row);
        if (!scored.ok) throw new Error(scored.reason.message);
        const sum = value.contributions.reduce((all, { amount }) => all + amount, value.reference);
        expect(value.score).toBe(sum);
        expect(value.probability).toBeCloseTo(scored.value.probability, 12);
        if (value.scale === 'log-odds')
          expect(1 / (1 + Math.exp(-value.score))).toBeCloseTo(scored.value.probability, 12);
        else expect(value.score).toBeCloseTo(scored.value.logOdds, 12);
        expect(value.contributions.map(({ feature }) => feature).sort()).toEqual(['contract', 'price', 'tenure']);
        expect(value.against).toBe(other ? 'given customer' : 'population mean');
        if (other) {
          const there = score(model, other as FeatureRow);
          if (there.ok) expect(value.referenceProbability).toBeCloseTo(there.value.probability, 12);
        }
      }),
    );
  });
  test('a customer against itself is explained by nothing', () => {
    const row = { tenure: 3, contract: 'monthly', price: 80 };
    const explained = explainLogistic(model, row, row);
    if (!explained.ok) throw new Error();
    for (const { amount } of explained.value.contributions) expect(amount).toBe(0);
  });
});

test('the levels of a category count together, by hand', () => {
  const explained = explainLogistic(artefact({ method: 'identity' }), { tenure: 20, contract: 'monthly', price: 60 });
  if (!explained.ok) throw new Error();
  // 1.1 (1 − 0.5) + 0.4 (0 − 0.3); the missing indicator stands 0.1 under its mean.
  expect(explained.value.contributions.map(({ feature, amount }) => [feature, Number(amount.toFixed(12))])).toEqual([
    ['contract', 0.43],
    ['tenure', -0.03],
    ['price', 0],
  ]);
  const refused = explainLogistic(artefact({ method: 'identity' }), { tenure: 20, contract: 'monthly', price: null });
  expect(refused).toMatchObject({ ok: false, reason: { column: 'price' } });
});

test('Cox: contributions to the log-hazard add up to the linear predictor', () => {
  const model = fitCox({
    duration: Float64Array.of(5, 8, 3, 9, 4, 7, 6, 2),
    eventObserved: Float64Array.of(1, 1, 1, 0, 1, 0, 1, 1),
    covariates: [
      { name: 'plan=pro', values: Float64Array.of(1, 0, 0, 1, 0, 1, 0, 0) },
      { name: 'plan=team', values: Float64Array.of(0, 1, 0, 0, 1, 0, 0, 1) },
      { name: 'age', values: Float64Array.of(30, 41, 25, 62, 33, 48, 50, 29) },
    ],
  });
  if (!model.ok) throw new Error(model.message);
  const x = [0, 1, 29];
  const explained = explainCox(model, x);
  expect(explained.contributions.map(({ feature }) => feature).sort()).toEqual(['age', 'plan']);
  expect(explained.score).toBeCloseTo(linearPredictor(model, x), 12);
  expect(explained.reference).toBe(0);
  const other = [1, 0, 62];
  const against = explainCox(model, x, other);
  expect(against.reference).toBeCloseTo(linearPredictor(model, other), 12);
  expect(against.score).toBeCloseTo(linearPredictor(model, x), 12);
  expect(() => explainCox(model, [1])).toThrow(/1 covariates for 3/);
});

const names = ['pAlive', 'purchasesWhileAlive', 'spendPerPurchase'] as const;

describe('value', () => {
  // Published CDNOW parameters of Fader, Hardie & Lee (2005).
  const model: ClvModel = {
    model: 'clv',
    unit: 'week',
    bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
    gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
  };
  const customers: CustomerHistory[] = [
    { frequency: 2, recency: 210, T: 270, monetaryValue: 22.35 },
    { frequency: 0, recency: 0, T: 200 },
    { frequency: 12, recency: 100, T: 3000, monetaryValue: 40 },
    { frequency: 400, recency: 400, T: 9000, monetaryValue: 12 },
  ];
  const factorsOf = (customer: CustomerHistory, discountMonthly = 0.01) => {
    const factors = valueFactors(model, customer, { months: 12, discountMonthly });
    if (!factors.ok) throw new Error(factors.reason.message);
    return factors.value;
  };
  test.each(customers)('the three factors multiply to the value of $frequency purchases', (customer) => {
    for (const discountMonthly of [0, 0.01]) {
      const clv = predictClv(model, customer, { months: 12, discountMonthly });
      if (!clv.ok) throw new Error();
      expectClose(productOf(factorsOf(customer, discountMonthly)), clv.value.clvMean, 1e-12, 'value');
      expect(factorsOf(customer, discountMonthly).pAlive).toBe(clv.value.pAlive);
    }
    const middle = { months: 12, discounting: 'mid-month' } as const;
    const [clv, factors] = [predictClv(model, customer, middle), valueFactors(model, customer, middle)];
    if (!clv.ok || !factors.ok) throw new Error();
    expectClose(productOf(factors.value), clv.value.clvMean, 1e-12, 'mid-month');
  });
  test('in a model of days too', () => {
    const daily: ClvModel = { ...model, unit: 'day', bgNbd: { r: 0.243, alpha: 4.414 * 7, a: 0.793, b: 2.426 } };
    const factors = valueFactors(daily, customers[0]!, { months: 12 });
    if (!factors.ok) throw new Error(factors.reason.message);
    for (const name of names) expectClose(factors.value[name], factorsOf(customers[0]!)[name], 1e-9, name);
  });
  test('the average customer, by hand', () => {
    const two = [
      { pAlive: 1, purchasesWhileAlive: 4, spendPerPurchase: 10 },
      { pAlive: 0.5, purchasesWhileAlive: 2, spendPerPurchase: 30 },
    ];
    // 1.5 alive of 2; 5 purchases of 1.5 alive; 70 of money in 5 purchases.
    expect(averageFactors(two)).toEqual({ pAlive: 0.75, purchasesWhileAlive: 5 / 1.5, spendPerPurchase: 14 });
    expect(averageFactors([{ pAlive: 0, purchasesWhileAlive: 4, spendPerPurchase: 10 }])).toBeUndefined();
    expect(averageFactors([{ pAlive: 1, purchasesWhileAlive: 0, spendPerPurchase: 10 }])).toBeUndefined();
  });
  test('a refusal is passed on', () => {
    const { gammaGamma: _, ...purchasesOnly } = model;
    expect(valueFactors(purchasesOnly as ClvModel, customers[0]!).ok).toBe(false);
  });
  test('the average customer is worth the average value', () => {
    const all = customers.map((customer) => factorsOf(customer));
    const mean = all.reduce((sum, each) => sum + productOf(each), 0) / all.length;
    expectClose(productOf(averageFactors(all)!), mean, 1e-13, 'mean');
    const weighted = averageFactors([{ ...all[0]!, weight: 3 }, all[1]!]);
    const repeated = averageFactors([all[0]!, all[0]!, all[0]!, all[1]!])!;
    for (const name of names) expectClose(weighted![name], repeated[name], 1e-13, name);
    expect(averageFactors([])).toBeUndefined();
  });

  const factors = fc.record({
    pAlive: fc.double({ min: 0, max: 1, noNaN: true }),
    purchasesWhileAlive: fc.double({ min: 0, max: 100, noNaN: true }),
    spendPerPurchase: fc.double({ min: 0, max: 1000, noNaN: true }),
  });
  test('the split is the mean over all six orders of exchanging the factors, and adds up', () => {
    fc.assert(
      fc.property(factors, factors, (own: ValueFactors, reference: ValueFactors) => {
        const { value, reference: base, contributions } = splitValue(own, reference);
        const mean = { pAlive: 0, purchasesWhileAlive: 0, spendPerPurchase: 0 };
        for (const first of names)
          for (const second of names.filter((name) => name !== first)) {
            const third = names.find((name) => name !== first && name !== second)!;
            let at = { ...reference };
            for (const name of [first, second, third]) {
              const next = { ...at, [name]: own[name] };
              mean[name] += (productOf(next) - productOf(at)) / 6;
              at = next;
            }
          }
        const scale = names.reduce((all, name) => all * Math.max(1e-3, own[name], reference[name]), 1);
        for (const name of names) expect(contributions[name] / scale).toBeCloseTo(mean[name] / scale, 12);
        const sum = names.reduce((all, name) => all + contributions[name], 0);
        expect(sum / scale).toBeCloseTo((value - base) / scale, 12);
      }),
    );
  });
});
