// Parked customers through the API: who they are, what depends on them, and that answers about them say so.
import { beforeEach, expect, test } from 'vitest';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
/** Position of the order nobody here can read. */
let seq: number;
beforeEach(async () => {
  platform = await createPlatform();
  platform.orders([
    { customer: 'c-1', day: '2025-01-10', amount: 20 },
    { customer: 'c-2', day: '2025-01-10', amount: 20 },
  ]);
  await platform.deployCdnow();
  seq = platform.orders([{ customer: 'c-1', day: '2025-02-10', amount: 31.5 }], null, 9);
  platform.orders([
    { customer: 'c-1', day: '2025-03-10', amount: 12 },
    { customer: 'c-2', day: '2025-03-10', amount: 12 },
  ]);
});

test('are listed in the order of the log, with what waits and what depends on them; ids only for who may see them', async () => {
  const letter = {
    ref: platform.refOf('c-1'),
    seq,
    index: 0,
    reason: 'unknown',
    detail: 'type 0',
    tries: 1,
    events: 2,
    last_seq: seq + 1,
    scores: 1,
    orders: 1,
  };
  const seen = await platform.as('analyst', 'GET', '/api/dead-letters');
  expect(await seen.json()).toEqual({
    items: [{ ...letter, customer_id: 'c-1', masked: false }],
    next: null,
    total: 1,
    events: 2,
    beyond: 0,
  });
  const masked = (await (await platform.as('data-engineer', 'GET', '/api/dead-letters')).json()) as {
    items: object[];
  };
  expect(masked.items[0]).toMatchObject({ masked: true, customer_id: '•••' });
  expect((await platform.as('product', 'GET', '/api/dead-letters')).status).toBe(403);
  expect((await platform.as('analyst', 'POST', '/api/dead-letters/replay')).status).toBe(403);
});

test.each(['/api/predict/churn', '/api/predict/clv'])('%s says that its answer is of before', async (path) => {
  const ask = async (customer_id: string) =>
    (await (await platform.as('analyst', 'POST', path, { customer_id })).json()) as Record<string, unknown>;
  expect(await ask('c-1')).toMatchObject({ parked: true });
  expect(await ask('c-2')).not.toHaveProperty('parked');
});

test('a replay is a fact of the log, and answers what is left', async () => {
  const answer = await platform.as('data-engineer', 'POST', '/api/dead-letters/replay');
  expect(await answer.json()).toMatchObject({ seq: platform.position(), applied: 0, parked: 2, customers: 1 });
  expect(platform.facts.at(-1)).toEqual({ type: 'dead-letters.replayed', by: 'request' });
});
