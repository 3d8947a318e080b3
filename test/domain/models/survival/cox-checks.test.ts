// Cox regression by a second way: sums over risk sets as the papers write them, numerical derivatives, and what must not change a fit.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CoxModel, fit as fitCox, linearPredictor } from '#domain/models/survival/cox.ts';
import type { CoxColumns } from '#domain/models/survival/cox-design.ts';
import { residuals, robustCovariance, schoenfeldResiduals } from '#domain/models/survival/cox-residuals.ts';
import { baselineUncertainty, survival, survivalWithLimits } from '#domain/models/survival/cox-survival.ts';
import { fit as fitCurve } from '#domain/models/survival/kaplan-meier.ts';
import { restrictedMean, restrictedMeanDifference } from '#domain/models/survival/restricted-mean.ts';
import { chiSquareTail } from '#domain/numerics/chi-square.ts';
import { codes, fixturePath, numbers, readRows, worst } from '#test/support/survival.ts';
import {
  closeTo,
  columnsOf,
  covariatesOf,
  type Row,
  repeated,
  someRows,
  weightsOf,
} from '#test/support/survival-rows.ts';

const fixture = readRows(fixturePath('fixtures/survival.csv')).slice(0, 120);
const base: CoxColumns = {
  duration: numbers(fixture, 'time'),
  eventObserved: numbers(fixture, 'event'),
  covariates: ['age', 'usage', 'promo'].map((name) => ({ name, values: numbers(fixture, name) })),
};
const late: CoxColumns = {
  ...base,
  entry: numbers(fixture, 'start'),
  weight: numbers(fixture, 'weight'),
  strata: codes(fixture, 'stratum').group,
};

function fitted(columns: CoxColumns, ties: 'efron' | 'breslow' = 'efron'): CoxModel {
  const result = fitCox(columns, ties);
  if (!result.ok) throw new Error(result.message);
  return result;
}

const weightAt = ({ weight }: CoxColumns, i: number) => (weight === undefined ? 1 : weight[i]!);
const rowAt = ({ covariates }: CoxColumns, i: number) => covariates.map(({ values }) => values[i]!);
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, j) => sum + value * b[j]!, 0);

/** Log partial likelihood, from the definition; Efron or Breslow. */
function logLikelihood(columns: CoxColumns, beta: readonly number[], ties: 'efron' | 'breslow'): number {
  const { duration, eventObserved, entry, strata } = columns;
  const eta = Array.from(duration, (_, i) => dot(rowAt(columns, i), beta));
  const risk = eta.map((value, i) => weightAt(columns, i) * Math.exp(value));
  const places = new Set(Array.from(duration, (t, i) => `${strata?.[i] ?? 0}|${t}`));
  let value = 0;
  for (const place of places) {
    const [stratum, time] = place.split('|').map(Number) as [number, number];
    const under = Array.from(duration.keys()).filter(
      (i) => (strata?.[i] ?? 0) === stratum && duration[i]! >= time && (entry === undefined || entry[i]! < time),
    );
    const dead = under.filter((i) => duration[i] === time && eventObserved[i] === 1);
    const total = under.reduce((sum, i) => sum + risk[i]!, 0);
    const tied = dead.reduce((sum, i) => sum + risk[i]!, 0);
    const share = dead.reduce((sum, i) => sum + weightAt(columns, i), 0) / dead.length;
    dead.forEach((i, l) => {
      value +=
        weightAt(columns, i) * eta[i]! - share * Math.log(total - (ties === 'efron' ? (l / dead.length) * tied : 0));
    });
  }
  return value;
}

describe.each(['efron', 'breslow'] as const)('%s, on rows with late entry, weights and strata', (ties) => {
  const model = fitted(late, ties);
  const beta = model.coefficients.map(({ coef }) => coef!);

  test('the log-likelihood is that of the definition, and its numerical second derivative inverts to the covariance', () => {
    const at = (shift: readonly number[]) =>
      logLikelihood(
        late,
        beta.map((b, j) => b + shift[j]!),
        ties,
      );
    expect(model.logLikelihood).toBeCloseTo(at([0, 0, 0]), 8);
    const h = [1e-3, 1e-3, 1e-3];
    const information = h.map((hj, j) =>
      h.map((hk, k) => {
        const move = (a: number, b: number) => h.map((_, m) => (m === j ? a * hj : 0) + (m === k ? b * hk : 0));
        return -(at(move(1, 1)) - at(move(1, -1)) - at(move(-1, 1)) + at(move(-1, -1))) / (4 * hj * hk);
      }),
    );
    const product = information.map((row) =>
      h.map((_, k) => row.reduce((sum, value, m) => sum + value * model.covariance[m]![k]!, 0)),
    );
    for (const [j, row] of product.entries())
      for (const [k, value] of row.entries()) expect(value).toBeCloseTo(j === k ? 1 : 0, 2);
  });

  test('residuals: with their weights martingale and score sum to 0; Schoenfeld too; dfbeta is the derivative by a weight', () => {
    const { martingale, score, dfbeta } = residuals(late, model);
    const total = (values: (i: number) => number) =>
      Array.from(martingale.keys()).reduce((sum, i) => sum + late.weight![i]! * values(i), 0);
    expect(total((i) => martingale[i]!)).toBeCloseTo(0, 9);
    for (const j of [0, 1, 2]) expect(total((i) => score[i]![j]!)).toBeCloseTo(0, 7);
    const { residual, row, scaled } = schoenfeldResiduals(late, model);
    expect(row).toHaveLength(model.events);
    expect(scaled.every((value) => value.every(Number.isFinite))).toBe(true);
    if (ties === 'breslow')
      for (const j of [0, 1, 2])
        expect(residual.reduce((sum, r, k) => sum + late.weight![row[k]!]! * r[j]!, 0)).toBeCloseTo(0, 7);
    // The derivative of the coefficients by the row's weight. Efron's tied events share their mean weight, so there it is only near.
    for (const i of ties === 'breslow' ? [3, 40, 77] : []) {
      const weight = Float64Array.from(late.weight!, (w, k) => (k === i ? w * (1 - 1e-4) : w));
      const without = fitted({ ...late, weight }, ties).coefficients.map(({ coef }) => coef!);
      const moved = without.map((coef, j) => (beta[j]! - coef) / (1e-4 * late.weight![i]!));
      expect(worst(moved, Array.from(dfbeta[i]!), 1e-3)).toBeLessThan(1e-3);
    }
  });

  test('limits: as sums over the risk sets, and their conditional form from the increments', () => {
    const uncertainty = baselineUncertainty(late, model);
    const x = [50, 0.4, 1];
    for (const [t, alive, stratum] of [
      [20, 0, 0],
      [20, 6, 1],
      [45, 10, 2],
    ] as const) {
      const ours = survivalWithLimits(model, uncertainty, x, t, { alive, stratum, band: 'log' });
      expect(ours.survival).toBe(survival(model, x, t, alive, stratum));
      const variance = naiveVariance(late, beta, model.covariance, x, t, alive, stratum, ties);
      expect(ours.standardError! / ours.survival).toBeCloseTo(Math.sqrt(variance), 9);
      expect(ours.upper).toBeCloseTo(Math.min(1, ours.survival * Math.exp(1.959963984540054 * Math.sqrt(variance))), 9);
      const wide = survivalWithLimits(model, uncertainty, x, t, { alive, stratum, level: 0.99 });
      expect(wide.lower! < ours.survival && ours.survival < wide.upper!).toBe(true);
    }
  });
});

/** Var(−ln S(t | x, active at `alive`)), event by event. */
function naiveVariance(
  columns: CoxColumns,
  beta: readonly number[],
  covariance: number[][],
  x: readonly number[],
  t: number,
  alive: number,
  stratum: number,
  ties: 'efron' | 'breslow',
) {
  const { duration, eventObserved, entry, strata } = columns;
  const risk = Array.from(duration, (_, i) => weightAt(columns, i) * Math.exp(dot(rowAt(columns, i), beta)));
  const times = [...new Set(duration)].filter((u) => u > alive && u <= t);
  let variance = 0;
  const q = x.map(() => 0);
  for (const u of times) {
    const under = Array.from(duration.keys()).filter(
      (i) => strata![i] === stratum && duration[i]! >= u && entry![i]! < u,
    );
    const dead = under.filter((i) => duration[i] === u && eventObserved[i] === 1);
    const steps = ties === 'efron' ? dead.length : Math.min(1, dead.length);
    const weight = dead.reduce((sum, i) => sum + weightAt(columns, i), 0);
    for (let l = 0; l < steps; l++) {
      const seen = (i: number) => risk[i]! * (dead.includes(i) ? 1 - l / steps : 1);
      const total = under.reduce((sum, i) => sum + seen(i), 0);
      variance += weight / steps / total ** 2;
      x.forEach((value, j) => {
        const mean = under.reduce((sum, i) => sum + seen(i) * columns.covariates[j]!.values[i]!, 0) / total;
        q[j]! += ((value - mean) * weight) / steps / total;
      });
    }
  }
  const fromCoefficients = q.reduce((sum, a, j) => sum + a * dot(covariance[j]!, q), 0);
  return Math.exp(2 * dot(x, beta)) * (variance + fromCoefficients);
}

describe('what must not change a fit', () => {
  const anyFit = (rows: readonly Row[], weight?: Float64Array, ties: 'efron' | 'breslow' = 'breslow') =>
    fitCox(
      { ...columnsOf(rows), covariates: covariatesOf(rows), weight, strata: rows.map(({ group }) => group) },
      ties,
    );

  test('under Breslow a weight is as many rows; the order of rows and the unit of time do not matter', () => {
    fc.assert(
      fc.property(someRows(4), fc.constantFrom('efron', 'breslow' as const), (rows, ties) => {
        const numbersOf = (result: ReturnType<typeof fitCox>) => {
          if (!result.ok) return [null];
          // Where the likelihood has no maximum, how far the climb went is nobody's property.
          if (!result.converged) return [-1];
          // Not the concordance: scores that tie in exact numbers may differ in their last bit.
          return [
            ...result.coefficients.flatMap(({ coef, se }) => [coef, se]),
            result.logLikelihood,
            ...result.baseline.flatMap(({ cumulativeHazard }) => cumulativeHazard),
          ];
        };
        const plain = numbersOf(anyFit(rows, undefined, ties));
        expect(closeTo(numbersOf(anyFit([...rows].reverse(), undefined, ties)), plain, 1e-6)).toBe(true);
        const scaled = rows.map((row) => ({ ...row, time: row.time * 24 }));
        expect(closeTo(numbersOf(anyFit(scaled, undefined, ties)), plain, 1e-6)).toBe(true);
        expect(
          closeTo(
            numbersOf(anyFit(rows, weightsOf(rows))).slice(0, 4),
            numbersOf(anyFit(repeated(rows))).slice(0, 4),
            1e-6,
          ),
        ).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('the unit of a covariate and its origin only move its coefficient', () => {
    const [age, ...others] = base.covariates;
    const moved = { ...base, covariates: [{ name: 'age', values: age!.values.map((v) => v * 12 + 100) }, ...others] };
    const [plain, other] = [fitted(base), fitted(moved)];
    expect(other.coefficients[0]!.coef! * 12).toBeCloseTo(plain.coefficients[0]!.coef!, 10);
    expect(other.logLikelihood).toBeCloseTo(plain.logLikelihood, 9);
    const x = [60, 0.1, 0];
    expect(survival(other, [60 * 12 + 100, 0.1, 0], 20, 5)).toBeCloseTo(survival(plain, x, 20, 5), 10);
  });

  test('without covariates it is the Nelson–Aalen estimate, with its standard error', () => {
    const columns: CoxColumns = { duration: base.duration, eventObserved: base.eventObserved, covariates: [] };
    const model = fitted(columns, 'breslow');
    const uncertainty = baselineUncertainty(columns, model);
    const curve = fitCurve(columns);
    curve.time.forEach((t, k) => {
      const { survival: s, standardError } = survivalWithLimits(model, uncertainty, [], t);
      expect(-Math.log(s)).toBeCloseTo(curve.cumulativeHazard[k]!, 12);
      expect(standardError! / s).toBeCloseTo(curve.cumulativeHazardError[k]!, 12);
    });
    expect(model.tests).toBeNull();
  });
});

describe('robust covariance', () => {
  test('rows cut in two at a time are one customer: the clustered sandwich is that of the whole rows', () => {
    const cut = Float64Array.from(base.duration, (t) => Math.floor(t / 2));
    const split = Array.from(base.duration.keys()).filter((i) => cut[i]! > 0);
    const both = [...base.duration.keys(), ...split];
    const whole = fitted(base);
    const columns: CoxColumns = {
      duration: Float64Array.from(both, (i, k) => (k < base.duration.length ? base.duration[i]! : cut[i]!)),
      eventObserved: both.map((i, k) => (k < base.duration.length ? base.eventObserved[i]! : 0)),
      entry: Float64Array.from(both, (i, k) => (k < base.duration.length && cut[i]! > 0 ? cut[i]! : -1)),
      covariates: base.covariates.map(({ name, values }) => ({
        name,
        values: Float64Array.from(both, (i) => values[i]!),
      })),
    };
    const pieces = fitted(columns);
    expect(
      worst(
        pieces.coefficients.map(({ coef }) => coef),
        whole.coefficients.map(({ coef }) => coef),
      ),
    ).toBeLessThan(1e-8);
    const clustered = robustCovariance(columns, pieces, both).flat();
    expect(closeTo(clustered, robustCovariance(base, whole).flat(), 1e-10)).toBe(true);
    expect(closeTo(clustered, robustCovariance(columns, pieces).flat(), 1e-10)).toBe(false);
  });

  test('customers copied with their rows: the model believes in twice the evidence, the clustered sandwich does not', () => {
    const ids = [...base.duration.keys(), ...base.duration.keys()];
    const double: CoxColumns = {
      duration: Float64Array.from(ids, (i) => base.duration[i]!),
      eventObserved: ids.map((i) => base.eventObserved[i]!),
      covariates: base.covariates.map(({ name, values }) => ({
        name,
        values: Float64Array.from(ids, (i) => values[i]!),
      })),
    };
    const [once, twice] = [fitted(base, 'breslow'), fitted(double, 'breslow')];
    expect(twice.covariance[0]![0]! / once.covariance[0]![0]!).toBeCloseTo(0.5, 10);
    expect(closeTo(robustCovariance(double, twice, ids).flat(), robustCovariance(base, once).flat(), 1e-10)).toBe(true);
  });
});

test('the restricted mean is the area of the curve, and a difference of groups has the sum of their variances', () => {
  const groups = [0, 1].map((promo) => {
    const rows = fixture.filter((row) => Number(row.promo) === promo);
    return fitCurve({ duration: numbers(rows, 'time'), eventObserved: numbers(rows, 'event') });
  });
  const tau = 30;
  const [a, b] = groups.map((curve) => restrictedMean(curve, tau));
  // The times are whole weeks: the area is the sum of S over the weeks.
  const weeks = Array.from(
    { length: tau },
    (_, w) => groups[0]!.survival[groups[0]!.time.findLastIndex((t) => t <= w)] ?? 1,
  );
  expect(a!.value).toBeCloseTo(
    weeks.reduce((sum, s) => sum + s, 0),
    10,
  );
  const ours = restrictedMeanDifference(groups[0]!, groups[1]!, tau);
  expect(ours.difference).toBe(a!.value - b!.value);
  expect(ours.standardError ** 2).toBeCloseTo(a!.standardError ** 2 + b!.standardError ** 2, 12);
  expect(ours.upper - ours.lower).toBeCloseTo(2 * 1.959963984540054 * ours.standardError, 12);
  expect(ours.lower).toBeCloseTo(ours.difference - 1.959963984540054 * ours.standardError, 12);
  expect(ours.p).toBeCloseTo(chiSquareTail((ours.difference / ours.standardError) ** 2, 1), 14);
  expect(a!.lower).toBeCloseTo(a!.value - 1.959963984540054 * a!.standardError, 12);
  expect(a!.upper).toBeCloseTo(a!.value + 1.959963984540054 * a!.standardError, 12);
  // Everybody had the event before τ: nothing is uncertain after it. Two at 1 and 3: A = 1 right of 1, so √(1·1/(2·1)).
  const gone = restrictedMean(fitCurve({ duration: Float64Array.of(1, 3), eventObserved: [1, 1] }), 10);
  expect(gone.value).toBe(2);
  expect(gone.standardError).toBeCloseTo(Math.SQRT1_2, 14);
  expect([gone.lower > 0, gone.upper < 10]).toEqual([true, true]);
  // Limits stay inside the window.
  const wide = restrictedMean(fitCurve({ duration: Float64Array.of(1, 9), eventObserved: [1, 1] }), 9);
  expect([wide.lower, wide.upper]).toEqual([0, 9]);
  expect(restrictedMeanDifference(groups[1]!, groups[0]!, tau).difference).toBe(-ours.difference);
});

test('a customer with a higher linear predictor is never more likely to stay', () => {
  const model = fitted(base);
  fc.assert(
    fc.property(
      fc.double({ min: 18, max: 80, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 30 }),
      (age, usage, alive, h) => {
        const [x, y] = [
          [age, usage, 0],
          [40, 0, 1],
        ];
        const order = Math.sign(linearPredictor(model, x) - linearPredictor(model, y));
        const [s, r] = [survival(model, x, alive + h, alive), survival(model, y, alive + h, alive)];
        expect(order * (s - r)).toBeLessThanOrEqual(1e-12);
        expect(s).toBeGreaterThanOrEqual(survival(model, x, alive + h + 1, alive));
      },
    ),
  );
});

test('Schoenfeld residuals: by stratum and time, each event less the mean of its risk set; scaled by events times covariance', () => {
  const model = fitted(late, 'breslow');
  const beta = model.coefficients.map(({ coef }) => coef!);
  const { row, time, stratum, residual, scaled } = schoenfeldResiduals(late, model);
  const placeOf = (i: number) => late.strata![i]! * 1e6 + late.duration[i]!;
  const events = [...late.duration.keys()].filter((i) => late.eventObserved[i] === 1);
  expect([...row].map(placeOf)).toEqual(events.map(placeOf).sort((a, b) => a - b));
  expect([...row].sort((a, b) => a - b)).toEqual(events);
  expect([...time]).toEqual([...row].map((i) => late.duration[i]));
  expect([...stratum]).toEqual([...row].map((i) => late.strata![i]));
  row.forEach((event, k) => {
    const under = [...late.duration.keys()].filter(
      (i) =>
        late.strata![i] === late.strata![event] &&
        late.duration[i]! >= late.duration[event]! &&
        late.entry![i]! < late.duration[event]!,
    );
    const risk = under.map((i) => late.weight![i]! * Math.exp(dot(rowAt(late, i), beta)));
    const total = risk.reduce((sum, r) => sum + r, 0);
    const own = beta.map(
      (_, j) => rowAt(late, event)[j]! - under.reduce((sum, i, m) => sum + risk[m]! * rowAt(late, i)[j]!, 0) / total,
    );
    expect(worst(Array.from(residual[k]!), own, 1e-3)).toBeLessThan(1e-7);
    const about = beta.map((b, j) => b + model.events * dot(model.covariance[j]!, own));
    expect(worst(Array.from(scaled[k]!), about, 1e-3)).toBeLessThan(1e-6);
  });
});

describe('the chance to stay further, given that one stayed so far', () => {
  const model = fitted(base);
  const uncertainty = baselineUncertainty(base, model);
  const x = [40, 1, 0];
  const { time, cumulativeHazard } = model.baseline[0]!;
  const t = time[5]!;

  test('before the first event nothing has been survived; up to it and for the impossible nothing is uncertain', () => {
    expect(time[0]).toBeGreaterThan(0);
    expect(survival(model, x, t, time[0]! / 2)).toBe(survival(model, x, t));
    expect(survivalWithLimits(model, uncertainty, x, t, { alive: time[0]! / 2 })).toEqual(
      survivalWithLimits(model, uncertainty, x, t),
    );
    const sure = { survival: 1, standardError: 0, lower: 1, upper: 1 };
    expect(survivalWithLimits(model, uncertainty, x, time[0]! / 2)).toEqual(sure);
    const direction = Math.sign(model.coefficients[1]!.coef!);
    expect(survivalWithLimits(model, uncertainty, [40, -1e4 * direction, 0], t)).toEqual(sure);
    expect(survivalWithLimits(model, uncertainty, [40, 1e4 * direction, 0], t)).toEqual({
      survival: 0,
      standardError: null,
      lower: null,
      upper: null,
    });
  });

  test.each([0, 1, 3])('from event %i on, by increments written out', (from) => {
    const { variance, drift } = uncertainty[0]!;
    const hazard = cumulativeHazard[5]! - cumulativeHazard[from]!;
    const q = model.means.map((mean, j) => (x[j]! - mean) * hazard - (drift[5]![j]! - drift[from]![j]!));
    const quadratic = q.reduce((sum, a, j) => sum + a * dot(model.covariance[j]!, q), 0);
    const ratio = Math.exp(linearPredictor(model, x));
    const s = Math.exp(-hazard * ratio);
    const ours = survivalWithLimits(model, uncertainty, x, t, { alive: time[from]! });
    expect(ours.survival).toBeCloseTo(s, 13);
    expect(ours.standardError).toBeCloseTo(s * ratio * Math.sqrt(variance[5]! - variance[from]! + quadratic), 13);
    expect(ours.survival).toBeCloseTo(survival(model, x, t) / survival(model, x, time[from]!), 12);
  });
});
