// `evaluate` as a user runs it: the JSON that is promised, the published values through it, and what bad input gets.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Command, UsageError } from '#ops/commands/command.ts';
import { evaluate } from '#ops/commands/evaluate.ts';
import { worst } from '../../support/close.ts';
import { fixture, golden } from '../../support/histories.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

async function run(command: Command, ...argv: string[]) {
  let [stdout, stderr] = ['', ''];
  const code = await command.run(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTTY: false,
  });
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}
const bad = async (command: Command, ...argv: string[]) => {
  const error: unknown = await run(command, ...argv).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
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
  expect(await bad(evaluate, '--data', named, '--label', 'churn', '--score', 'p')).toMatch(
    /row 1, column churn: 'Yes' is not 0 or 1; say churn=VALUE/,
  );
  expect(await bad(evaluate, '--data', named, '--label', 'churn=Maybe', '--score', 'p')).toMatch(/it has Yes, No/);
});

test('evaluate names what is wrong', async () => {
  expect(await bad(evaluate, '--data', fixture('scores.csv'), '--label', 'label')).toMatch(/needs --score/);
  expect(await bad(evaluate, ...scores, '--threshold', 'half')).toMatch(/--threshold half/);
  const broken = file('broken.csv', 'y,p,w\n1,0.5,1\n0,x,1\n');
  expect(await bad(evaluate, '--data', broken, '--label', 'y', '--score', 'p')).toMatch(/row 2, column p: 'x'/);
  const negative = file('negative.csv', 'y,p,w\n1,0.5,-1\n');
  expect(await bad(evaluate, '--data', negative, '--label', 'y', '--score', 'p', '--weight', 'w')).toMatch(
    /row 1, column w: -1 is not a finite number/,
  );
});
