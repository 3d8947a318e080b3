// The delta method against two things that do not use it: derivatives by differences of the predictions, and predictions of parameters drawn
// from the asymptotic normal of the fit.
import { describe, expect, test } from 'vitest';
import { models } from '#domain/models/catalogue.ts';
import { type ClvModel, type CustomerHistory, predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import { churnInterval, clvInterval } from '#domain/models/parameter-uncertainty.ts';
import { cholesky } from '#domain/numerics/cholesky.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';

const KINDS = { 'bg-nbd': 'bgNbd', 'mbg-nbd': 'mbgNbd', 'pareto-nbd': 'paretoNbd' } as const;

/** 6,000 customers of that model over 52 weeks, and the model fitted to them, as a file would bring it. */
function fitted(name: keyof typeof KINDS): ClvModel {
  const random = createRandom(12);
  const n = 6_000;
  const [frequency, recency, T, monetaryValue] = [0, 0, 0, 0].map(() => new Float64Array(n)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < n; i++) {
    T[i] = 20 + random.uniform() * 32;
    const rate = random.gamma(0.7, 5);
    const any = name === 'pareto-nbd';
    const dropout = any ? 0 : random.beta(0.9, 2.5);
    const end = any ? Math.min(T[i]!, random.exponential(random.gamma(1.5, 20))) : T[i]!;
    const nu = random.gamma(4, 15);
    for (let at = random.exponential(rate); at < end; at += random.exponential(rate)) {
      frequency[i]! += 1;
      recency[i] = at;
      monetaryValue[i]! += random.gamma(5, nu);
      if (random.uniform() < dropout) break;
    }
    if (frequency[i]! > 0) monetaryValue[i]! /= frequency[i]!;
  }
  const purchases = models[name].fit({ frequency, recency, T });
  const money = gammaGamma.fit({ frequency, monetaryValue });
  const parsed = parseClvModel(JSON.parse(JSON.stringify(purchases)), JSON.parse(JSON.stringify(money)));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

const customers: CustomerHistory[] = [
  { frequency: 0, recency: 0, T: 200 },
  { frequency: 2, recency: 150, T: 272, monetaryValue: 40 },
  { frequency: 12, recency: 270, T: 280, monetaryValue: 22 },
  { frequency: 7, recency: 60, T: 300, monetaryValue: 31, moneyDays: 5 },
  { frequency: 0, recency: 0, T: 0 },
];
const answered = <T>(answer: { ok: true; value: T } | { ok: false; reason: { message: string } }): T => {
  if (!answer.ok) throw new Error(answer.reason.message);
  return answer.value;
};

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])('%s', (name) => {
  const model = fitted(name);
  const kind = KINDS[name];
  const params = model[kind] as unknown as Record<string, number>;
  const names = Object.keys(params);
  const changed = (factors: readonly number[], money: readonly number[] = [1, 1, 1]): ClvModel =>
    ({
      ...model,
      [kind]: Object.fromEntries(names.map((each, i) => [each, params[each]! * factors[i]!])),
      gammaGamma: Object.fromEntries(
        Object.entries(model.gammaGamma!).map(([each, value], i) => [each, value * money[i]!]),
      ),
    }) as unknown as ClvModel;

  test('the fit carries the covariance of both parts', () => {
    expect(model.covariance?.purchases).toHaveLength(4);
    expect(model.covariance?.money).toHaveLength(3);
  });

  test('churn: the closed-form derivative agrees with differences of the prediction', () => {
    for (const customer of customers) {
      const logit = (at: ClvModel) => {
        const { pChurn, pPurchase } = answered(predictChurn(at, customer, 90));
        return Math.log(pChurn / pPurchase);
      };
      const gradient = names.map((_, i) => {
        const step = (by: number) => logit(changed(names.map((_, j) => (i === j ? Math.exp(by) : 1))));
        return (step(1e-5) - step(-1e-5)) / 2e-5;
      });
      const variance = gradient.reduce(
        (sum, g, i) => sum + gradient.reduce((inner, h, j) => inner + g * h * model.covariance!.purchases![i]![j]!, 0),
        0,
      );
      const { lower, upper } = churnInterval(model, customer, answered(predictChurn(model, customer, 90)))!;
      const width = Math.log(upper / (1 - upper)) - Math.log(lower / (1 - lower));
      expectClose(width, 2 * 1.959963984540054 * Math.sqrt(variance), 1e-5, `x = ${customer.frequency}`);
      expectClose((Math.log(upper / (1 - upper)) + Math.log(lower / (1 - lower))) / 2, logit(model), 1e-9);
    }
  });

  test('value: the interval is that of differences of the prediction by all seven parameters, and each part is in it', () => {
    const quadratic = (g: readonly number[], covariance: readonly (readonly number[])[]) =>
      g.reduce((sum, a, i) => sum + g.reduce((inner, b, j) => inner + a * b * covariance[i]![j]!, 0), 0);
    const asked = { months: 6, discountMonthly: 0.02, levels: [] };
    for (const customer of customers) {
      const ln = (at: ClvModel) => Math.log(answered(predictClv(at, customer, asked)).clvMean);
      const difference = (count: number, change: (factors: number[]) => ClvModel) =>
        Array.from({ length: count }, (_, i) => {
          const at = (by: number) => ln(change(Array.from({ length: count }, (_, j) => (i === j ? Math.exp(by) : 1))));
          return (at(1e-4) - at(-1e-4)) / 2e-4;
        });
      const ofPurchases = quadratic(
        difference(4, (factors) => changed(factors)),
        model.covariance!.purchases!,
      );
      const ofMoney = quadratic(
        difference(3, (factors) => changed([1, 1, 1, 1], factors)),
        model.covariance!.money!,
      );
      const value = answered(predictClv(model, customer, asked));
      const { lower, upper } = clvInterval(model, customer, value)!;
      const what = `x = ${customer.frequency}`;
      expectClose(Math.log(upper / lower), 2 * 1.959963984540054 * Math.sqrt(ofPurchases + ofMoney), 1e-4, what);
      expectClose(Math.sqrt(upper * lower), value.clvMean, 1e-12, what);
      const parts = [{ purchases: model.covariance!.purchases! }, { money: model.covariance!.money! }];
      for (const covariance of parts) expect(clvInterval({ ...model, covariance }, customer, value)).toBeNull();
      // A thousand times the uncertainty of money, so that its part is what is seen.
      const money = model.covariance!.money!.map((row) => row.map((each) => 1e3 * each));
      const wide = clvInterval({ ...model, covariance: { ...model.covariance!, money } }, customer, value)!;
      const expected = 2 * 1.959963984540054 * Math.sqrt(ofPurchases + 1e3 * ofMoney);
      expectClose(Math.log(wide.upper / wide.lower), expected, 1e-4, what);
    }
  });

  test('both intervals hold 95 % of the predictions of 2,000 parameters drawn from the normal of the fit (seeded)', () => {
    const random = createRandom(3);
    const draw = (covariance: number[][]) => {
      const lower = cholesky(covariance)!;
      const z = lower.map(() => random.normal());
      return lower.map((row) => Math.exp(row.reduce((sum, value, j) => sum + value * z[j]!, 0)));
    };
    const drawn = Array.from({ length: 2_000 }, () =>
      changed(draw(model.covariance!.purchases!), draw(model.covariance!.money!)),
    );
    for (const customer of customers) {
      const churn = churnInterval(model, customer, answered(predictChurn(model, customer, 90)))!;
      const value = answered(predictClv(model, customer, { months: 6 }));
      const clv = clvInterval(model, customer, value)!;
      let [churnInside, clvInside, clvAsked] = [0, 0, 0];
      drawn.forEach((at, i) => {
        const p = answered(predictChurn(at, customer, 90)).pChurn;
        if (p >= churn.lower && p <= churn.upper) churnInside += 1;
        if (i % 10 !== 0) return;
        clvAsked += 1;
        const mean = answered(predictClv(at, customer, { months: 6, levels: [] })).clvMean;
        if (mean >= clv.lower && mean <= clv.upper) clvInside += 1;
      });
      // 95 % ± four standard errors of 2,000 draws, and room for what is not linear; ± 6 points of 200 draws.
      expect(Math.abs(churnInside / 2_000 - 0.95), `churn, x = ${customer.frequency}`).toBeLessThan(0.025);
      expect(Math.abs(clvInside / clvAsked - 0.95), `clv, x = ${customer.frequency}`).toBeLessThan(0.06);
      expect(clv.lower).toBeLessThan(value.clvMean);
      expect(clv.upper).toBeGreaterThan(value.clvMean);
    }
  });
});

test('no covariance, no interval; a hopeless customer has one without NaN', () => {
  const bare: ClvModel = {
    model: 'clv',
    unit: 'week',
    bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
    gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
  };
  const customer = customers[1]!;
  expect(churnInterval(bare, customer, answered(predictChurn(bare, customer, 90)))).toBeNull();
  expect(clvInterval(bare, customer, answered(predictClv(bare, customer)))).toBeNull();
  const known: ClvModel = {
    ...bare,
    covariance: {
      purchases: [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 0.01 : 0))),
      money: [
        [0.01, 0, 0],
        [0, 0.01, 0],
        [0, 0, 0.01],
      ],
    },
  };
  const gone = { frequency: 400, recency: 70, T: 3500, monetaryValue: 10 };
  const churn = churnInterval(known, gone, answered(predictChurn(known, gone, 90)))!;
  expect(churn).toEqual({ lower: 1, upper: 1 });
  const clv = clvInterval(known, gone, answered(predictClv(known, gone)))!;
  expect(Number.isFinite(clv.lower) && Number.isFinite(clv.upper)).toBe(true);
});
