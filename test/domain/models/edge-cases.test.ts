// Where other implementations break: poles, underflow, bad rows, fits without an inner maximum.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { RowError } from '#domain/models/fit.ts';
import { countPmf } from '#domain/models/future-purchases.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectAllClose, expectClose } from '../../support/close.ts';
import { column, csvRows } from '../../support/histories.ts';
import { describeShared, sharedJson, sharedPath } from '../../support/shared.ts';

const P = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const summaryOf = (rows: readonly (readonly [number, number, number])[]) => ({
  frequency: Float64Array.from(rows, ([x]) => x),
  recency: Float64Array.from(rows, ([, tx]) => tx),
  T: Float64Array.from(rows, ([, , T]) => T),
});
const spendOf = (rows: readonly (readonly [number, number])[]) => ({
  frequency: Float64Array.from(rows, ([x]) => x),
  monetaryValue: Float64Array.from(rows, ([, m]) => m),
});
const codes = (fitted: { diagnostics: { code: string }[] }) => fitted.diagnostics.map(({ code }) => code);
const good = Array.from({ length: 40 }, (_, i) => [i % 4, i % 4 === 0 ? 0 : 5 + (i % 7), 20 + (i % 3)] as const);

interface Edge {
  conditional: {
    name: string;
    t: number;
    x: number;
    t_x: number;
    T: number;
    params: bgNbd.BgNbdParams;
    expected: number;
    p_alive: number;
    log10_odds_dead: number | null;
  }[];
  log_likelihoods: { x: number; t_x: number; T: number; log_likelihood: number }[];
  fits: Record<string, { peer: { params: Record<string, number>; log_likelihood: number } }>;
  gamma_gamma: Record<string, { peer: { params: Record<string, number>; log_likelihood: number } }>;
  pmf_large_n: { params: bgNbd.BgNbdParams; t: number; n: number[]; pmf: number[] };
}

describeShared(
  'clv_edge_cases.json',
  ['golden/clv_edge_cases.json', 'data/cdnow_summary.csv', 'data/cdnow_summary_spend.csv'],
  () => {
    const edge = () => sharedJson<Edge>('golden', 'clv_edge_cases.json');
    const cdnow = () => csvRows(sharedPath('data', 'cdnow_summary.csv'));
    const histories = (scale = 1, purchases = 1) => ({
      frequency: column(cdnow(), 'frequency').map((x) => x * purchases),
      recency: column(cdnow(), 'recency').map((t) => t * scale),
      T: column(cdnow(), 'T').map((t) => t * scale),
    });

    test('all 43 conditional cases (a = 1, a + b ≤ 1, x to 5000, t from 0 to 1e8) agree with 110-digit values', () => {
      const cases = edge().conditional;
      expect(cases.length).toBe(43);
      for (const { name, params, x, t_x, T, t, expected, p_alive, log10_odds_dead } of cases) {
        expectClose(bgNbd.expectedPurchases(params, x, t_x, T, t), expected, 1e-12, `${name}: E`);
        expectClose(bgNbd.probabilityAlive(params, x, t_x, T), p_alive, 1e-12, `${name}: P(alive)`);
        const odds = bgNbd.logOddsOfDeath(params, x, t_x, T);
        if (log10_odds_dead === null) expect(odds, name).toBe(Number.NEGATIVE_INFINITY);
        else expectClose(odds / Math.LN10, log10_odds_dead, 1e-12, `${name}: log-odds`);
      }
    });

    test('likelihoods of single histories, x to 5000 and T to 1e6, agree with 110-digit values', () => {
      for (const { x, t_x, T, log_likelihood } of edge().log_likelihoods) {
        const found = bgNbd.logLikelihood(P, summaryOf([[x, t_x, T]]));
        expect(Math.abs(found - log_likelihood), `x = ${x}`).toBeLessThan(
          1e-12 * Math.max(1, Math.abs(log_likelihood)),
        );
      }
    });

    test('P(N = n) holds to n = 200, where the peer answers NaN from 171', () => {
      const { params, t, n, pmf } = edge().pmf_large_n;
      const found = countPmf(bgNbd.posterior(params, 0, 0, 0), t, 200);
      n.forEach((count, i) => {
        expectClose(found[count], pmf[i]!, 1e-12, `n = ${count}`);
      });
    });

    test('days for weeks, weighted unique rows and a very active population fit as clv_edge_cases.json says', () => {
      const { fits } = edge();
      const days = bgNbd.fit(histories(7), 'day');
      const heavy = bgNbd.fit(histories(1, 40));
      for (const [name, fitted, tolerance] of [
        ['days_not_weeks', days, 1e-6],
        ['heavy', heavy, 1e-4], // the peer stops at a gradient of 2e-4
      ] as const) {
        if (!fitted.ok) throw new Error(fitted.message);
        expectAllClose({ ...fitted.params }, fits[name]!.peer.params, tolerance, name);
        expectClose(fitted.logLikelihood, fits[name]!.peer.log_likelihood, 1e-11, name);
      }
    });

    test('cents for dollars fit as clv_edge_cases.json says', () => {
      const rows = csvRows(sharedPath('data', 'cdnow_summary_spend.csv'));
      const fitted = gammaGamma.fit({
        frequency: column(rows, 'x'),
        monetaryValue: column(rows, 'zbar').map((m) => m * 100),
      });
      if (!fitted.ok) throw new Error(fitted.message);
      const { peer } = edge().gamma_gamma.cents_not_dollars!;
      expectAllClose({ ...fitted.params }, peer.params, 1e-6);
      expectClose(fitted.logLikelihood, peer.log_likelihood, 1e-11);
    });
  },
);

describe('predictions at the edges', () => {
  test('no horizon, no purchases: exactly 0; nobody is lost and nobody bought', () => {
    expect(bgNbd.expectedPurchases(P, 3, 20, 30, 0)).toBe(0);
    expect(bgNbd.probabilityNoPurchase(P, 3, 20, 30, 0)).toBe(1);
    expect([...countPmf(bgNbd.posterior(P, 3, 20, 30), 0, 2)]).toEqual([1, 0, 0]);
  });

  test('P(no purchase) over a horizon tends to P(dead), and is never less', () => {
    const dead = 1 - bgNbd.probabilityAlive(P, 3, 20, 30);
    expect(bgNbd.probabilityNoPurchase(P, 3, 20, 30, 90 / 7)).toBeGreaterThan(dead);
    expectClose(bgNbd.probabilityNoPurchase(P, 3, 20, 30, 1e12), dead, 1e-12);
  });

  test('a history that cannot be, or parameters outside their domain, answer NaN and not a number', () => {
    const nan = [
      bgNbd.probabilityAlive(P, -1, 0, 10),
      bgNbd.probabilityAlive(P, 1.5, 3, 10),
      bgNbd.probabilityAlive(P, 2, 11, 10),
      bgNbd.probabilityAlive(P, 0, 3, 10),
      bgNbd.probabilityAlive({ ...P, a: 0 }, 2, 3, 10),
      bgNbd.expectedPurchases(P, 2, 3, 10, -1),
      bgNbd.expectedPurchases(P, 2, 11, 10, 0),
      bgNbd.expectedPurchases(P, 2, 3, Number.NaN, 1),
      mbgNbd.expectedPurchases(P, 2, 3, 10, Number.POSITIVE_INFINITY),
      mbgNbd.probabilityNoPurchase(P, 2, 3, 10, -1),
      gammaGamma.expectedSpend({ p: 6, q: 4, v: 15 }, -1, 10)!,
    ];
    expect(nan.every(Number.isNaN)).toBe(true);
  });

  test('the mean spend of a population with q ≤ 1 is refused; that of a customer with p·x + q > 1 exists', () => {
    const heavy = { p: 6.25, q: 0.8, v: 15.44 };
    expect(gammaGamma.populationMean(heavy)).toBeUndefined();
    expectClose(gammaGamma.expectedSpend(heavy, 1, 20), 36.61157024793394, 1e-12);
  });
});

describe('bad rows', () => {
  const bad: [string, readonly [number, number, number], string][] = [
    ['recency after T', [2, 31, 30], 'recency'],
    ['a repeat purchase without recency', [2, 0, 30], 'recency'],
    ['recency without a repeat purchase', [0, 4, 30], 'recency'],
    ['a negative frequency', [-1, 0, 30], 'frequency'],
    ['a fractional frequency', [1.5, 4, 30], 'frequency'],
    ['a missing frequency', [Number.NaN, 4, 30], 'frequency'],
    ['a missing recency', [2, Number.NaN, 30], 'recency'],
    ['a missing T', [2, 4, Number.NaN], 'T'],
    ['an infinite T', [2, 4, Number.POSITIVE_INFINITY], 'T'],
    ['a negative T', [0, 0, -1], 'T'],
  ];
  test.each(bad)('%s is refused with its row and column', (_, row, name) => {
    for (const model of [bgNbd, mbgNbd]) {
      const attempt = () => model.fit(summaryOf([...good, row]));
      expect(attempt).toThrow(RangeError);
      expect(attempt).toThrow(new RegExp(`^row 41, column ${name}: .`));
    }
  });

  test('a negative or missing amount, weight or a column of another length is refused', () => {
    expect(() =>
      gammaGamma.fit(
        spendOf([
          [1, 5],
          [2, -3],
        ]),
      ),
    ).toThrow(/^row 2, column monetaryValue: -3/);
    expect(() => gammaGamma.fit(spendOf([[1, Number.NaN]]))).toThrow(RowError);
    expect(() => gammaGamma.fit(spendOf([[-1, 5]]))).toThrow(/^row 1, column frequency/);
    expect(() => bgNbd.fit({ ...summaryOf(good), weight: new Float64Array(40).fill(-1) })).toThrow(
      /^row 1, column weight/,
    );
    expect(() => bgNbd.fit({ ...summaryOf(good), T: new Float64Array(3) })).toThrow(
      /column T has 3 rows, frequency has 40/,
    );
  });
});

describe('fits without an inner maximum', () => {
  test('nobody bought again: not identifiable, no numbers', () => {
    const fitted = bgNbd.fit(summaryOf(Array.from({ length: 50 }, (_, i) => [0, 0, i + 1])));
    expect(fitted).toMatchObject({ ok: false, reason: 'not-identifiable', n: 50 });
    expect(fitted).not.toHaveProperty('params');
  });

  test('one customer: too few; 29: flagged', () => {
    expect(bgNbd.fit(summaryOf([[2, 30.43, 38.86]]))).toMatchObject({ ok: false, reason: 'too-few-customers' });
    expect(codes(bgNbd.fit(summaryOf(good.slice(0, 29))))).toContain('few-customers');
    expect(gammaGamma.fit(spendOf([[2, 22.35]]))).toMatchObject({ ok: false, reason: 'too-few-customers' });
    expect(bgNbd.fit(summaryOf([]))).toMatchObject({ ok: false, reason: 'too-few-customers', n: 0 });
  });

  test('everybody bought on the last day: a/(a + b) goes to its bound and the fit says so', () => {
    const fitted = bgNbd.fit(summaryOf(Array.from({ length: 50 }, (_, i) => [5, i + 10, i + 10])));
    if (!fitted.ok) throw new Error(fitted.message);
    expect(codes(fitted)).toEqual(expect.arrayContaining(['no-dropout', 'at-boundary']));
    expect(fitted.params.a / (fitted.params.a + fitted.params.b)).toBeLessThan(1e-6);
    expect(fitted.standardErrors.a).toBeNull();
  });

  test('identical customers: r and alpha grow with r/alpha fixed at the rate, and the fit says so', () => {
    const fitted = bgNbd.fit(summaryOf(Array.from({ length: 100 }, () => [3, 20, 30])));
    if (!fitted.ok) throw new Error(fitted.message);
    expect(codes(fitted)).toEqual(expect.arrayContaining(['no-heterogeneity', 'at-boundary', 'ill-conditioned']));
    expectClose(fitted.params.r / fitted.params.alpha, 3 / 30, 1e-4);
    expectClose(fitted.logLikelihood, -990.7754838466644, 1e-6);
    expect(fitted.covarianceLog).toBeNull();
  });

  test('predictions from a fit at its bounds are still numbers', () => {
    const fitted = bgNbd.fit(summaryOf(Array.from({ length: 100 }, () => [3, 20, 30])));
    if (!fitted.ok) throw new Error(fitted.message);
    // Without heterogeneity and dropout this is a Poisson process of 0.1 a week.
    expectClose(bgNbd.expectedPurchases(fitted.params, 3, 20, 30, 52), 5.2, 1e-4);
    expectClose(bgNbd.probabilityNoPurchase(fitted.params, 3, 20, 30, 10), Math.exp(-1), 1e-4);
  });

  test('constant amounts: flagged, and the mean is that amount', () => {
    const fitted = gammaGamma.fit(spendOf(Array.from({ length: 200 }, (_, i) => [1 + (i % 5), 25])));
    if (!fitted.ok) throw new Error(fitted.message);
    expect(codes(fitted)).toEqual(expect.arrayContaining(['constant-spend', 'at-boundary']));
    expectClose(gammaGamma.expectedSpend(fitted.params, 2, 25), 25, 1e-4);
  });

  test('one-time buyers and purchases worth nothing are left out of Gamma-Gamma and counted', () => {
    const random = createRandom(5);
    // Amounts that differ between customers too: Gamma(4, ν) with ν ~ Gamma(3, 12).
    const rows = Array.from({ length: 100 }, (_, i) => {
      const x = 1 + (i % 4);
      return [x, random.gamma(4 * x, x * random.gamma(3, 12))] as const;
    });
    const alone = gammaGamma.fit(spendOf(rows));
    const mixed = gammaGamma.fit(spendOf([...rows, [0, 0], [0, 0], [0, Number.NaN], [3, 0]]));
    if (!alone.ok || !mixed.ok) throw new Error('not fitted');
    expect(mixed.params).toEqual(alone.params);
    expect(mixed.n).toBe(100);
    expect(mixed.diagnostics.map(({ code, message }) => `${code} ${message.split(' ')[0]}`)).toEqual([
      'without-repeats 3',
      'without-money 1',
    ]);
  });

  test('lognormal amounts of sigma 2 land at q < 1: flagged, no negative mean', () => {
    const random = createRandom(3);
    const fitted = gammaGamma.fit(
      spendOf(Array.from({ length: 500 }, (_, i) => [1 + (i % 5), Math.exp(3 + 2 * random.normal())])),
    );
    if (!fitted.ok) throw new Error(fitted.message);
    expect(fitted.params.q).toBeLessThan(1);
    expect(codes(fitted)).toContain('infinite-mean');
    expect(gammaGamma.populationMean(fitted.params)).toBeUndefined();
  });

  test('amounts in the hundreds of millions fit as they do in units', () => {
    const random = createRandom(8);
    const rows = Array.from({ length: 300 }, (_, i) => [1 + (i % 4), random.gamma(5, 0.1)] as const);
    const units = gammaGamma.fit(spendOf(rows));
    const millions = gammaGamma.fit(spendOf(rows.map(([x, m]) => [x, m * 2 ** 27] as const)));
    if (!units.ok || !millions.ok) throw new Error('not fitted');
    expectClose(millions.params.p, units.params.p, 1e-9);
    expectClose(millions.params.v, units.params.v * 2 ** 27, 1e-9);
  });
});
