// Gamma-Gamma: its warnings against a naive computation, its weights, and its likelihood where it becomes a law with a known density.
import { describe, expect, test } from 'vitest';
import { RowError } from '#domain/models/fit.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import { lnGamma } from '#domain/numerics/gamma.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';

const columns = (rows: readonly (readonly [number, number])[], weight?: number[]): gammaGamma.SpendColumns => ({
  frequency: Float64Array.from(rows, ([x]) => x),
  monetaryValue: Float64Array.from(rows, ([, mean]) => mean),
  weight: weight && Float64Array.from(weight),
});

/** Customers whose amounts differ: Gamma(4, ν), ν ~ Gamma(5, 40), times a factor that depends on how often they buy. */
function customers(n: number, factor: (x: number) => number = () => 1): [number, number][] {
  const random = createRandom(11);
  return Array.from({ length: n }, (_, i) => {
    const x = 1 + (i % 6);
    return [x, factor(x) * random.gamma(4 * x, x * random.gamma(5, 40))];
  });
}

function fitted(spend: gammaGamma.SpendColumns) {
  const found = gammaGamma.fit(spend);
  if (!found.ok) throw new Error(found.message);
  return found;
}
const codes = (spend: gammaGamma.SpendColumns) => fitted(spend).diagnostics.map(({ code }) => code);

/** Pearson's correlation, from its definition. */
function correlation(rows: readonly (readonly [number, number])[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(rows.map(([x]) => x)), mean(rows.map(([, y]) => y))];
  const moment = (of: (x: number, y: number) => number) => mean(rows.map(([x, y]) => of(x - mx, y - my)));
  return moment((x, y) => x * y) / Math.sqrt(moment((x) => x * x) * moment((_, y) => y * y));
}

describe('spend that rises or falls with frequency', () => {
  test.each([
    ['rises', (x: number) => 1 + x],
    ['falls', (x: number) => 1 / x],
  ])('%s: flagged with its correlation', (_, factor) => {
    const rows = customers(200, factor);
    const found = correlation(rows);
    expect(Math.abs(found)).toBeGreaterThan(0.3);
    expect(fitted(columns(rows)).diagnostics).toContainEqual({
      code: 'spend-correlates',
      message: expect.stringContaining(`correlate at ${found.toFixed(3)};`),
    });
  });

  test('it does neither, or nobody differs in frequency: not flagged', () => {
    expect(Math.abs(correlation(customers(200)))).toBeLessThan(0.2);
    expect(codes(columns(customers(200)))).toEqual([]);
    expect(codes(columns(customers(200).map(([, mean]) => [2, mean])))).toEqual([]);
  });

  test('weights count in it', () => {
    const rows = customers(60, (x) => 1 + x / 2);
    const weight = rows.map(([x], i) => (x > 4 ? 3 : 1 + (i % 2)));
    const repeated = rows.flatMap((row, i) => Array.from({ length: weight[i]! }, () => row));
    expect(fitted(columns(rows, weight)).diagnostics).toEqual(fitted(columns(repeated)).diagnostics);
    expect(fitted(columns(rows, weight)).diagnostics[0]!.message).toContain(correlation(repeated).toFixed(3));
  });
});

test('a weight is so many customers', () => {
  const rows = customers(200);
  const weight = rows.map((_, i) => i % 4);
  const repeated = rows.flatMap((row, i) => Array.from({ length: weight[i]! }, () => row));
  const [weighted, alike] = [fitted(columns(rows, weight)), fitted(columns(repeated))];
  expect(weighted.n).toBe(repeated.length);
  expectClose(weighted.logLikelihood, alike.logLikelihood, 1e-12);
  expectClose(weighted.params.p, alike.params.p, 1e-7);
  const left = fitted(columns([...rows, [0, 0], [2, 0]], [...weight, 5, 7]));
  expect(left.diagnostics.map(({ message }) => Number.parseInt(message, 10))).toEqual([5, 7]);
});

test('ten customers are fitted with a warning below thirty, nine are not', () => {
  const rows = customers(30);
  expect(gammaGamma.fit(columns(rows.slice(0, 9)))).toMatchObject({
    ok: false,
    reason: 'too-few-customers',
    n: 9,
    iterations: 0,
  });
  expect(fitted(columns(rows.slice(0, 10))).diagnostics).toContainEqual({
    code: 'few-customers',
    message: '10 customers: expect wide uncertainty',
  });
  expect(codes(columns(rows.slice(0, 29)))).toContain('few-customers');
  expect(codes(columns(rows))).not.toContain('few-customers');
});

test('amounts that hardly differ: told apart from those that do not', () => {
  const nearly = (spread: number) =>
    Array.from({ length: 200 }, (_, i) => [2, 25 * (1 + spread * ((i % 3) - 1))] as const);
  expect(codes(columns(nearly(1e-7)))).toContain('constant-spend');
  expect(codes(columns(nearly(1e-2)))).not.toContain('constant-spend');
});

test('a parameter at its bound is named with the side', () => {
  const same = fitted(columns(Array.from({ length: 200 }, (_, i) => [1 + (i % 5), 25])));
  expect(same.diagnostics).toContainEqual({
    code: 'at-boundary',
    message: expect.stringMatching(/^[pq] stands at the upper bound/),
  });
});

test('amounts too far apart for doubles: no maximum, and the answer holds no NaN', () => {
  const far = Array.from({ length: 20 }, (_, i) => [1 + (i % 3), i % 2 ? 1e300 : 1e-300] as const);
  expect(gammaGamma.fit(columns(far))).toMatchObject({
    ok: false,
    reason: 'no-convergence',
    iterations: 0,
    gradientNorm: null,
    n: 20,
    message: expect.stringContaining('are all amounts in one currency and unit?'),
  });
});

test('rows that cannot be are refused by row and column', () => {
  const refuse = (rows: [number, number][], weight?: number[]) => () => gammaGamma.fit(columns(rows, weight));
  expect(refuse([[1.5, 4]])).toThrow('row 1, column frequency: 1.5');
  expect(refuse([[Number.POSITIVE_INFINITY, 4]])).toThrow('column frequency: Infinity');
  expect(
    refuse([
      [1, 4],
      [2, Number.POSITIVE_INFINITY],
    ]),
  ).toThrow('row 2, column monetaryValue: Infinity');
  expect(
    refuse(
      [
        [1, 4],
        [0, 0],
      ],
      [1, -1],
    ),
  ).toThrow('row 2, column weight: -1');
  expect(refuse([[1, 4]], [1])).not.toThrow();
  expect(refuse([[1, 4]], [Number.NaN])).toThrow(RowError);
  expect(refuse([[1, 4]], [1, 2])).toThrow('column weight has 2 rows, frequency has 1');
});

describe('the likelihood where it becomes a simpler law', () => {
  const rows: [number, number][] = [
    [1, 12],
    [2, 35],
    [5, 20],
    [9, 8],
  ];

  test('everybody has one rate ν = q/v: the mean of x amounts is Gamma(p·x, ν·x)', () => {
    const [p, nu] = [3, 0.2];
    const limit = rows.reduce(
      (sum, [x, mean]) =>
        sum + p * x * Math.log(nu * x) + (p * x - 1) * Math.log(mean) - nu * x * mean - lnGamma(p * x),
      0,
    );
    expectClose(gammaGamma.logLikelihood({ p, q: 1e10, v: 1e10 / nu }, columns(rows)), limit, 1e-7);
  });

  test('every amount of a customer is the same: it is inverse-gamma with shape q and scale p·v', () => {
    const [q, scale] = [3, 60];
    const limit = rows.reduce(
      (sum, [, mean]) => sum + q * Math.log(scale) - lnGamma(q) - (q + 1) * Math.log(mean) - scale / mean,
      0,
    );
    expectClose(gammaGamma.logLikelihood({ p: 1e10, q, v: scale / 1e10 }, columns(rows)), limit, 1e-7);
  });

  test('rows without repeats or money say nothing', () => {
    const params = { p: 6, q: 4, v: 15 };
    const more = columns([...rows, [0, 0], [3, 0]]);
    expect(gammaGamma.logLikelihood(params, more)).toBe(gammaGamma.logLikelihood(params, columns(rows)));
  });
});

test('the expected amount: outside the domain NaN, where the mean does not exist undefined', () => {
  const params = { p: 6, q: 4, v: 15 };
  for (const name of ['p', 'q', 'v'] as const) {
    expect(gammaGamma.expectedSpend({ ...params, [name]: 0 }, 2, 10)).toBeNaN();
    expect(gammaGamma.expectedSpend({ ...params, [name]: -1 }, 2, 10)).toBeNaN();
  }
  expect(gammaGamma.expectedSpend(params, 2, -1)).toBeNaN();
  expect(gammaGamma.expectedSpend(params, 0, 0)).toBe((6 * 15) / 3);
  expect(gammaGamma.expectedSpend({ ...params, q: 1 }, 0, 0)).toBeUndefined();
  expect(gammaGamma.expectedSpend({ p: 0.25, q: 0.5, v: 1 }, 2, 10)).toBeUndefined();
});
