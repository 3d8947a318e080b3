// The CLV model from the ledger's statistics: the same numbers as a fit of the histories themselves, and a word where the model does not fit.
import { expect, test } from 'vitest';
import { createRandom } from '#domain/numerics/random.ts';
import { type ClvTrainingData, fitClv } from '#processors/training/fit-clv.ts';

/** BG/NBD buyers observed for 52 weeks (r 0.6, α 5, a 0.9, b 2.5), or buyers who begin to buy only after 40 weeks. */
function population(kind: 'bg-nbd' | 'late', customers = 3_000): ClvTrainingData {
  const random = createRandom(11);
  const rows: [number, number, number][] = [];
  for (let i = 0; i < customers; i++) {
    const rate = random.gamma(0.6, 5);
    const dropout = random.beta(0.9, 2.5);
    const T = kind === 'late' && i % 2 === 0 ? 52 : 8 + random.below(45);
    let [x, last, at] = [0, 0, 0];
    if (kind === 'late') {
      if (T === 52) [x, last] = [10, 51];
    } else
      for (;;) {
        at += random.exponential(rate);
        if (at >= T) break;
        x++;
        last = at;
        if (random.uniform() < dropout) break;
      }
    rows.push([x, Math.min(T * 7, Math.max(x > 0 ? 1 : 0, Math.ceil(last * 7))), T * 7]);
  }
  const column = (at: 0 | 1 | 2) => Float64Array.from(rows, (row) => row[at]);
  const spenders = rows.filter(([x]) => x > 0);
  return {
    histories: {
      frequency: column(0),
      recencyDays: column(1),
      ageDays: column(2),
      weight: new Float64Array(customers).fill(1),
    },
    spend: {
      frequency: Float64Array.from(spenders, ([x]) => x),
      monetaryValue: Float64Array.from(spenders, () => random.gamma(5, 0.1)),
      weight: new Float64Array(spenders.length).fill(1),
    },
    evidence: null,
  };
}

const codes = (data: ClvTrainingData): string[] => {
  const fitted = fitClv(data);
  if (!fitted.ok) throw new Error(fitted.reason);
  return fitted.value.diagnostics.map(({ code }) => code);
};

test('recovers the parameters of a simulated population and has nothing to say about tracking', () => {
  const fitted = fitClv(population('bg-nbd', 20_000));
  if (!fitted.ok) throw new Error(fitted.reason);
  const { r, alpha, a, b } = fitted.value.model.bgNbd!;
  expect(r).toBeCloseTo(0.6, 1);
  expect(alpha).toBeCloseTo(5, 0);
  expect(a / (a + b)).toBeCloseTo(0.9 / 3.4, 1);
  expect(fitted.value.diagnostics.map(({ code }) => code)).not.toContain('tracking-error');
});

test('says so when what the model expects is more than a tenth off what was bought', () => {
  expect(codes(population('late'))).toContain('tracking-error');
});

test('amounts so spread that some have no mean: the training says for how many value is not answered, and churn is', () => {
  const data = population('bg-nbd', 1_000);
  const random = createRandom(3);
  data.spend.monetaryValue = data.spend.monetaryValue.map(() => Math.exp(3 + 2 * random.normal()));
  const fitted = fitClv(data);
  if (!fitted.ok) throw new Error(fitted.reason);
  const { p, q } = fitted.value.model.gammaGamma!;
  expect(q).toBeLessThan(1);
  const valued = data.spend.frequency.filter((x) => p * x + q > 1).length;
  const told = fitted.value.diagnostics.find(({ code }) => code === 'infinite-mean')!.message;
  expect(told).toContain(`(${1_000 - valued} of 1000 customers)`);
  expect(fitted.value.refused).toBeNull();
});

test('refuses a handful of customers with a reason', () => {
  expect(fitClv(population('bg-nbd', 5))).toMatchObject({ ok: false, reason: expect.stringContaining('10') });
});
