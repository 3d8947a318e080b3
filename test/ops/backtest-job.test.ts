// The job around a backtest: one question however often it is taken up, and no figures when a row has moved with the future.
import { describe, expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import { ok } from '#domain/result.ts';
import { UTC } from '#domain/time.ts';
import { type BacktestDeps, backtestJob } from '#ops/jobs/backtest.ts';
import type { Backtest, CutoffAnswer } from '#processors/backtest/backtest.ts';
import type { ChurnMetrics } from '#processors/backtest/churn-cutoff.ts';
import type { JobRun } from '#processors/jobs/kind.ts';

const METRICS: ChurnMetrics = { definition: DEFAULT_CHURN, customers: 3, lost: 1, models: {}, undefined: {} };
const answer = (day: number, differing = 0): CutoffAnswer => ({
  day,
  leakage: { checked: 100, differing },
  metrics: METRICS,
});

/** What the fold did not come back from. */
const STUCK = new Map([['7/1', 9]]);

/** A pool that answers what it is told, and remembers what it was asked. */
function place(answers: CutoffAnswer[]) {
  const asked: { job: Backtest; judged: readonly number[] }[] = [];
  const now = { seq: 10, day: 500, offsets: UTC };
  const deps: BacktestDeps = {
    nats: { servers: [] },
    pool: {
      async backtest(_nats, job, judged, report) {
        asked.push({ job, judged });
        for (const each of answers) if (!judged.includes(each.day)) report.judged(each);
        return ok({ days: answers.map(({ day }) => day), beyond: 0, latenessDays: 0, firstDay: 0 });
      },
    },
    present: () => ({ ...now }),
    definitions: () => [DEFAULT_CONTRACTUAL],
    reportingCurrency: 'EUR',
    stuck: () => STUCK,
    snapshotDir: null,
  };
  const steps = new Map<string, unknown>();
  const run = (params: Record<string, unknown>) => {
    const job: JobRun = {
      id: 'a'.repeat(32),
      by: 'cli',
      params,
      steps,
      finishStep: async (step, output) => void steps.set(step, output),
      progress: () => undefined,
      log: () => undefined,
      signal: new AbortController().signal,
    };
    return backtestJob(deps).run(job);
  };
  return { run, asked, now, steps };
}

test('a later attempt asks at the position of the first, without the cut-offs that are judged', async () => {
  const { run, asked, now, steps } = place([answer(100), answer(200)]);
  const first = await run({ horizon_days: 90 });
  expect([...steps.keys()]).toEqual(['position', 'cut-off 1970-04-11', 'cut-off 1970-07-20']);
  steps.delete('cut-off 1970-07-20');
  Object.assign(now, { seq: 99, day: 900 });
  expect(await run({ horizon_days: 90 })).toEqual(first);
  expect(asked.map(({ job, judged }) => [job.seq, job.today, judged])).toEqual([
    [10, 500, []],
    [10, 500, [100]],
  ]);
  expect(
    asked.map(({ job }) => job.ledger.stuck),
    'nor would a thread of the pool',
  ).toEqual([STUCK, STUCK]);
  expect(first).toMatchObject({
    ok: true,
    value: { asOf: { seq: 10, at: '1971-05-16' }, leakage: { checked: 200, differing: 0 } },
  });
});

test('one row that moves with the future: no figures, and the job has gone wrong', async () => {
  const { run } = place([answer(100), answer(200, 1)]);
  await expect(run({ horizon_days: 90 })).rejects.toThrow(/leakage: the rows of 1 of 200 customers move/);
});

test('no cut-off could be judged: refused with the reason of each', async () => {
  const none = (day: number): CutoffAnswer => ({ day, leakage: null, metrics: null, reason: 'nobody bought again' });
  const { run } = place([none(100), none(200)]);
  expect(await run({ horizon_days: 90 })).toEqual({
    ok: false,
    reason: '1970-04-11: nobody bought again; 1970-07-20: nobody bought again',
  });
  // One that could is an answer, with the reason of the other in its place.
  const half = await place([none(100), answer(200)]).run({ horizon_days: 90 });
  expect(half).toMatchObject({ ok: true, value: { cutoffs: [{ metrics: null, reason: 'nobody bought again' }, {}] } });
});

describe('churn', () => {
  const definitionOf = async (params: object) => {
    const { run, asked } = place([answer(100)]);
    const said = await run({ model: 'churn', ...params });
    return said.ok ? asked[0]!.job : said.reason;
  };
  test('is that of the contract where one is in force, else of buyers, over the definition’s own horizon', async () => {
    expect(await definitionOf({})).toMatchObject({ model: { churn: DEFAULT_CONTRACTUAL }, horizonDays: 30 });
    expect(await definitionOf({ definition: 'non-contractual' })).toMatchObject({
      model: { churn: DEFAULT_CHURN },
      horizonDays: 90,
    });
    expect(await definitionOf({ horizon_days: 60 })).toMatch(/defined over 30 days, not 60/);
  });
});
