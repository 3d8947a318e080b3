// `fit kaplan-meier` and `fit cox` as a user runs them on files: JSON shapes, the goldens through them, and what bad input gets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '#ops/commands/command.ts';
import { evaluate } from '#ops/commands/evaluate.ts';
import { fit as command } from '#ops/commands/fit.ts';
import { fixturePath, worst } from '#test/support/survival.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-survival-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (content: string) => {
  const path = join(folder, 'data.csv');
  writeFileSync(path, content);
  return path;
};

const run = (...argv: string[]) => runCommand(command, argv);

async function runCommand({ run: start }: Pick<typeof command, 'run'>, argv: string[]) {
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
  const code = await start(argv, io);
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

describe('more of a curve', () => {
  test('restricted means with their difference, and a weighted test within strata', async () => {
    const args = ['kaplan-meier', ...base, '--by', 'plan', '--rmst', '40', '--strata', 'stratum'];
    const answer = JSON.parse((await run(...args, '--json')).stdout);
    const golden = read('kaplan_meier');
    const means = answer.groups.map((group: { restrictedMean: { value: number } }) => group.restrictedMean.value);
    expect(golden.rmst_by_plan.tau).toBe(40);
    expect(worst(means, golden.rmst_by_plan.value)).toBeLessThan(1e-10);
    expect(answer.differences.map((row: { group: string }) => row.group)).toEqual(['plus', 'pro']);
    expect(answer.differences[1].difference).toBeCloseTo(means[2] - means[0], 12);
    expect(answer.logRank.test).toBe('log-rank');
    expect(worst([answer.logRank.chiSquare], [golden.logrank_plan_stratified.chisq])).toBeLessThan(1e-10);
    const peto = JSON.parse((await run('kaplan-meier', ...base, '--by', 'promo', '--test', '1,0', '--json')).stdout);
    expect(worst([peto.logRank.chiSquare], [golden.logrank_promo.peto_peto_chisq])).toBeLessThan(1e-10);
    expect((await run(...args, '--test', '0,1')).stdout).toContain('Fleming–Harrington 0,1');
    expect(await bad(...args, '--test', 'cox')).toContain('--test cox: one of log-rank');
    expect(await bad('kaplan-meier', ...base, '--strata', 'stratum')).toContain('--by');
    expect(await bad('kaplan-meier', ...base, '--level', '95')).toContain('level 95 is not between 0 and 1');
  });
});

describe('fit aalen-johansen', () => {
  const path = () =>
    file('months,ended,plan\n1,voluntary,a\n2,payment,a\n3,,b\n4,voluntary,b\n4,active,b\n6,payment,b\n');
  const args = () => ['aalen-johansen', '--data', path(), '--duration', 'months', '--event', 'ended'];

  test('incidence by cause that makes 1 with the survival, and what was taken as censored', async () => {
    const { stdout } = await run(...args(), '--causes', 'voluntary,payment', '--by', 'plan', '--json');
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ model: 'aalen-johansen', causes: ['voluntary', 'payment'] });
    expect(answer.censored).toEqual({ n: 2, values: ['', 'active'] });
    expect(answer.groups[0].events).toEqual({ voluntary: 1, payment: 1 });
    const last = answer.groups[1].curve.at(-1);
    expect(last.incidence.voluntary.value + last.incidence.payment.value + last.survival).toBeCloseTo(1, 14);
    expect(answer.causeSpecificLogRank[0]).toMatchObject({ cause: 'voluntary', degreesOfFreedom: 1 });
    const text = (await run(...args(), '--causes', 'voluntary,payment', '--at', '2,4')).stdout;
    expect(text.split('\n')[1]).toMatch(/^all +6 +2 +0.166667 +0.166667 +0.666667$/);
  });

  test('an unknown cause, one named twice, a missing option', async () => {
    expect(await bad(...args(), '--causes', 'voluntry')).toBe(
      "data.csv, column ended: no row is 'voluntry'; it has , active, payment, voluntary",
    );
    expect(await bad(...args(), '--causes', 'payment,payment')).toContain('names payment twice');
    expect(await bad(...args())).toContain('--causes');
    expect(await bad(...args(), '--causes', 'payment', '--at', '0')).toContain('--at 0 is not a number > 0');
  });
});

describe('more of a Cox model', () => {
  const args = ['cox', ...base, '--covariates', 'age,usage,promo,plan=plus,plan=pro,issue', '--json'];

  test('robust errors, by customer when asked, with the model’s beside them', async () => {
    const golden = read('cox_ph');
    const plain = JSON.parse((await run(...args, '--robust')).stdout);
    const errors = (model: { coefficients: Record<string, number>[] }, name: string) =>
      model.coefficients.map((row) => row[name]!);
    expect(worst(errors(plain, 'se'), golden.plain_robust_se)).toBeLessThan(1e-8);
    expect(worst(errors(plain, 'modelSe'), golden.plain.efron.se)).toBeLessThan(1e-8);
    const clustered = JSON.parse((await run(...args, '--cluster', 'id')).stdout);
    expect(worst(errors(clustered, 'se'), errors(plain, 'se'))).toBeLessThan(1e-10);
  });

  test('another transform of time, residuals, and the future of those still there', async () => {
    const golden = read('cox_ph');
    const answer = JSON.parse((await run(...args, '--zph', 'rank', '--residuals', '--horizon', '12')).stdout);
    const chi = answer.proportionality.map((row: { chiSquare: number }) => row.chiSquare);
    expect(worst(chi, golden.cox_zph.rank.chisq)).toBeLessThan(1e-6);
    expect(worst([answer.residuals[0].deviance], [golden.residuals_first10.deviance[0]])).toBeLessThan(1e-9);
    expect(answer.residuals[0].dfbeta.age).toBeCloseTo(golden.residuals_first10.dfbeta[0][0], 12);
    expect(answer.schoenfeld).toHaveLength(answer.events);
    expect(answer.predictions).toHaveLength(answer.n - answer.events);
    for (const { survival, lower, upper } of answer.predictions)
      expect(lower <= survival && survival <= upper).toBe(true);
  });

  test('what exact ties cannot answer is refused', async () => {
    expect(await bad(...args, '--ties', 'exact', '--robust')).toContain('--ties efron');
    expect(await bad(...args, '--zph', 'sqrt')).toContain('--zph sqrt: one of km');
    expect(await bad(...args, '--horizon=-1')).toContain('--horizon -1 is not a number > 0');
  });
});

describe('evaluate --kind survival', () => {
  const score = (...argv: string[]) => runCommand(evaluate, ['--kind', 'survival', ...argv]);

  test('concordance, AUC and Brier of a file; a risk that is the end turned round ranks perfectly', async () => {
    const path = file('t,e,risk,s3\n1,1,9,0.1\n2,1,7,0.2\n3,0,5,0.6\n4,1,3,0.8\n6,0,1,0.9\n');
    const args = ['--data', path, '--duration', 't', '--event', 'e', '--score', 'risk', '--times', '3,2'];
    const answer = JSON.parse((await score(...args, '--survival', '3=s3', '--json')).stdout);
    expect(answer.concordance.value).toBe(1);
    expect(answer.unoConcordance.value).toBe(1);
    expect(answer.auc.points.map(({ time, auc }: { time: number; auc: number }) => [time, auc])).toEqual([
      [2, 1],
      [3, 1],
    ]);
    expect(answer.brier.points[0].brier).toBeLessThan(answer.brier.points[0].reference);
    expect((await score(...args)).stdout).toContain('mean AUC 1');
  });

  test('bad input is named', async () => {
    const path = file('t,e,risk,s3\n1,1,9,0.1\n2,1,7,1.2\n');
    const args = ['--data', path, '--duration', 't', '--event', 'e'];
    const message = (...argv: string[]) =>
      score(...args, ...argv).then(
        () => '',
        (error: Error) => error.message,
      );
    expect(await message('--survival', '3=s3')).toBe('data.csv row 2, column s3: must be a probability in [0, 1]');
    expect(await message('--survival', 's3')).toContain('say TIME=COLUMN');
    expect(await message()).toContain('needs --score COL or --survival');
    expect(await message('--score', 'risk', '--start', 't')).toContain('late entries');
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
