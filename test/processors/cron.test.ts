// Moments in time zones, held against the zone's own clock: Intl says what the time is there, and nothing of how cron expressions are read.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Moments, momentsOf } from '#processors/schedules/cron.ts';

const of = (cron: string, zone: string): Moments => {
  const moments = momentsOf(cron, zone);
  if (!moments.ok) throw new Error(moments.reason.message);
  return moments.value;
};
const times = (cron: string, zone: string, from: string, n: number): string[] => {
  const found: string[] = [];
  const moments = of(cron, zone);
  for (let at = moments.next(Date.parse(from)); at !== null && found.length < n; at = moments.next(at))
    found.push(new Date(at).toISOString().slice(5, 16));
  return found;
};
const MINUTE = 60_000;
const DAY = 86_400_000;

describe('in Sofia, where clocks change at three in the morning', () => {
  test('a time that is left out runs right after the gap', () => {
    expect(times('30 3 * * *', 'Europe/Sofia', '2026-03-28T00:00Z', 3)).toEqual([
      '03-28T01:30',
      '03-29T01:00',
      '03-30T00:30',
    ]);
  });
  test('a time that comes twice runs once, at its first coming', () => {
    expect(times('30 3 * * *', 'Europe/Sofia', '2026-10-24T00:00Z', 3)).toEqual([
      '10-24T00:30',
      '10-25T00:30',
      '10-26T01:30',
    ]);
  });
  test('every half hour goes on through both', () => {
    expect(times('*/30 * * * *', 'Europe/Sofia', '2026-03-29T00:20Z', 4)).toEqual([
      '03-29T00:30',
      '03-29T01:00',
      '03-29T01:30',
      '03-29T02:00',
    ]);
    expect(times('*/30 * * * *', 'Europe/Sofia', '2026-10-24T23:50Z', 5)).toEqual([
      '10-25T00:00',
      '10-25T00:30',
      '10-25T01:00',
      '10-25T01:30',
      '10-25T02:00',
    ]);
  });
});

// Half hours, quarters, changes at midnight and on the southern half; Lord Howe's change is of half an hour.
const ZONES = [
  'UTC',
  'Europe/Sofia',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'America/Santiago',
  'Pacific/Chatham',
];
const clocks = new Map(
  ZONES.map((zone) => [
    zone,
    new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' }),
  ]),
);
/** 'YYYY-MM-DD' and minutes since midnight there. */
const clockAt = (at: number, zone: string): { date: string; minutes: number } => {
  const [date, time] = clocks.get(zone)!.format(at).split(', ') as [string, string];
  const [hours, minutes] = time.split(':').map(Number) as [number, number];
  return { date, minutes: 60 * hours + minutes };
};

test('once on every local date, at its time, or at the first moment after a gap that holds it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      fc.integer({ min: Date.UTC(2024, 0, 1) / DAY, max: Date.UTC(2027, 0, 1) / DAY }),
      (zone, hour, minute, day) => {
        const moments = of(`${minute} ${hour} * * *`, zone);
        const wanted = 60 * hour + minute;
        const dates = new Set<string>();
        let at = day * DAY;
        for (let i = 0; i < 30; i++) {
          const next = moments.next(at)!;
          expect(next).toBeGreaterThan(at);
          expect(next - at).toBeLessThanOrEqual(i === 0 ? 25 * 60 * MINUTE : 25 * 60 * MINUTE);
          expect(moments.latest(next)).toBe(next);
          if (i > 0) expect(moments.latest(next - 1)).toBe(at);
          const { date, minutes } = clockAt(next, zone);
          expect(dates).not.toContain(date);
          dates.add(date);
          if (minutes !== wanted) {
            // The clock jumped over it: a minute before, it was earlier than wanted.
            expect(minutes).toBeGreaterThan(wanted);
            expect(clockAt(next - MINUTE, zone).minutes).toBeLessThan(wanted);
          } else if (
            clockAt(next - 60 * MINUTE, zone).minutes === wanted ||
            clockAt(next - 30 * MINUTE, zone).minutes === wanted
          )
            throw new Error(`${zone} ${new Date(next).toISOString()} is the second coming`);
          at = next;
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('what is counted is what is listed, up to a bound', () => {
  const moments = of('*/10 * * * *', 'Europe/Sofia');
  const from = Date.UTC(2026, 2, 29);
  expect(moments.count(from, from + DAY, 1_000)).toBe(144);
  expect(moments.count(from, from + DAY, 20)).toBe(20);
  expect(moments.count(from, from, 20)).toBe(0);
});

test.each([
  ['0 3 * *', 'UTC', 'cron', /five fields/],
  ['0 0 3 * * *', 'UTC', 'cron', /five fields/],
  ['61 3 * * *', 'UTC', 'cron', /minute: 61/],
  ['0 0 30 2 *', 'UTC', 'cron', /never comes/],
  ['2026-01-01T00:00:00', 'UTC', 'cron', /five fields/],
  ['0 3 * * *', 'Mars/Olympus', 'zone', /no IANA time zone/],
])('%s in %s: %s is named, with what to write', (cron, zone, field, why) => {
  const answer = momentsOf(cron, zone);
  expect(answer).toMatchObject({ ok: false, reason: { field, message: expect.stringMatching(why) } });
});
