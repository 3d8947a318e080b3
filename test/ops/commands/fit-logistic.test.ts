// `fit logistic` as a user runs it where it chooses by itself: λ by cross-validation, the calibration, the segments; and what it prints is a model.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseLogisticModel, score } from '#domain/models/logistic-model.ts';
import { UsageError } from '#ops/commands/command.ts';
import { evaluate } from '#ops/commands/evaluate.ts';
import { fit } from '#ops/commands/fit.ts';
import { predict } from '#ops/commands/predict.ts';
import { csvRows, fixture } from '../../support/histories.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-logistic-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...argv: string[]) {
  let [stdout, stderr] = ['', ''];
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
    isTTY: false,
  };
  const command = [fit, evaluate, predict].find(({ name }) => name === argv[0])!;
  const code = await command.run(argv.slice(1), io);
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}
const bad = async (...argv: string[]) => {
  const error: unknown = await run(...argv).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
};

const churn = ['fit', 'logistic', '--data', fixture('churn.csv'), '--label', 'churned', '--all'];
const chosen = [...churn, '--drop', 'customer_id,snapshot_date', '--split', 'split'];
const ordered = ['--group', 'customer_id', '--time', 'snapshot_date', '--folds', '4'];

describe('--lambda auto and min', () => {
  test('choose from one path; every λ has its certificate', async () => {
    const [auto, min] = await Promise.all(
      ['auto', 'min'].map(async (rule) =>
        (await run(...chosen, '--penalty', 'l1', '--lambda', rule, ...ordered, '--json')).json(),
      ),
    );
    expect(auto.lambdaChoice.path).toEqual(min.lambdaChoice.path);
    expect([auto.lambda, min.lambda]).toEqual([auto.lambdaChoice.oneStandardError, min.lambdaChoice.best]);
    expect(auto.lambda).toBeGreaterThan(min.lambda);
    expect(auto.lambdaChoice.rule).toBe('1-standard-error');
    expect(auto.lambdaChoice.folds).toHaveLength(4);
    for (const { kkt, worstKkt } of auto.lambdaChoice.path) expect(Math.max(kkt, worstKkt)).toBeLessThan(1e-11);
    // The same λ told as a number is the same model.
    const told = (await run(...chosen, '--penalty', 'l1', '--lambda', String(auto.lambda), '--json')).json();
    expect(told.coefficients).toEqual(auto.coefficients);
  });
  test('for people: the table, the folds, the mark at the chosen λ', async () => {
    const { stdout } = await run(...chosen, '--lambda', 'auto', ...ordered);
    expect(stdout).toMatch(/by the one-standard-error rule over 4 folds \(\d+ → \d+, .* rows\)/);
    expect(stdout).toMatch(/one standard error$/m);
  });
  test('refuse what cannot be', async () => {
    expect(await bad(...chosen, '--penalty', 'none', '--lambda', 'auto')).toMatch(/--penalty none has none/);
    expect(await bad(...chosen, '--time', 'snapshot_date')).toMatch(/--time orders the folds/);
    expect(await bad(...chosen, '--lambda', 'auto', '--folds', '1')).toMatch(/--folds 1/);
    expect(await bad(...chosen, '--lambda', 'auto', '--gap=-3')).toMatch(/--gap -3/);
    expect(await bad(...chosen, '--lambda', 'auto', '--time', 'contract')).toMatch(
      /row 1, column contract: 'monthly' is neither a number nor a date/,
    );
    expect(await bad(...chosen, '--lambda', 'auto', '--time', 'snapshot_date', '--gap', '9999')).toMatch(
      /too few different times for this gap; tell --lambda a number/,
    );
    expect(await bad(...churn, '--lambda', 'often')).toMatch(/--lambda often is not a number/);
  });
});

test('--calibrate auto says which and why; --segment measures each', async () => {
  const out = (
    await run(...chosen, '--calibrate', 'auto', '--segment', 'contract', '--group', 'customer_id', '--json')
  ).json();
  expect(out.calibrationTrials.map((trial: { method: string }) => trial.method)).toEqual([
    'identity',
    'platt',
    'isotonic',
  ]);
  expect(out.calibration.method).toBe('identity');
  expect(out.metrics.brier).toBe(out.uncalibratedMetrics.brier);
  expect(out.metrics.groups).toEqual(expect.any(Number));
  expect(out.segments.map(({ segment }: { segment: string }) => segment)).toEqual(['annual', 'biennial', 'monthly']);
  const rows = csvRows(fixture('churn.csv')).filter((row) => row.split === 'test' && row.contract === 'annual');
  expect(out.segments[0].n).toBe(rows.length);
  expect(out.segments[0].observed).toBe(rows.filter((row) => row.churned === '1').length / rows.length);
  expect((await run(...chosen, '--calibrate', 'auto', '--segment', 'contract')).stdout).toMatch(
    /the simpler one stays/,
  );
});

test('evaluate --segment', async () => {
  const rows = [0.1, 0.3, 0.5, 0.7].flatMap((p) => [`0,${p},a`, `1,${p},a`, `0,${p},`, `1,${p},`]);
  const path = join(folder, 'segments.csv');
  writeFileSync(path, `y,p,s\n${rows.join('\n')}\n`);
  const argv = ['evaluate', '--data', path, '--label', 'y', '--score', 'p', '--segment', 's'];
  const { segments } = (await run(...argv, '--json')).json();
  expect(segments).toMatchObject([
    { segment: '(blank)', n: 8, observed: 0.5 },
    { segment: 'a', n: 8, observed: 0.5, off: false },
  ]);
  expect((await run(...argv)).stdout).toMatch(/\(blank\) +8 +0\.4 +0\.5/);
});

test('what --json prints is a model that scores the rows it was measured on', async () => {
  const out = (await run(...chosen, '--missing-indicator', '--calibrate', 'platt', '--json')).json();
  const model = parseLogisticModel(out);
  if (!model.ok) throw new Error(model.reason);
  expect(out.coefficients.some(({ name }: { name: string }) => name.endsWith('=missing'))).toBe(true);
  const tested = csvRows(fixture('churn.csv')).filter((row) => row.split === 'test');
  const squares = tested.map((row) => {
    const answer = score(model.value, row);
    if (!answer.ok) throw new Error(`${answer.reason.column} ${answer.reason.message}`);
    return (answer.value.probability - Number(row.churned)) ** 2;
  });
  expect(squares.reduce((sum, square) => sum + square, 0) / squares.length).toBeCloseTo(out.metrics.brier, 12);
});

describe('predict churn with what fit logistic printed', () => {
  const params = join(folder, 'model.json');
  const written = async () => writeFileSync(params, (await run(...chosen, '--calibrate', 'platt', '--json')).stdout);

  test('scores the rows of a table; what cannot be read says why', async () => {
    await written();
    const source = csvRows(fixture('churn.csv')).slice(0, 3);
    const [first, second, third] = source;
    const told = [first!, { ...second!, tenure_months: 'long' }, { ...third!, contract: 'daily', sessions_30d: '' }];
    const data = join(folder, 'rows.csv');
    writeFileSync(data, [Object.keys(first!), ...told.map(Object.values)].map((cells) => cells.join(',')).join('\n'));
    const answer = await run('predict', 'churn', '--params', params, '--data', data, '--json');
    const model = parseLogisticModel(JSON.parse(readFileSync(params, 'utf8')));
    if (!model.ok) throw new Error(model.reason);
    const expected = score(model.value, first!);
    if (!expected.ok) throw new Error(expected.reason.message);
    expect(answer.json()).toMatchObject([
      { customer_id: first!.customer_id, p_churn: expected.value.probability, p_churn_raw: expected.value.raw },
      {
        customer_id: second!.customer_id,
        reason: 'invalid-features',
        message: "tenure_months 'long' is not a finite number",
      },
      { missing: expect.stringContaining('sessions_30d'), unknown_levels: 'contract' },
    ]);
    expect(answer.stderr).toMatch(/1 of 3 rows without a prediction/);
    expect((await run('predict', 'churn', '--params', params, '--data', data)).stdout).toMatch(
      /^customer_id,p_churn,p_churn_raw,log_odds,band,missing,unknown_levels,reason,message\n/,
    );
  });
  test('refuses what it cannot answer', async () => {
    await written();
    const data = fixture('churn.csv');
    expect(await bad('predict', 'clv', '--params', params, '--data', data)).toMatch(/is a logistic model: it answers/);
    expect(await bad('predict', 'churn', '--params', params, '--data', data, '--horizon', '90d')).toMatch(
      /leave --horizon out/,
    );
    expect(await bad('predict', 'churn', '--params', params, '--data', fixture('scores.csv'))).toMatch(
      /scores.csv has no column 'tenure_months'/,
    );
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, JSON.stringify({ model: 'logistic', encoding: [] }));
    expect(await bad('predict', 'churn', '--params', broken, '--data', data)).toMatch(/broken.json: intercept: /);
  });
});
