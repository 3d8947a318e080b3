// `explain` as a user runs it: importance, dependence, contributions and the cheapest change of the fixture's churn model.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explain } from '#ops/commands/explain.ts';
import { fit } from '#ops/commands/fit.ts';
import { run } from '#test/support/commands.ts';
import { csvRows, fixture } from '../../support/histories.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-explain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = fixture('churn.csv');
const params = join(folder, 'model.json');

const ask = (...argv: string[]) => run(explain, '--params', params, '--data', data, ...argv);
const json = async (...argv: string[]) => JSON.parse((await ask(...argv, '--json')).stdout);

beforeAll(async () => {
  const options = ['--label', 'churned', '--all', '--drop', 'customer_id,snapshot_date', '--split', 'split'];
  writeFileSync(
    params,
    (await run(fit, 'logistic', '--data', data, ...options, '--calibrate', 'platt', '--json')).stdout,
  );
});

test('contributions add up to the row’s calibrated log-odds', async () => {
  const out = await json('--row', '17');
  const sum = out.contributions.reduce((all: number, { amount }: { amount: number }) => all + amount, out.reference);
  expect(out.score).toBe(sum);
  expect(1 / (1 + Math.exp(-sum))).toBeCloseTo(out.probability, 12);
  expect(out).toMatchObject({ row: 17, against: 'population mean', scale: 'log-odds' });
  const same = await json('--id', 'customer_id=K0017');
  expect(same.probability).toBe(out.probability);
  const other = await json('--row', '17', '--against', '17');
  expect(other.contributions.every(({ amount }: { amount: number }) => amount === 0)).toBe(true);
});

test('importance is exact, and in the order of the log loss', async () => {
  const { importance, brier } = await json('--label', 'churned');
  expect(importance).toHaveLength(12);
  expect(importance[0].feature).toBe('contract');
  expect(importance.every(({ exact }: { exact: boolean }) => exact)).toBe(true);
  const losses = importance.map(({ logLoss }: { logLoss: number }) => logLoss);
  expect(losses).toEqual([...losses].sort((a: number, b: number) => b - a));
  expect(brier).toBeGreaterThan(0.1);
});

test('dependence of numbers, with blanks among them, and of levels', async () => {
  const levels = (await json('--feature', 'contract')).dependence;
  expect(levels.curve.map(({ value }: { value: string }) => value)).toEqual(['annual', 'biennial', 'monthly']);
  const { curve } = (await json('--feature', 'discount_pct')).dependence;
  const known = csvRows(data).flatMap(({ discount_pct: cell }) => (cell ? [Number(cell)] : []));
  expect(curve[0].value).toBe(Math.min(...known));
  expect(curve.at(-1).value).toBe(Math.max(...known));
  for (const { mean, lower, upper } of curve) {
    expect(mean).toBeGreaterThan(lower);
    expect(mean).toBeLessThan(upper);
  }
});

test('the cheapest change crosses the band; a dearer column is left alone', async () => {
  const changes = [
    '--change',
    'support_tickets=0..9/1',
    '--change',
    'contract=annual,biennial',
    '--change',
    'auto_renew=0..1/1',
  ];
  const risky = csvRows(data).findIndex(({ contract, auto_renew }) => contract === 'monthly' && auto_renew === '0') + 1;
  const row = ['--row', String(risky)];
  const { probability } = await json(...row);
  const goal = (probability * 0.8).toFixed(4);
  const out = await json(...row, '--below', goal, ...changes);
  expect(out.change.probability).toBeLessThan(Number(goal));
  expect(out.change.changes.length).toBeGreaterThan(0);
  const dear = await json(...row, '--below', goal, ...changes, '--cost', 'contract=1000');
  expect(dear.change.cost).toBeGreaterThanOrEqual(out.change.cost);
  expect((await ask(...row, '--below', goal, ...changes)).stdout).toMatch(/below [\d.]+ \(0\.\d+\) by .*→/);
  expect((await json(...row, '--below', '0.001', '--change', 'support_tickets=0..9/1')).refused.reason).toBe(
    'impossible',
  );
  expect((await ask(...row, '--above', '0.001', ...changes)).stdout).toMatch(/it is above 0.001 already/);
});

test.each([
  [[], /needs --label COL, --feature COL, or --row N/],
  [['--row', '0'], /--row 0: churn.csv has rows 1 to 1500/],
  [['--id', 'customer_id=nobody'], /no row is 'nobody'/],
  [['--feature', 'ghost'], /no column 'ghost'/],
  [['--row', '1', '--below', '0.2'], /needs --change/],
  [['--row', '1', '--below', '2', '--change', 'contract=annual'], /--below 2 is not between/],
  [['--row', '1', '--below', '0.2', '--above', '0.1', '--change', 'contract=annual'], /not both/],
  [['--row', '1', '--change', 'contract=annual'], /go with --below/],
  [['--row', '1', '--above', '0.99', '--change', 'contract=weekly'], /no level 'weekly'/],
  [['--row', '1', '--above', '0.99', '--change', 'tenure_months=9..3'], /bounds 9 to 3/],
  [['--row', '1', '--above', '0.99', '--change', 'tenure_months'], /is not COL=/],
])('%j is refused', async (argv, message) => {
  await expect(ask(...argv)).rejects.toThrow(message);
});

test('a file that is no model, or lacks a column, is named', async () => {
  await expect(run(explain, '--params', data, '--data', data, '--row', '1')).rejects.toThrow(/fit logistic --json/);
  await expect(run(explain, '--params', params, '--data', fixture('scores.csv'), '--row', '1')).rejects.toThrow(
    /no column/,
  );
});
