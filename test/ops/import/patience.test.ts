import { describe, expect, test } from 'vitest';
import { ApiError } from '#ops/client.ts';
import { patiently } from '#ops/import/patience.ts';

const refusal = (status: number, reason: string) => new ApiError(status, { reason, detail: `no: ${reason}` });

/** Refused `times` times, then done; what was said, and how long was waited. */
function trying(times: number, error: Error) {
  const said: string[] = [];
  const pauses: number[] = [];
  let left = times;
  const work = async () => {
    if (left-- > 0) throw error;
    return 'stored';
  };
  const patience = {
    say: (text: string) => void said.push(text),
    pause: async (ms: number) => void pauses.push(ms),
  };
  return { said, pauses, answer: patiently(work, patience) };
}

describe('a request of an import', () => {
  test('waits longer and longer while the keyring is away, says so once, and goes on', async () => {
    const { said, pauses, answer } = trying(7, refusal(503, 'keyring-unavailable'));
    expect(await answer).toBe('stored');
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(said).toEqual(['no: keyring-unavailable; waiting, then going on …\n']);
  });

  test('gives up after five minutes, with the server’s own words', async () => {
    const { pauses, answer } = trying(1_000, refusal(503, 'keyring-unavailable'));
    await expect(answer).rejects.toThrow('no: keyring-unavailable');
    const waited = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThanOrEqual(300_000);
    expect(waited).toBeLessThan(305_001);
  });

  test('does not wait where waiting does not help, or where the batch may be stored already', async () => {
    for (const error of [
      refusal(503, 'store-unavailable'),
      refusal(422, 'unknown-source'),
      refusal(403, 'forbidden'),
      new Error('the server does not answer'),
    ]) {
      const { pauses, answer } = trying(1, error);
      await expect(answer).rejects.toBe(error);
      expect(pauses).toEqual([]);
    }
  });
});
