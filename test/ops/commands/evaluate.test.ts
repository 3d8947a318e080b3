// `evaluate` and `fit logistic` as a user runs them: the JSON that is promised, the published values through it, and what bad input gets.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createRandom } from '#domain/numerics/random.ts';
import { evaluate } from '#ops/commands/evaluate.ts';
import { fit } from '#ops/commands/fit.ts';
import { refusal, run } from '#test/support/commands.ts';
import { worst, zip } from '../../support/close.ts';
import { fixture, golden } from '../../support/histories.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const scores = ['--data', fixture('scores.csv'), '--label', 'label', '--score', 'score'];

test('evaluate prints what interfaces promise and equals metrics_scores.json', async () => {
  const out = (await run(evaluate, ...scores, '--threshold', '0.5', '--json')).json();
  const { metrics, pROC, weighted } =
    golden<Record<string, Record<string, number> & { ci95: number[] }>>('metrics_scores.json');
  worst(
    [
      [out.auc, metrics!.auc!],
      [out.aucLower, pROC!.ci95[0]!],
      [out.aucUpper, pROC!.ci95[1]!],
      [out.averagePrecision, metrics!.average_precision!],
      [out.brier, metrics!.brier!],
      [out.logLoss, metrics!.log_loss!],
      [out.decisions.tp, 41],
    ],
    1e-10,
  );
  for (const name of ['calibrationSlope', 'calibrationIntercept', 'ece']) expect(out[name]).toEqual(expect.any(Number));
  expect(Object.keys(out.reliability[0])).toEqual(['bin', 'n', 'meanScore', 'rate', 'lower', 'upper']);
  const byWeight = (await run(evaluate, ...scores, '--weight', 'weight', '--json')).json();
  worst([[byWeight.auc, weighted!.auc!]], 1e-10);
  expect((await run(evaluate, ...scores, '--threshold', '0.5')).stdout).toMatch(/AUC +0\.79599 \(95 %/);
});

test('a label by its value; what is undefined says why', async () => {
  const named = file('named.csv', 'churn,p\nYes,0.9\nNo,0.9\nNo,0.2\n');
  expect((await run(evaluate, '--data', named, '--label', 'churn=Yes', '--score', 'p', '--json')).json()).toMatchObject(
    {
      auc: 0.75,
      aucLower: null,
      undefined: { aucLower: expect.stringContaining('more than one row') },
    },
  );
  expect(await refusal(evaluate, '--data', named, '--label', 'churn', '--score', 'p')).toMatch(
    /row 1, column churn: 'Yes' is not 0 or 1; say churn=VALUE/,
  );
  expect(await refusal(evaluate, '--data', named, '--label', 'churn=Maybe', '--score', 'p')).toMatch(/it has Yes, No/);
});

test('evaluate names what is wrong', async () => {
  expect(await refusal(evaluate, '--data', fixture('scores.csv'), '--label', 'label')).toMatch(/needs --score/);
  expect(await refusal(evaluate, ...scores, '--threshold', 'half')).toMatch(/--threshold half/);
  const broken = file('broken.csv', 'y,p,w\n1,0.5,1\n0,x,1\n');
  expect(await refusal(evaluate, '--data', broken, '--label', 'y', '--score', 'p')).toMatch(/row 2, column p: 'x'/);
  const negative = file('negative.csv', 'y,p,w\n1,0.5,-1\n');
  expect(await refusal(evaluate, '--data', negative, '--label', 'y', '--score', 'p', '--weight', 'w')).toMatch(
    /row 1, column w: -1 is not a finite number/,
  );
});

const churn = ['logistic', '--data', fixture('churn.csv'), '--label', 'churned'];
const whole = [...churn, '--all', '--drop', 'customer_id,snapshot_date'];

test('fit logistic by the split column equals logistic_churn.json from fit to calibrated metrics', async () => {
  const { time_split: expected } = golden<{
    time_split: {
      coef: number[];
      platt: { A: number; B: number };
      test_metrics_raw: { brier: number };
      test_metrics_platt: { brier: number; log_loss: number };
    };
  }>('logistic_churn.json');
  const { code, json } = await run(fit, ...whole, '--split', 'split', '--calibrate', 'platt', '--json');
  expect(code).toBe(0);
  const out = json();
  for (const name of ['intercept', 'coefficients', 'objective', 'kkt', 'metrics', 'calibration', 'encoding'])
    expect(out).toHaveProperty(name);
  expect(out).toMatchObject({ converged: true, measuredOn: 'test', n: 921, diagnostics: [] });
  worst(
    zip(
      out.coefficients.map((each: { standardised: number }) => each.standardised),
      expected.coef,
    ),
    1e-7,
  );
  worst(
    [
      [out.calibration.A, expected.platt.A],
      [out.calibration.B, expected.platt.B],
      [out.uncalibratedMetrics.brier, expected.test_metrics_raw.brier],
      [out.metrics.brier, expected.test_metrics_platt.brier],
      [out.metrics.logLoss, expected.test_metrics_platt.log_loss],
    ],
    1e-9,
  );
  const text = await run(fit, ...churn, '--features', 'tenure_months,contract', '--penalty', 'none');
  expect(text.stdout).toMatch(/contract=monthly/);
  expect(text.stderr).toMatch(/measured-in-sample/);
});

test('fit logistic refuses what cannot be, and names it', async () => {
  expect(await refusal(fit, 'logistic', '--data', fixture('churn.csv'))).toMatch(/--label/);
  expect(await refusal(fit, ...churn)).toMatch(/either --features a,b,c or --all/);
  expect(await refusal(fit, ...churn, '--all')).toMatch(/column customer_id: 1500 different texts/);
  expect(await refusal(fit, ...churn, '--features', 'age')).toMatch(/no column 'age'/);
  expect(await refusal(fit, ...churn, '--features', 'churned')).toMatch(/label, weight, split/);
  expect(await refusal(fit, ...whole, '--penalty', 'l3')).toMatch(/one of l2, l1/);
  expect(await refusal(fit, ...whole, '--lambda=-1')).toMatch(/--lambda -1 is not a number ≥ 0/);
  expect(await refusal(fit, ...whole, '--alpha', '2')).toMatch(/--alpha 2 is not between 0 and 1/);
  expect(await refusal(fit, ...whole, '--calibrate', 'platt')).toMatch(/needs --split/);
  expect(await refusal(fit, ...whole, '--split', 'region')).toMatch(/is not one of train, calibrate, test/);
  const weights = file('weights.csv', 'y,x,w\n0,1,1\n1,2,-3\n');
  expect(await refusal(fit, 'logistic', '--data', weights, '--label', 'y', '--features', 'x', '--weight', 'w')).toMatch(
    /row 2, column w: -3 is not a weight/,
  );
  const apart = file('apart.csv', 'y,x\n0,1\n0,2\n0,3\n1,4\n1,5\n1,6\n');
  const refused = await run(fit, 'logistic', '--data', apart, '--label', 'y', '--all', '--penalty', 'none', '--json');
  expect(refused.code).toBe(1);
  expect(refused.json()).toMatchObject({ ok: false, reason: 'separation', converged: false });
  expect(refused.stderr).toMatch(/separated.* by x/);
});

test('evaluate --group, --offer-* and --compare: intervals by customer, the best cut, the paired difference', async () => {
  const random = createRandom(5);
  const lines = Array.from({ length: 120 }, (_, customer) => {
    const risk = random.normal();
    const left = random.uniform() < 1 / (1 + Math.exp(-2 * risk)) ? 1 : 0;
    const p = (noise: number) => (1 / (1 + Math.exp(-2 * (risk + noise * random.normal())))).toFixed(6);
    return Array.from({ length: 3 }, () => `k${customer},${left},${p(2)},${p(0.1)}`).join('\n');
  });
  const data = file('compared.csv', `customer,left,old,new\n${lines.join('\n')}\n`);
  const options = ['--data', data, '--label', 'left', '--score', 'old'];
  const plain = (await run(evaluate, ...options, '--json')).json();
  const grouped = (await run(evaluate, ...options, '--group', 'customer', '--json')).json();
  expect(plain).toMatchObject({ groups: null, profit: null });
  expect(grouped).toMatchObject({ groups: 120, auc: plain.auc });
  expect(grouped.aucSe).toBeGreaterThan(plain.aucSe);
  const parts = grouped.brierDecomposition;
  expect(
    parts.reliability - parts.resolution + parts.uncertainty + parts.withinVariance - 2 * parts.withinCovariance,
  ).toBeCloseTo(grouped.brier, 13);
  expect(grouped.roc.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 });
  expect(grouped.gain).toHaveLength(10);

  const compare = [...options, '--group', 'customer', '--compare', 'new', '--draws', '300', '--seed', '2'];
  const out = (await run(evaluate, ...compare, '--offer-cost', '1', '--offer-benefit', '3', '--json')).json();
  expect(out.comparison).toMatchObject({
    first: 'old',
    second: 'new',
    draws: 300,
    seed: 2,
    groups: 120,
    undefined: {},
  });
  expect(out.comparison.metrics.auc.lower).toBeGreaterThan(0);
  expect(out.comparison.metrics.auc.first).toBeCloseTo(plain.auc, 12);
  expect(out.profit.best.profit).toBeCloseTo(out.comparison.metrics.bestProfit.first, 9);
  const text = await run(evaluate, ...compare);
  expect(text.stdout).toMatch(/new against old, paired, 300 draws of 120 groups/);
  expect((await run(evaluate, ...compare)).stdout).toBe(text.stdout);

  expect(await refusal(evaluate, ...options, '--offer-cost', '1')).toMatch(/both --offer-cost and --offer-benefit/);
  expect(await refusal(evaluate, ...options, '--offer-cost=-1', '--offer-benefit', '2')).toMatch(
    /--offer-cost -1 is below/,
  );
  expect(await refusal(evaluate, ...compare, '--draws', '3')).toMatch(/--draws 3/);
  const holes = file('holes.csv', 'customer,left,old\na,1,0.5\n,0,0.2\n');
  expect(await refusal(evaluate, '--data', holes, '--label', 'left', '--score', 'old', '--group', 'customer')).toMatch(
    /row 2, column customer: is empty/,
  );
  expect(await refusal(evaluate, ...options, '--naive', 'new')).toMatch(/--naive goes with --kind forecast/);
});

test('evaluate --kind forecast: errors, ranking, interval, quantiles, PIT, MASE, and a second forecast', async () => {
  const random = createRandom(8);
  const lines = Array.from({ length: 200 }, () => {
    const spend = random.exponential(1);
    return [spend, spend * 1.1, spend * 2, -Math.log(0.95), -Math.log(0.05), 1 - Math.exp(-spend)].join(',');
  });
  const data = file('values.csv', `spend,near,far,p05,p95,cdf\n${lines.join('\n')}\n`);
  const train = file('train.csv', 'spend\n1\n2\n1.5\n');
  const options = ['--kind', 'forecast', '--data', data, '--actual', 'spend', '--forecast', 'near'];
  const more = ['--naive', 'far', '--lower', 'p05', '--upper', 'p95', '--level', '0.9', '--quantile', 'p95=0.95'];
  const pit = ['--cdf-below', 'cdf', '--cdf', 'cdf', '--train', train, '--compare', 'far', '--draws', '200'];
  const out = (await run(evaluate, ...options, ...more, ...pit, '--json')).json();
  worst(
    [
      [out.wape, 0.1],
      [out.totalError, 0.1],
      [out.maeOverNaive, 0.1],
      [out.concentration.normalised, 1],
      [out.mase, (0.1 * out.actualTotal) / 200 / 0.75],
    ],
    1e-12,
  );
  expect(out.coverage).toBeGreaterThan(0.85);
  expect(out.pit.uniformity.p).toBeGreaterThan(0.001);
  expect(out.comparison.metrics.mae.lower).toBeGreaterThan(0);
  expect((await run(evaluate, ...options, ...more, ...pit)).stdout).toMatch(/WAPE +10\.0 %/);
  expect(await refusal(evaluate, ...options, '--lower', 'p05')).toMatch(/needs --lower COL, --upper COL and --level/);
  expect(await refusal(evaluate, ...options, '--quantile', 'p95')).toMatch(/not COL=LEVEL/);
  expect(await refusal(evaluate, ...options, '--cdf', 'cdf')).toMatch(/both --cdf-below/);
  expect(await refusal(evaluate, ...options, '--season', '4')).toMatch(/goes with --train/);
  expect(await refusal(evaluate, ...options, '--label', 'spend')).toMatch(/--label goes with --kind score/);
  expect(await refusal(evaluate, ...options, '--lower', 'p95', '--upper', 'p05', '--level', '0.9')).toMatch(
    /row 1, column p95: .* above the upper end/,
  );
  expect(await refusal(evaluate, '--kind', 'guess', '--data', data)).toMatch(/--kind guess/);
});
