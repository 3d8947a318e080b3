// What another part refuses for now is a 503 that says when to come again.
import { expect, test } from 'vitest';
import { Problem, problemResponse, toProblem } from '#api/problem.ts';
import { PastBusy } from '#projections/memory/past/folds.ts';

test('a past that is busy, and headers of one’s own beside', async () => {
  const problem = toProblem(new PastBusy(7))!;
  const response = problemResponse(problem, 'trace');
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
  expect(await response.json()).toMatchObject({ reason: 'past-busy', detail: expect.stringContaining('position 7') });
  const own = new Problem('past-busy', 'later', { headers: { 'retry-after': '60' } });
  expect(problemResponse(own, 'trace').headers.get('retry-after')).toBe('60');
  expect(problemResponse(new Problem('not-found', 'no'), 'trace').headers.get('retry-after')).toBeNull();
});
