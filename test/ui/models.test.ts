// Steps of a version as the console asks for them: of which version, and what is said when the server had nothing to do.
import { afterEach, expect, test, vi } from 'vitest';
import {
  decimalsFor,
  differing,
  figure,
  metricWord,
  parameterWord,
  readAs,
  shortNames,
  verdictOf,
} from '#ui/comparison.ts';
import { chosenOf, evaluationNames } from '#ui/evaluations.ts';
import { happenedWords, stepTo, takenBackBy } from '#ui/models.ts';

afterEach(() => void vi.unstubAllGlobals());

const answering = (body: object) => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string, { body: sent }: { body: string }) => {
    asked.push(`${decodeURIComponent(url)} ${sent}`);
    return new Response(JSON.stringify(body), { status: 200, headers: { 'content-type': 'application/json' } });
  });
  return asked;
};

test.each([
  [{ model: 'm', active: 'm@3', canary: { id: 'm@4', percent: 10 } }, 'm@4'],
  [{ model: 'm', active: 'm@3', canary: null }, 'm@3'],
  [{ model: 'm', active: null, canary: null }, 'm'],
])('%o: a rollback takes back %s, whatever page it is asked on', async (deployment, taken) => {
  expect(takenBackBy(deployment)).toBe(taken);
  const asked = answering({ id: 'm@3', stage: 'active', changed: true });
  await stepTo.rollback(takenBackBy(deployment), 'complaints');
  expect(asked).toEqual([`/api/models/${taken}/rollback {"reason":"complaints"}`]);
});

test('a step that changed nothing is not shown as done', async () => {
  answering({ id: 'm@3', stage: 'active', changed: false });
  await expect(stepTo.rollback('m@4', 'complaints')).rejects.toThrow(
    'Nothing has changed: it was so already. m@3 is active.',
  );
  await expect(stepTo.canary('m@4', 'one in ten', 10)).rejects.toThrow('Nothing has changed');
});

test('the sentence of a comparison: who is better, a refit by its name, a tie as a tie', () => {
  const value = { first: 0.2, second: 0.1, difference: -0.1, lower: -0.2, upper: -0.05, p: 0.01, draws: 500 };
  const pair = { first: 'm@1', second: 'm@2', metric: 'brier', better: 'lower' as const };
  const bases = new Map([
    ['m@1', 'refitted'],
    ['m@2', 'realised'],
  ]);
  const better = { ...pair, value: { ...value, probabilitySecondBetter: 0.93 } };
  expect(verdictOf(better, bases)).toBe('m@2 better than a refit of m@1’s kind: 93\u202f%');
  expect(verdictOf(better, new Map())).toBe('m@2 better than m@1: 93\u202f%');
  const same = { ...value, difference: 0, lower: 0, upper: 0, probabilitySecondBetter: 0.5 };
  expect(verdictOf({ ...pair, value: same }, bases)).toBe(
    'm@2 and a refit of m@1’s kind: a tie, the same in every draw',
  );
});

test('side by side: words for keys, versions as versions, and only what differs as shown is marked', () => {
  expect(['logLoss', 'log_loss', 'holdout_naive_error', 'new_metric'].map(metricWord)).toEqual([
    'Log loss',
    'Log loss',
    'Hold-out error, naive',
    'New metric',
  ]);
  expect(['bgNbd.alpha', '(intercept)', 'recency_days', 'attribute:plan'].map(parameterWord)).toEqual([
    'BG/NBD alpha',
    'Intercept',
    'Recency',
    'plan',
  ]);
  expect(parameterWord('attribute:plan=two years')).toBe('plan: two years');
  expect([0.011, 0.075, 0.4, 0].map(decimalsFor)).toEqual([3, 2, 1, 2]);
  expect([1, 0, null].map(readAs)).toEqual(['v1', 'as sent', 'not read']);
  const rows = [{ values: [1.00001, 1.00002] }, { values: [2, 3] }, { values: [4, 4] }];
  const told = differing(rows, figure);
  expect([told.said, rows.map(told.marked)]).toEqual(['1 differs', [false, true, false]]);
  // Where most differ, only what one lacks or what turns is marked.
  const most = [...rows, { values: [5, null] }, { values: [-1, 1] }, { values: [6, 7] }];
  const { said, marked } = differing(most, figure);
  expect([said, most.map(marked)]).toEqual([
    '4 differ; marked: one lacks it, or it turns',
    [false, false, false, true, true, false],
  ]);
  expect(differing([{ values: [1, 1] }], figure).said).toBe('all the same');
  expect(shortNames(['m@1', 'm@2'])('m@2')).toBe('v2');
  expect(shortNames(['m@1', 'n@2'])('m@1')).toBe('m@1');
});

test('which evaluation is looked at: the newest, the one that was chosen, or none; each has a name of its own', () => {
  const items = [
    { job: 'a', question: 'churn', cutoff: '2024-03-01', ended_at: '2026-11-20T10:00:00Z' },
    { job: 'b', question: 'churn', cutoff: '2024-03-01', ended_at: '2026-11-19T10:00:00Z' },
    { job: 'c', question: 'churn', cutoff: '2024-02-01', ended_at: '2026-11-18T10:00:00Z' },
  ];
  expect([undefined, 'b', 'gone', 'training'].map((judged) => chosenOf(items, judged)?.job)).toEqual([
    'a',
    'b',
    'a',
    undefined,
  ]);
  const names = evaluationNames(items, 'UTC');
  expect(names[0]).toBe('churn foretold on 1 Mar 2024, judged 20 Nov 2026, 10:00:00');
  expect(names[2]).toBe('churn foretold on 1 Feb 2024');
  expect(new Set(names).size).toBe(3);
});

test('a challenger that is named no more is told in words of its own', () => {
  expect(happenedWords({ event: 'model.challenger-named', id: 'm@2' })).toBe('challenger named');
  expect(happenedWords({ event: 'model.challenger-named', id: null })).toBe('no challenger by hand any more');
});
