// A server that is busy or away for a moment: the console asks again by itself, more and more slowly, and says that it does.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MutationObserver, type MutationObserverOptions, QueryObserver } from '@tanstack/react-query';
import { hc } from 'hono/client';
import { renderToStaticMarkup } from 'react-dom/server';
import { afterEach, expect, test } from 'vitest';
import type { App } from '#api/app.ts';
import { answer, Refused } from '#ui/client.ts';
import { WaitingLine } from '#ui/components/waiting.tsx';
import { commanding, heals, pauseMs, waitingOf } from '#ui/patience.ts';
import { queryClient } from '#ui/queries.ts';

const refusal = (status: number, retryAfter: number | null = null) =>
  new Refused({
    status,
    title: 'The read models do not answer',
    detail: 'busy',
    reason: 'tables-unavailable',
    retryAfter,
  });
const servers: Server[] = [];
afterEach(() => {
  queryClient.clear();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});
/** Answers each request as the next of `ways` says: a status, or a connection that breaks amid the answer; then with an empty list of jobs. */
async function server(...ways: (number | 'breaks')[]) {
  const asked = { times: 0 };
  const made = createServer((_, response) => {
    const way = ways[asked.times++] ?? 200;
    if (way === 'breaks') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"items":');
      setImmediate(() => response.destroy());
      return;
    }
    response.writeHead(way, { 'content-type': 'application/json' });
    response.end(JSON.stringify(way === 200 ? { items: [], total: 0, kinds: [] } : { title: 'Busy', reason: 'busy' }));
  }).listen(0, '127.0.0.1');
  servers.push(made);
  await once(made, 'listening');
  const { api } = hc<App>(`http://127.0.0.1:${(made.address() as AddressInfo).port}/`);
  return { asked, jobs: () => answer(api.jobs.$get({ query: { limit: 1 } })) };
}
/** What somebody who looks at it sees, each state once. */
async function seen(queryFn: () => Promise<unknown>) {
  const observer = new QueryObserver(queryClient, { queryKey: ['asked'], queryFn });
  const lines: string[] = [];
  const ended = Promise.withResolvers<{ status: string; data: unknown; error: Error | null }>();
  const stop = observer.subscribe((now) => {
    lines.push(renderToStaticMarkup(<WaitingLine />));
    if (now.status !== 'pending') ended.resolve(now);
  });
  const last = await ended.promise;
  stop();
  return { last, lines };
}

test.each([
  ['answers 503 twice', [503, 503]],
  ['breaks off amid its answer', ['breaks']],
] as const)(
  'a server that %s is asked again until it answers; meanwhile the page says that it waits',
  async (_, ways) => {
    const { asked, jobs } = await server(...ways);
    const { last, lines } = await seen(jobs);
    expect(last).toMatchObject({ status: 'success', data: { items: [], total: 0 } });
    expect(asked.times).toBe(ways.length + 1);
    expect(lines.some((line) => line.includes('asked again by itself') && line.includes('Ask now'))).toBe(true);
    expect(renderToStaticMarkup(<WaitingLine />)).toBe('<div role="status"></div>');
  },
);

test('what will be the same the next time is said at once', async () => {
  const { asked, jobs } = await server(404);
  const { last, lines } = await seen(jobs);
  expect([last.status, asked.times]).toEqual(['error', 1]);
  expect(lines.join()).not.toContain('asked again');
});

test('a command that carries a key is asked again, some times', async () => {
  const { asked, jobs } = await server(503);
  const options: MutationObserverOptions = { mutationFn: jobs, ...commanding };
  await new MutationObserver(queryClient, options).mutate();
  expect(asked.times).toBe(2);
  expect([0, 4, 5, 50].map((failures) => commanding.retry(failures, refusal(503)))).toEqual([true, true, false, false]);
});

test('pauses double up to 15 s and are never shorter than the server asks for', () => {
  expect([0, 1, 2, 5, 6, 400].map((failures) => pauseMs(failures, refusal(503)))).toEqual([
    400, 800, 1600, 12_800, 15_000, 15_000,
  ]);
  expect([pauseMs(0, refusal(503, 7)), pauseMs(30, refusal(503, 7)), pauseMs(1, new Error('x'))]).toEqual([
    7_000, 15_000, 800,
  ]);
});

test('only what may heal is waited for', () => {
  expect([0, 502, 503, 504].every((status) => heals(refusal(status)))).toBe(true);
  expect([400, 401, 403, 404, 409, 422, 429, 500].some((status) => heals(refusal(status)))).toBe(false);
  expect([heals(refusal(429, 3)), heals(new Error('a fault of ours'))]).toEqual([true, false]);
});

test('of several that wait the longest is told; what has ended, or is refused for good, is none', () => {
  const asked = (fetchFailureCount: number, status: number, fetchStatus: 'fetching' | 'idle' = 'fetching') => ({
    fetchFailureCount,
    fetchFailureReason: refusal(status),
    fetchStatus,
  });
  expect(waitingOf([asked(2, 503), asked(4, 0), asked(9, 503, 'idle'), asked(7, 404)], [])).toMatchObject({
    tries: 4,
    said: { status: 0 },
  });
  expect(waitingOf([], [{ failureCount: 3, failureReason: refusal(503), status: 'pending' }])?.tries).toBe(3);
  expect(waitingOf([], [{ failureCount: 3, failureReason: refusal(503), status: 'error' }])).toBeNull();
});
