// Which evaluation the gates believe: the newest of churn that judged all versions themselves, on one basis.
import { expect, test } from 'vitest';
import type { JobSummary } from '#api/job-deps.ts';
import { createEvaluatedTogether, metricsOf } from '#ops/deployment-evidence.ts';

type Judged = { id: string; basis: string; metrics?: Record<string, unknown> };
const IDS = ['churn_model@2', 'churn_model@1'];
const both = (basis: string, other = basis): Judged[] => [
  { id: 'churn_model@1', basis, metrics: { auc: 0.8 } },
  { id: 'churn_model@2', basis: other, metrics: { auc: 0.7 } },
];
const figures = [{ auc: 0.7 }, { auc: 0.8 }].map((metrics) => metricsOf({ metrics }));
const errors = { auc: null, brier: null, ece: null, profit: null };

/** @param results newest first; an Error: it cannot be read. */
async function believed(results: readonly (Error | { question: string; models: Judged[]; pairs?: object[] })[]) {
  const warned: object[] = [];
  const job = (k: number): JobSummary => ({
    id: `job-${k}`,
    kind: 'evaluate',
    status: 'succeeded',
    params: { models: [...IDS].reverse() },
    by: 'test',
    attempt: 1,
    tries: 1,
    stepsFinished: 0,
    result: null,
    failure: null,
    requestedAt: 0,
    startedAt: 0,
    endedAt: 0,
    progress: null,
  });
  const read: string[] = [];
  const evaluated = createEvaluatedTogether(
    {
      list: () => results.map((_, k) => job(k)),
      result: async (id) => {
        read.push(id);
        const result = results[Number(id.slice('job-'.length))];
        if (result instanceof Error) throw result;
        return result;
      },
    },
    { warn: (fields) => void warned.push(fields) },
  );
  const found = await evaluated(IDS);
  expect(await evaluated(IDS)).toEqual(found);
  return { found, warned, read };
}

test.each(['realised', 'held-out'])('%s figures of both are believed, in the order asked for', async (basis) => {
  const { found } = await believed([{ question: 'churn', models: both(basis) }]);
  expect(found).toEqual({ job: 'job-0', metrics: figures, errors });
});

test.each([
  ['refitted', 'refitted'],
  ['window-unknown', 'window-unknown'],
  ['refitted', 'realised'],
  ['realised', 'window-unknown'],
  ['realised', 'held-out'],
])('%s against %s says nothing of the versions; an older honest one does', async (basis, other) => {
  const newest = { question: 'churn', models: both(basis, other) };
  expect((await believed([newest])).found).toBeNull();
  const { found } = await believed([newest, { question: 'churn', models: both('held-out') }]);
  expect(found).toEqual({ job: 'job-1', metrics: figures, errors });
});

test('a newer evaluation of value does not hide one of churn; one that cannot be read is told, and is none', async () => {
  const value = { question: 'value', models: both('realised') };
  const { found, warned } = await believed([value, new Error('gone'), { question: 'churn', models: both('realised') }]);
  expect(found).toEqual({ job: 'job-2', metrics: figures, errors });
  expect(warned[0]).toEqual({ job: 'job-1', error: 'Error: gone' });
});

test('each result is read once; what cannot be read is tried again', async () => {
  const churn = { question: 'churn', models: both('refitted') };
  const { read } = await believed([churn, new Error('gone'), churn]);
  expect(read).toEqual(['job-0', 'job-1', 'job-2', 'job-1']);
});

test('the errors of the differences are those told; of an earlier program, half the interval of the bootstrap', async () => {
  const pair = (metric: string, lower: number, upper: number) => ({
    first: IDS[1]!,
    second: IDS[0]!,
    metric,
    better: 'higher' as const,
    value: { first: 0, second: 0, difference: 0, lower, upper, p: 1, probabilitySecondBetter: 0.5, draws: 500 },
  });
  const pairs = [
    pair('auc', -0.0392, 0.0392),
    pair('brier', -0.00196, 0.00196),
    pair('eceBeyondChance', 0, 0.0392),
    { ...pair('profit', -0.392, 0), offer: { cost: 1, benefit: 10 } },
  ];
  const { found } = await believed([{ question: 'churn', models: both('held-out'), pairs }]);
  expect(found!.errors.auc).toBeCloseTo(0.02, 5);
  expect(found!.errors.brier).toBeCloseTo(0.001, 6);
  expect(found!.errors.ece).toBeCloseTo(0.01, 5);
  expect(found!.errors.profit).toEqual({ cost: 1, benefit: 10, error: expect.closeTo(0.1, 4) });
  const told = pairs.map((each, i) => ({ ...each, value: { ...each.value, standardError: (i + 1) / 1000 } }));
  const present = await believed([{ question: 'churn', models: both('held-out'), pairs: told }]);
  expect(present.found!.errors).toEqual({
    auc: 0.001,
    brier: 0.002,
    ece: 0.003,
    profit: { cost: 1, benefit: 10, error: 0.004 },
  });
});

test('a version without figures is not judged', async () => {
  const [first, { metrics: _, ...second }] = both('realised') as [Judged, Judged];
  expect((await believed([{ question: 'churn', models: [first, second] }])).found).toBeNull();
  expect((await believed([])).found).toBeNull();
});
