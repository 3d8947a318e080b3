// The members of the family that few data determine: against their own definitions, and their intervals against simulated truth.
import { expect, test } from 'vitest';
import { predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { churnInterval, clvInterval } from '#domain/models/parameter-uncertainty.ts';
import { caveatOf, fitSimpler, isSimpler, sharedMeanCovariance } from '#domain/models/simpler-purchases.ts';
import { lnGamma } from '#domain/numerics/gamma.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';
import { type ClvTrainingData, fitClv } from '#processors/training/fit-clv.ts';
import { expectClose } from '../../support/close.ts';

/** Buyers who never leave, seen for 52 weeks from their first purchase on, in days. */
function buyers(random: Random, customers: number, rateOf: () => number): ClvTrainingData {
  const rows = Array.from({ length: customers }, () => {
    const rate = rateOf() / 7;
    const days = new Set<number>();
    for (let at = random.exponential(rate); at < 364; at += random.exponential(rate)) days.add(Math.ceil(at));
    const spent = Array.from(days, () => 20 * random.gamma(3, 3));
    return { x: days.size, last: Math.max(0, ...days), spent: spent.reduce((sum, each) => sum + each, 0) };
  });
  const column = (of: (row: (typeof rows)[number]) => number, among = rows) => Float64Array.from(among, of);
  const repeaters = rows.filter(({ x }) => x > 0);
  return {
    histories: {
      frequency: column(({ x }) => x),
      recencyDays: column(({ last }) => last),
      ageDays: column(() => 364),
      weight: column(() => 1),
    },
    spend: {
      frequency: column(({ x }) => x, repeaters),
      monetaryValue: column(({ x, spent }) => spent / x, repeaters),
      weight: column(() => 1, repeaters),
    },
    evidence: null,
  };
}
const inWeeks = ({ histories: { frequency, recencyDays, ageDays, weight } }: ClvTrainingData) => ({
  frequency,
  recency: recencyDays.map((days) => days / 7),
  T: ageDays.map((days) => days / 7),
  weight,
});

test('one rate: λ = Σx/ΣT, ln L and BIC by their definitions, the standard error that of a Poisson count', () => {
  const summary = inWeeks(buyers(createRandom(3), 40, () => 0.1));
  const { member, fit } = fitSimpler(summary, 'week')!;
  const [x, T] = [summary.frequency, summary.T].map((column) => column.reduce((sum, each) => sum + each, 0)) as [
    number,
    number,
  ];
  expect(member).toBe('one-rate');
  expectClose(fit.params.r / fit.params.alpha, x / T, 1e-12);
  const lnL = summary.frequency.reduce((sum, each, i) => sum + each * Math.log(x / T) - (x / T) * summary.T[i]!, 0);
  expectClose(fit.logLikelihood, lnL, 1e-10);
  expectClose(fit.bic, Math.log(40) - 2 * lnL, 1e-10);
  expectClose(fit.standardErrors.alpha! / fit.params.alpha, 1 / Math.sqrt(x), 1e-12);
  expect(isSimpler({ bgNbd: fit.params })).toBe(true);
  expect(isSimpler({ bgNbd: { ...fit.params, a: 0.8 } })).toBe(false);
});

test('gamma rates: ln L of the NBD has its top there, with its curvature as the covariance', () => {
  const random = createRandom(5);
  const summary = inWeeks(buyers(random, 400, () => random.gamma(0.8, 8)));
  const { member, fit } = fitSimpler(summary, 'week')!;
  expect(member).toBe('gamma-rates');
  // Ehrenberg's NBD of each history: Γ(r+x)/Γ(r) · α^r/(α+T)^(r+x).
  const lnL = (r: number, alpha: number) =>
    summary.frequency.reduce(
      (sum, x, i) =>
        sum + lnGamma(r + x) - lnGamma(r) + r * Math.log(alpha) - (r + x) * Math.log(alpha + summary.T[i]!),
      0,
    );
  const { r, alpha } = fit.params;
  expectClose(fit.logLikelihood, lnL(r, alpha), 1e-9);
  const h = 1e-3;
  const at = (i: number, j: number) => lnL(r * Math.exp(i * h), alpha * Math.exp(j * h));
  for (const [i, j] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const)
    expect(at(i, j)).toBeLessThan(at(0, 0));
  const rr = (at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / h ** 2;
  const aa = (at(0, 1) - 2 * at(0, 0) + at(0, -1)) / h ** 2;
  const ra = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h ** 2);
  const determinant = rr * aa - ra ** 2;
  expectClose(fit.covarianceLog![0]![0]!, -aa / determinant, 1e-4);
  expectClose(fit.covarianceLog![1]![1]!, -rr / determinant, 1e-4);
  expectClose(fit.covarianceLog![0]![1]!, ra / determinant, 1e-4);
});

test('given that nobody leaves, intervals of few customers hold what is true about as often as they say', () => {
  const random = createRandom(17);
  const RUNS = 400;
  const asked = { frequency: 3, recency: 200, T: 364, monetaryValue: 20 };
  let [churn, value, served] = [0, 0, 0];
  for (let i = 0; i < RUNS; i++) {
    const data = buyers(random, 30, () => 0.1);
    const { fit } = fitSimpler(inWeeks(data), 'week')!;
    const money = sharedMeanCovariance(data.spend)!;
    // q at its bound: the mean amount of everybody is p·v/q.
    const days = data.spend.frequency.reduce((sum, x) => sum + x, 0);
    const total = data.spend.frequency.reduce((sum, x, at) => sum + x * data.spend.monetaryValue[at]!, 0);
    const model = {
      model: 'clv' as const,
      unit: 'week' as const,
      bgNbd: fit.params,
      gammaGamma: { p: 3, q: 1e6, v: (1e6 * total) / days / 3 },
      covariance: { purchases: fit.covarianceLog!, money },
    };
    const silence = predictChurn(model, asked, 90);
    const worth = predictClv(model, asked, { months: 12, discountMonthly: 0 });
    if (!silence.ok || !worth.ok) throw new Error('the model answers this customer');
    const ofSilence = churnInterval(model, asked, silence.value)!;
    const ofWorth = clvInterval(model, asked, worth.value)!;
    const trueSilence = Math.exp((-0.1 * 90) / 7);
    const trueWorth = ((0.1 * worth.value.horizonDays) / 7) * 20;
    if (ofSilence.lower <= trueSilence && trueSilence <= ofSilence.upper) churn++;
    // Days, not purchases, are counted: two on a day are one, a hundredth of them at this rate, well within the interval.
    if (ofWorth.lower <= trueWorth && trueWorth <= ofWorth.upper) value++;
    served++;
  }
  // 95 % but for four standard errors of that many runs, and for the asymptotics of thirty customers.
  const least = 0.95 - 0.02 - 4 * Math.sqrt((0.95 * 0.05) / RUNS);
  expect(served).toBe(RUNS);
  expect(churn / RUNS).toBeGreaterThan(least);
  expect(value / RUNS).toBeGreaterThan(least);
});

test('what the data do not determine is told by the member they do; what they speak against is not', () => {
  const fitted = fitClv(buyers(createRandom(2), 60, () => 0.1));
  if (!fitted.ok) throw new Error(fitted.reason);
  const { refused, simpler, fits } = fitted.value;
  expect(refused).toMatchObject({ code: 'at-boundary' });
  expect(simpler!.refused).toBeNull();
  expect(caveatOf(simpler!.model)).toMatch(/^P\(alive\) is 1 by assumption.*holds given that nobody leaves/);
  expect(caveatOf({ bgNbd: { ...simpler!.model.bgNbd!, a: 0.8 } })).toBeNull();
  // Of fewer customers it is kept for whoever asks for it.
  const few = fitClv(buyers(createRandom(2), 39, () => 0.1));
  expect(few.ok && few.value.simpler!.refused).toMatchObject({
    code: 'few-customers',
    message: expect.stringMatching(/39 customers could not speak against that.*from 40 on/),
  });
  expect(simpler!.model.bgNbd).toMatchObject({ r: 1e6, a: 1e-6, b: 1e6 });
  expect(simpler!.model.covariance!.purchases).toBeDefined();
  expect(simpler!.fits.bgNbd).not.toEqual(fits.bgNbd);
  expect(simpler!.diagnostics[0]).toMatchObject({
    code: 'simpler-member',
    message: expect.stringMatching(/one rate \(0\.\d+ a week\) and nobody leaves.*AIC \d+.*these data cannot tell/s),
  });
  // Half came back once within a week and never again, half buy to this day: somebody leaves, whatever the shape of it.
  const n = 40;
  const leavers = (i: number) => i % 2 === 0;
  const half = (gone: number, stayed: number) =>
    Float64Array.from({ length: n }, (_, i) => (leavers(i) ? gone : stayed));
  const torn = fitClv({
    histories: { frequency: half(1, 20), recencyDays: half(5, 360), ageDays: half(364, 364), weight: half(1, 1) },
    spend: { frequency: half(1, 20), monetaryValue: half(20, 21), weight: half(1, 1) },
    evidence: null,
  });
  if (!torn.ok) throw new Error(torn.reason);
  expect(torn.value.refused).not.toBeNull();
  expect(torn.value.simpler).toBeNull();
});
