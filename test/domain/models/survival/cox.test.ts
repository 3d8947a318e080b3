// Cox regression against R survival 3.5-3: the self-made fixture anywhere, the real files where they are.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concordance } from '#domain/models/survival/concordance.ts';
import { type CoxModel, coefficient, fit as fitCox, linearPredictor, type Ties } from '#domain/models/survival/cox.ts';
import type { CoxColumns } from '#domain/models/survival/cox-design.ts';
import { proportionality, TRANSFORMS } from '#domain/models/survival/cox-proportionality.ts';
import { residuals, robustCovariance } from '#domain/models/survival/cox-residuals.ts';
import { survival } from '#domain/models/survival/cox-survival.ts';
import { describeShared, sharedJson } from '#test/support/shared.ts';
import { codes, fixturePath, flags, numbers, type Rows, readRows, sharedRows, worst } from '#test/support/survival.ts';

// biome-ignore lint/suspicious/noExplicitAny: golden files are read by their own layout
type Golden = any;

function fitted(columns: CoxColumns, ties: Ties = 'efron'): CoxModel {
  const result = fitCox(columns, ties);
  if (!result.ok) throw new Error(result.message);
  return result;
}

const column = (rows: Rows, name: string) => ({ name, values: numbers(rows, name) });
const dummy = (rows: Rows, name: string, level: string) => ({
  name: `${name}=${level}`,
  values: flags(rows, (row) => row[name] === level),
});

/** What a golden fit says, at the tolerances of the README. */
function expectFit(model: CoxModel, columns: CoxColumns, golden: Golden, strataNames: string[] = []): void {
  const { coefficients } = model;
  const coef = coefficients.map((c) => c.coef);
  expect(worst(coef, golden.coef), 'coef').toBeLessThan(1e-8);
  expect(
    worst(
      coefficients.map((c) => c.se),
      golden.se,
    ),
    'se',
  ).toBeLessThan(1e-8);
  const [nullValue, value] = golden.loglik_null === undefined ? golden.loglik : [golden.loglik_null, golden.loglik];
  expect(worst([model.nullLogLikelihood, model.logLikelihood], [nullValue, value]), 'log-likelihood').toBeLessThan(
    1e-9,
  );
  if (golden.concordance !== undefined)
    expect(worst([model.concordance], [golden.concordance]), 'concordance').toBeLessThan(1e-12);
  if (golden.concordance_se !== undefined)
    expect(worst([model.concordanceError], [golden.concordance_se]), 'its standard error').toBeLessThan(1e-10);
  if (golden.z !== undefined) {
    expect(
      worst(
        coefficients.map((c) => c.z),
        golden.z,
      ),
      'z',
    ).toBeLessThan(1e-8);
    expect(
      worst(
        coefficients.map((c) => c.p),
        golden.p,
      ),
      'p',
    ).toBeLessThan(1e-6);
    expect(worst(model.covariance.flat(), golden.vcov.flat(), 1e-6), 'vcov').toBeLessThan(1e-6);
    const { score, wald, likelihoodRatio } = model.tests!;
    const tests = [score, wald, likelihoodRatio].map(({ chiSquare }) => chiSquare);
    expect(worst(tests, [golden.score_test, golden.wald_test, golden.lr_test]), 'tests').toBeLessThan(1e-8);
  }
  const shift = Math.exp(
    linearPredictor(
      model,
      columns.covariates.map(() => 0),
    ),
  );
  const zero = columns.covariates.map(() => 0);
  const hazardAt = (t: number, stratum = 0) => -Math.log(survival(model, zero, t, 0, stratum));
  if (Array.isArray(golden.baseline_cumhaz_x0)) {
    for (const { hazard, time, strata } of golden.baseline_cumhaz_x0) {
      const curve = model.baseline[strataNames.indexOf(strata)]!;
      const last = curve.time.findLastIndex((t) => t <= time);
      expect(worst([last < 0 ? 0 : curve.cumulativeHazard[last]! * shift], [hazard]), 'baseline').toBeLessThan(1e-8);
    }
  } else if (golden.baseline_cumhaz_x0 !== undefined) {
    const { time, H0 } = golden.baseline_cumhaz_x0;
    expect(
      worst(
        time.map((t: number) => hazardAt(t)),
        H0,
      ),
      'baseline',
    ).toBeLessThan(1e-8);
  }
  if (golden.predicted_survival !== undefined) {
    const { time, row_1based, S } = golden.predicted_survival;
    row_1based.forEach((row: number, k: number) => {
      const x = columns.covariates.map(({ values }) => values[row - 1]!);
      expect(
        worst(
          time.map((t: number) => survival(model, x, t)),
          S[k],
        ),
        'predicted S',
      ).toBeLessThan(1e-8);
    });
  }
  if (golden.cox_zph_km !== undefined)
    expect(
      worst(
        proportionality(columns, model).map((row) => row.chiSquare),
        golden.cox_zph_km.chisq,
      ),
      'zph',
    ).toBeLessThan(1e-6);
  if (golden.martingale_first10 !== undefined)
    expect(worst(residuals(columns, model).martingale, golden.martingale_first10), 'martingale').toBeLessThan(1e-8);
}

describe('the fits of the self-made fixture are those of R survival 3.5-3', () => {
  const golden: Golden = JSON.parse(readFileSync(fixturePath('golden/cox_ph.json'), 'utf8'));
  const rows = readRows(fixturePath('fixtures/survival.csv'));
  const plain: CoxColumns = {
    duration: numbers(rows, 'time'),
    eventObserved: numbers(rows, 'event'),
    covariates: [
      ...['age', 'usage', 'promo'].map((name) => column(rows, name)),
      dummy(rows, 'plan', 'plus'),
      dummy(rows, 'plan', 'pro'),
      column(rows, 'issue'),
    ],
  };
  const stratum = codes(rows, 'stratum');
  const strata = stratum.group;
  const weight = numbers(rows, 'weight');
  const entry = numbers(rows, 'start');
  const cases: [string, CoxColumns, Ties[]][] = [
    ['plain', plain, ['efron', 'breslow', 'exact']],
    ['stratified', { ...plain, strata }, ['efron', 'breslow', 'exact']],
    ['weighted', { ...plain, weight }, ['efron', 'breslow']],
    ['left_truncated', { ...plain, entry }, ['efron', 'breslow']],
    ['left_truncated_weighted_stratified', { ...plain, entry, weight, strata }, ['efron']],
  ];

  test.each(cases.flatMap(([name, columns, all]) => all.map((ties) => [name, ties, columns] as const)))(
    '%s, %s',
    (name, ties, columns) => {
      expectFit(fitted(columns, ties), columns, golden[name][ties], stratum.names);
    },
  );

  test.each(TRANSFORMS)('the test of proportional hazards with the transform %s', (transform) => {
    const { rows: names, chisq, p } = golden.cox_zph[transform];
    const ours = proportionality(plain, fitted(plain), transform);
    expect(ours).toHaveLength(names.length);
    expect(
      worst(
        ours.map((row) => row.chiSquare),
        chisq,
      ),
    ).toBeLessThan(1e-6);
    expect(
      worst(
        ours.map((row) => row.p),
        p,
      ),
    ).toBeLessThan(1e-6);
  });

  test('martingale, deviance and score residuals, and dfbeta', () => {
    const ours = residuals(plain, fitted(plain));
    const want = golden.residuals_first10;
    expect(worst(ours.martingale, want.martingale)).toBeLessThan(1e-9);
    expect(worst(ours.deviance, want.deviance)).toBeLessThan(1e-9);
    for (const name of ['score', 'dfbeta'] as const)
      want[name].forEach((row: number[], i: number) => {
        expect(worst(ours[name][i]!, row, 1e-6), name).toBeLessThan(1e-8);
      });
  });

  test('robust standard errors, plain and weighted', () => {
    const errors = (columns: CoxColumns) => {
      const covariance = robustCovariance(columns, fitted(columns));
      return covariance.map((row, j) => Math.sqrt(row[j]!));
    };
    expect(worst(errors(plain), golden.plain_robust_se)).toBeLessThan(1e-8);
    expect(worst(errors({ ...plain, weight }), golden.weighted_robust_se.robust_se)).toBeLessThan(1e-8);
  });

  test("Uno's concordance with its standard error", () => {
    const model = fitted(plain);
    const score = Float64Array.from(rows, (_, i) =>
      linearPredictor(
        model,
        plain.covariates.map(({ values }) => values[i]!),
      ),
    );
    const { value, standardError } = concordance(plain, score, { uno: true });
    const { uno_nG2, uno_se, counts } = golden.concordance;
    expect(worst([value], [uno_nG2])).toBeLessThan(1e-12);
    expect(worst([standardError], [uno_se])).toBeLessThan(1e-10);
    const pairs = concordance(plain, score);
    expect([pairs.concordant, pairs.discordant, pairs.tied]).toEqual([
      counts.concordant,
      counts.discordant,
      counts['tied.x'],
    ]);
  });

  test('a weight is as many rows, under Breslow ties', () => {
    const times = Float64Array.from(rows, (_, i) => (i % 3) + 1);
    const repeat = (values: ArrayLike<number>) =>
      Float64Array.from(Array.from(values).flatMap((value, i) => new Array<number>(times[i]!).fill(value)));
    const long = {
      duration: repeat(plain.duration),
      eventObserved: repeat(plain.eventObserved),
      covariates: plain.covariates.map(({ name, values }) => ({ name, values: repeat(values) })),
    };
    const short = fitted({ ...plain, weight: times }, 'breslow');
    expect(
      worst(
        short.coefficients.map((c) => c.se),
        fitted(long, 'breslow').coefficients.map((c) => c.se),
      ),
    ).toBeLessThan(1e-10);
  });

  test('survival of one who is still there is S(t)/S(s)', () => {
    const model = fitted(plain);
    const x = plain.covariates.map(({ values }) => values[0]!);
    expect(survival(model, x, 20, 5)).toBeCloseTo(survival(model, x, 20) / survival(model, x, 5), 14);
    expect(survival(model, x, 3, 5)).toBe(1);
  });
});

describeShared(
  'real files as in R survival 3.5-3',
  ['golden/cox_ph.json', 'data/rossi.csv', 'data/lung.csv', 'data/gbsg2.csv', 'data/stanford_heart.csv'],
  () => {
    const golden: Golden = sharedJson('golden', 'cox_ph.json');
    const rossi = sharedRows('rossi.csv');
    const of = (rows: Rows, time: string, event: string, names: string[]): CoxColumns => ({
      duration: numbers(rows, time),
      eventObserved: numbers(rows, event),
      covariates: names.map((name) => column(rows, name)),
    });

    test.each(['efron', 'breslow', 'exact'] as const)(
      'rossi and lung, and where not exact gbsg2 and strata, by %s',
      (ties) => {
        const all = of(rossi, 'week', 'arrest', ['fin', 'age', 'race', 'wexp', 'mar', 'paro', 'prio']);
        expectFit(fitted(all, ties), all, golden.rossi[ties]);
        const wexp = codes(rossi, 'wexp');
        const within = {
          ...of(rossi, 'week', 'arrest', ['fin', 'age', 'race', 'mar', 'paro', 'prio']),
          strata: wexp.group,
        };
        if (ties !== 'exact')
          expectFit(
            fitted(within, ties),
            within,
            golden.rossi_strata_wexp[ties],
            wexp.names.map((name) => `wexp=${name}`),
          );
        const names = ['age', 'sex', 'ph.ecog', 'wt.loss'];
        const lung = sharedRows('lung.csv').filter((row) =>
          names.every((name) => row[name] !== '' && row[name] !== 'NA'),
        );
        const lungColumns = {
          ...of(lung, 'time', 'time', names),
          eventObserved: flags(lung, (row) => row.status === '2'),
        };
        expectFit(fitted(lungColumns, ties), lungColumns, golden.lung[ties]);
        const gbsg2 = sharedRows('gbsg2.csv');
        const gbsg2Columns: CoxColumns = {
          duration: numbers(gbsg2, 'time'),
          eventObserved: numbers(gbsg2, 'cens'),
          covariates: [
            dummy(gbsg2, 'horTh', 'yes'),
            column(gbsg2, 'age'),
            dummy(gbsg2, 'menostat', 'Post'),
            column(gbsg2, 'tsize'),
            dummy(gbsg2, 'tgrade', 'II'),
            dummy(gbsg2, 'tgrade', 'III'),
            ...['pnodes', 'progrec', 'estrec'].map((name) => column(gbsg2, name)),
          ],
        };
        if (ties !== 'exact') expectFit(fitted(gbsg2Columns, ties), gbsg2Columns, golden.gbsg2[ties]);
      },
    );

    test('Stanford heart in start-stop rows, and rossi with weights', () => {
      const heart = sharedRows('stanford_heart.csv');
      const columns = {
        ...of(heart, 'stop', 'event', ['age', 'year', 'surgery', 'transplant']),
        entry: numbers(heart, 'start'),
      };
      expectFit(fitted(columns), columns, golden.heart_counting_process.efron);
      const weighted = {
        ...of(rossi, 'week', 'arrest', ['fin', 'age', 'prio']),
        weight: Float64Array.from(rossi, (_, i) => ((i + 1) % 3) + 1),
      };
      expectFit(fitted(weighted), weighted, golden.rossi_weighted);
    });
  },
);

describe('edges', () => {
  const of = (duration: number[], eventObserved: number[], ...columns: number[][]): CoxColumns => ({
    duration: Float64Array.from(duration),
    eventObserved,
    covariates: columns.map((values, j) => ({ name: `x${j}`, values: Float64Array.from(values) })),
  });
  const times = [1, 2, 3, 4, 5, 6, 7, 8];
  const ones = times.map(() => 1);
  const x = [3, 1, 4, 1, 5, 9, 2, 6];

  test('all censored is refused; separation is flagged, without NaN', () => {
    expect(
      fitCox(
        of(
          times,
          times.map(() => 0),
          x,
        ),
      ),
    ).toMatchObject({ ok: false, reason: 'no-events' });
    const model = fitted(
      of(
        times,
        ones,
        times.map((t) => (t < 5 ? 1 : 0)),
      ),
    );
    const found = { code: 'monotone-likelihood', message: expect.stringContaining('rises without end in x0: ') };
    expect(model).toMatchObject({ converged: false, diagnostics: [found] });
    expect(JSON.stringify(model.coefficients[0])).toContain('"coef":1');
  });

  test('constant and collinear columns are left out and named; the others stand', () => {
    const alone = fitted(of(times, ones, x));
    const model = fitted(
      of(
        times,
        ones,
        x,
        x.map((value) => 2 * value + 1),
        ones,
      ),
    );
    expect(model.coefficients.map(({ coef }) => coef)).toEqual([alone.coefficients[0]!.coef, null, null]);
    expect(model.diagnostics.map(({ code }) => code)).toEqual(['collinear', 'constant']);
    expect(model.diagnostics.map(({ message }) => message.split(' ')[0])).toEqual(['x1', 'x2']);
    const nothing = { coef: null, se: null, z: null, p: null, hazardRatio: null, lower: null, upper: null };
    expect(model.coefficients[1]).toEqual({ name: 'x1', ...nothing });
    expect(fitted(of(times, ones, ones)).coefficients[0]!.coef).toBeNull();
  });

  test('a tiny unit: a hazard ratio beyond the doubles is null, not Infinity', () => {
    const model = fitted(
      of(
        times,
        ones,
        [8, 3, 7, 6, 2, 5, 1, 4].map((value) => value * 1e-8),
      ),
    );
    expect(Object.values(model.coefficients[0]!)).not.toContain(Number.POSITIVE_INFINITY);
  });

  test('the limits of a hazard ratio are e^(coef ∓ 1.96 se); z and p are null where nothing varies from 0', () => {
    const { coef, se, hazardRatio, lower, upper, z } = fitted(of(times, ones, x)).coefficients[0]!;
    expect(se).toBeGreaterThan(0.05);
    expect(hazardRatio).toBeCloseTo(Math.exp(coef!), 14);
    expect(lower).toBeCloseTo(Math.exp(coef! - 1.959963984540054 * se!), 13);
    expect(upper).toBeCloseTo(Math.exp(coef! + 1.959963984540054 * se!), 13);
    expect(z).toBeCloseTo(coef! / se!, 14);
    expect(coefficient('x', 0.5, 0)).toMatchObject({ z: null, p: null, hazardRatio: Math.exp(0.5) });
  });

  test('exact ties have the baseline hazard of Breslow at their own coefficients', () => {
    const tied = of([1, 1, 1, 2, 2, 3, 3, 4], [1, 1, 0, 1, 1, 1, 0, 1], x);
    const model = fitted(tied, 'exact');
    const risk = x.map((value) => Math.exp(model.coefficients[0]!.coef! * (value - model.means[0]!)));
    let sum = 0;
    const hazard = [1, 2, 3, 4].map((t) => {
      const under = risk.filter((_, i) => tied.duration[i]! >= t).reduce((a, b) => a + b, 0);
      sum += tied.duration.reduce((d, time, i) => d + (time === t ? tied.eventObserved[i]! : 0), 0) / under;
      return sum;
    });
    expect(worst([...model.baseline[0]!.cumulativeHazard], hazard)).toBeLessThan(1e-12);
  });

  test('exact ties refuse weights', () => {
    const columns = { ...of(times, ones, x), weight: Float64Array.from(x) };
    expect(() => fitCox(columns, 'exact')).toThrow('do not take weights');
  });

  test('a huge unit only rescales the coefficient', () => {
    const [small, large] = [x, x.map((value) => value * 1e6)].map((values) => fitted(of(times, ones, values)));
    expect(large!.coefficients[0]!.coef! * 1e6).toBeCloseTo(small!.coefficients[0]!.coef!, 10);
  });

  test('concordance counts ties of scores as halves, as R', () => {
    const score = Float64Array.from([5, 4, 4, 3, 3, 1, 1]);
    const columns = { duration: Float64Array.from([1, 2, 2, 3, 4, 4, 5]), eventObserved: [1, 1, 0, 1, 0, 1, 1] };
    expect(concordance(columns, score)).toMatchObject({ value: 1 - 0.15625, concordant: 12, discordant: 1, tied: 3 });
  });
});
