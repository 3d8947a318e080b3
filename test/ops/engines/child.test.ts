// How long a supervisor waits before it starts an engine again: given what it died of, when, then.
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { type Child, delayBefore, supervise } from '#ops/engines/child.ts';

const log = pino({ level: 'silent' });

/** What each start comes to: it answers and dies after so many ms, or never answers. */
type Life = { diesAfterMs: number } | 'never answers';

/** The waits of a supervisor whose engine lives these lives, one after the other, and then stays. */
async function waits(lives: Life[]): Promise<number[]> {
  let now = 0;
  const waited: number[] = [];
  const steady = Promise.withResolvers<void>();
  let pid = 0;
  const start = async (): Promise<Child> => {
    const life = lives[pid++];
    if (life === 'never answers') throw new Error('it did not answer');
    if (life === undefined) steady.resolve();
    const death = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>();
    if (life !== undefined)
      setImmediate(() => {
        now += life.diesAfterMs;
        death.resolve({ code: null, signal: 'SIGKILL' });
      });
    return {
      pid,
      exited: death.promise,
      hasExited: () => false,
      output: () => '',
      signal: () => undefined,
      stop: async () => death.resolve({ code: 0, signal: null }),
    };
  };
  const server = await supervise(start, log, () => undefined, {
    now: () => now,
    wait: async (ms) => {
      waited.push(ms);
      now += ms;
    },
  });
  await steady.promise;
  await server.stop();
  return waited;
}

describe('an engine that died', () => {
  test('and was well before is started again at once, however often it is killed', async () => {
    expect(await waits(Array.from({ length: 8 }, () => ({ diesAfterMs: 7_000 })))).toEqual(Array(8).fill(0));
  });

  test('as soon as it answered, again and again, is waited for ever longer, up to 5 s', async () => {
    expect(await waits(Array.from({ length: 8 }, () => ({ diesAfterMs: 10 })))).toEqual([
      200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000,
    ]);
  });

  test('and does not answer again is waited for ever longer, until it has been well', async () => {
    const failing = Array<Life>(3).fill('never answers');
    expect(await waits([{ diesAfterMs: 60_000 }, ...failing, { diesAfterMs: 2_000 }])).toEqual([0, 200, 400, 800, 0]);
  });

  test('is well after a second of answers', () => {
    expect(delayBefore(5_000, 999)).toBe(5_000);
    expect(delayBefore(5_000, 1_000)).toBe(0);
    expect(delayBefore(0, null)).toBe(200);
  });
});
