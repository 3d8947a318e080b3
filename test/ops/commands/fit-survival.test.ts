// `fit kaplan-meier` and `fit cox` as a user runs them on files: JSON shapes, the goldens through them, and what bad input gets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '#ops/commands/command.ts';
import { fit as command } from '#ops/commands/fit.ts';
import { fixturePath, worst } from '#test/support/survival.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-survival-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (content: string) => {
  const path = join(folder, 'data.csv');
  writeFileSync(path, content);
  return path;
};

async function run(...argv: string[]) {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
    isTTY: false,
  };
  const code = await command.run(argv, io);
  return { code, stdout, stderr };
}

async function bad(...argv: string[]): Promise<string> {
  const error: unknown = await run(...argv).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

const data = fixturePath('fixtures/survival.csv');
const base = ['--data', data, '--duration', 'time', '--event', 'event'];
const read = (name: string) => JSON.parse(readFileSync(fixturePath(`golden/${name}.json`), 'utf8'));

describe('fit kaplan-meier', () => {
  test('groups with median, limits and curve, and the log-rank test of R', async () => {
    const { code, stdout } = await run('kaplan-meier', ...base, '--by', 'plan', '--ci', 'log', '--json');
    const { groups, logRank } = JSON.parse(stdout);
    const golden = read('kaplan_meier');
    expect(code).toBe(0);
    expect(groups.map(({ name, n, median }: Record<string, unknown>) => [name, n, median])).toEqual([
      ['basic', 254, golden.by_plan.quantiles.quantile[0][1]],
      ['plus', 151, golden.by_plan.quantiles.quantile[1][1]],
      ['pro', 95, golden.by_plan.quantiles.quantile[2][1]],
    ]);
    expect(Object.keys(groups[0].curve[0])).toEqual([
      'time',
      'atRisk',
      'events',
      'survival',
      'standardError',
      'lower',
      'upper',
    ]);
    expect(worst([logRank.chiSquare], [golden.logrank_plan.logrank_chisq])).toBeLessThan(1e-10);
    expect((await run('--json', 'kaplan-meier', ...base)).stdout).toContain('"name":"all"');
    expect((await run('kaplan-meier', ...base)).stdout).toContain('median');
  });

  test('undefined values are null, and an event can be named', async () => {
    const path = file('months,status\n1,lost\n2,lost\n');
    const { stdout } = await run(
      'kaplan-meier',
      '--data',
      path,
      '--duration',
      'months',
      '--event',
      'status=lost',
      '--json',
    );
    expect(JSON.parse(stdout).groups[0].curve[1]).toMatchObject({ survival: 0, lower: null, standardError: null });
  });
});

describe('fit cox', () => {
  const covariates = 'age,usage,promo,plan=plus,plan=pro,issue';

  test('coefficients, likelihood, concordance and baseline of R', async () => {
    const { code, stdout } = await run('cox', ...base, '--covariates', covariates, '--strata', 'stratum', '--json');
    const model = JSON.parse(stdout);
    const golden = read('cox_ph').stratified.efron;
    expect(code).toBe(0);
    expect(
      worst(
        model.coefficients.map(({ coef }: { coef: number }) => coef),
        golden.coef,
      ),
    ).toBeLessThan(1e-8);
    expect(worst([model.logLikelihood, model.concordance], [golden.loglik, golden.concordance])).toBeLessThan(1e-10);
    const first = model.baseline.find(({ stratum }: { stratum: string }) => stratum === 'north');
    expect(worst([first.cumulativeHazard], [golden.baseline_cumhaz_x0[0].hazard])).toBeLessThan(1e-8);
    expect(model).toMatchObject({ converged: true, diagnostics: [], proportionality: { length: 7 } });
    expect((await run('cox', ...base, '--covariates', covariates, '--ties', 'breslow')).stdout).toContain('plan=pro');
  });

  test('exact ties, but not with weights', async () => {
    const exact = ['cox', ...base, '--covariates', covariates, '--ties', 'exact', '--json'];
    const model = JSON.parse((await run(...exact)).stdout);
    expect(worst([model.logLikelihood], [read('cox_ph').plain.exact.loglik])).toBeLessThan(1e-9);
    expect(await bad(...exact, '--weights', 'weight')).toBe('survival.csv: exact ties do not take weights; use efron');
  });

  test('all censored: exit code 1 with the reason', async () => {
    const path = file('t,e,x\n1,0,1\n2,0,2\n');
    const answer = await run('cox', '--data', path, '--duration', 't', '--event', 'e', '--covariates', 'x', '--json');
    expect([answer.code, JSON.parse(answer.stdout).reason]).toEqual([1, 'no-events']);
  });
});

test('bad input is named by row, column and rule', async () => {
  const path = file('t,e,x,s\n1,1,1,0\n2,3,b,2\n-1,0,,\n');
  const options = ['--data', path, '--duration', 't', '--event', 'e'];
  expect(await bad('kaplan-meier', ...options)).toBe('data.csv row 2, column e: must be 0 or 1');
  expect(await bad('cox', ...options, '--covariates', 'x')).toBe("data.csv row 2, column x: 'b' is not a number");
  expect(await bad('kaplan-meier', ...options, '--by', 'x')).toContain('row 3, column x: is empty');
  expect(await bad('kaplan-meier', '--data', path, '--duration', 't', '--event', 'e=9')).toContain(
    "no row is '9'; it has",
  );
  expect(await bad('kaplan-meier', '--data', path, '--duration', 't', '--event', 'e=3')).toBe(
    'data.csv row 3, column t: must be a number ≥ 0',
  );
  expect(await bad('cox', ...options)).toContain('--covariates');
  expect(await bad('cox', ...options, '--covariates', 't,t')).toContain('names t twice');
  expect(await bad('kaplan-meier', ...options, '--ci', 'wide')).toContain('--ci wide: one of');
  expect(await bad('cox', '--data', path)).toContain('--duration');
});
