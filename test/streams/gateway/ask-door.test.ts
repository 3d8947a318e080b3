import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { expect, test } from 'vitest';
import { answerText, openAskDoor } from '#streams/gateway/ask-door.ts';
import { moneyTaken } from '#streams/gateway/money-taken.ts';

test('an answer longer than a message may be tells the first rejections and counts the others', () => {
  const rejected = Array.from({ length: 2_500 }, (_, index) => ({ index, id: 'ü'.repeat(100), reason: 'bad-time' }));
  const answer = { accepted: 3, duplicates: 1, rejected, seq: 9 };
  expect(JSON.parse(answerText(answer, 1 << 20))).toEqual(answer);
  const text = answerText(answer, 100_000);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(100_000);
  const short = JSON.parse(text) as { rejected: unknown[]; moreRejected: number };
  expect(short.rejected.length).toBeGreaterThan(100);
  expect(short).toEqual({
    ...answer,
    rejected: rejected.slice(0, short.rejected.length),
    moreRejected: 2_500 - short.rejected.length,
  });
});

test('a user who may not subscribe: told by name, and the gateway goes on without this door', async () => {
  const said: string[] = [];
  const denied = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error('Permissions Violation for Subscription to "ask.*"')),
    }),
    unsubscribe: () => undefined,
  };
  const nc = { subscribe: () => denied, isClosed: () => false } as unknown as NatsConnection;
  const log = { info: () => undefined, warn: (_: object, message: string) => said.push(message) };
  const never = () => Promise.reject(new Error('nothing arrives'));
  const door = openAskDoor({ nc, log, ask: never, take: never });
  await sleep(20);
  await door.close();
  expect(said).toEqual([expect.stringContaining('subscribe "ask.*"')]);
});

test('only orders and refunds are money that needs a rate', () => {
  const of = { currency: 'USD', minor: 1_000, day: 20_000 };
  const types = ['order.placed', 'order.refunded', 'subscription.started'] as const;
  expect(moneyTaken(types.map((type, i) => ({ ...of, type, day: of.day - i })))).toEqual([
    { currency: 'USD', events: 2, firstDay: 19_999 },
  ]);
});
