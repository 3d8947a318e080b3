// `as_of` in zones away from UTC: what an answer says, sent back, names the same day.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoOf, resolveAsOf } from '#api/predict/as-of.ts';
import { DAY_MS, offsetsOf } from '#domain/time.ts';

const now = Date.UTC(2026, 5, 1, 12);
// São Paulo's clock went forward at midnight; Apia had no 2011-12-30 at all.
const zones = ['America/New_York', 'America/Sao_Paulo', 'Pacific/Auckland', 'Pacific/Apia', 'UTC'].map((zone) =>
  offsetsOf(zone, Date.UTC(1990, 0, 1), now),
);
const dayNumber = (date: string) => Date.parse(date) / DAY_MS;

test('a date is that local day, and so is the instant the answer gives for it', async () => {
  const days = fc
    .integer({ min: dayNumber('1990-01-03'), max: dayNumber('2026-05-30') })
    .filter((day) => day !== dayNumber('2011-12-30'));
  const here = { seq: 9, at: now, atText: isoOf(now), day: 0, clock: 'log' as const, past: false };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...zones), days, async (offsets, day) => {
      const context = {
        clock: { mode: 'log' as const, offsets, offsetsAt: () => offsets },
        wall: now,
        clockAtSeq: () => Promise.reject(),
      };
      const first = await resolveAsOf(isoOf(day * DAY_MS).slice(0, 10), here, context);
      expect(first.day).toBe(day);
      expect(await resolveAsOf({ seq: first.seq, at: first.atText! }, here, context)).toEqual(first);
    }),
    { numRuns: 2_000, examples: [[zones[1]!, dayNumber('2018-11-04')]] },
  );
});
