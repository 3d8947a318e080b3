import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DAY_MS,
  dayOf,
  daysFromCivil,
  instantOf,
  type Offsets,
  offsetAt,
  offsetsOf,
  parseTime,
  resolveLocal,
  timeText,
  UTC,
} from '#domain/time.ts';

const read = (value: unknown) => {
  const time = parseTime(value);
  return time.ok ? [time.value.kind, new Date(time.value.wall).toISOString()] : time.reason;
};

describe('times as written', () => {
  test.each([
    ['2026-11-20', 'date', '2026-11-20T00:00:00.000Z'],
    ['20261120', 'date', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20T10:00:00Z', 'instant', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T10:00:00.123456Z', 'instant', '2026-11-20T10:00:00.123Z'],
    ['2026-11-20T10:00:00,5+01:00', 'instant', '2026-11-20T09:00:00.500Z'],
    ['2026-11-20T10:00-0530', 'instant', '2026-11-20T15:30:00.000Z'],
    ['2026-11-20 10:00:00+00', 'instant', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20 10:00:00 UTC', 'instant', '2026-11-20T10:00:00.000Z'],
    ['2025-12-26 18:05:00', 'local', '2025-12-26T18:05:00.000Z'],
    ['2010-12-01 8:26', 'local', '2010-12-01T08:26:00.000Z'],
    ['2024-02-29T23:59:59', 'local', '2024-02-29T23:59:59.000Z'],
    [1795168800000, 'instant', '2026-11-20T10:00:00.000Z'],
    [1795168800, 'instant', '2026-11-20T10:00:00.000Z'],
    ['1795168800', 'instant', '2026-11-20T10:00:00.000Z'],
    [1795168800.25, 'instant', '2026-11-20T10:00:00.250Z'],
    [new Date('2026-11-20T10:00:00Z'), 'instant', '2026-11-20T10:00:00.000Z'],
  ])('%s', (value, kind, iso) => expect(read(value)).toEqual([kind, iso]));

  test.each([
    ['2023-02-29', /calendar/],
    ['2026-13-01', /calendar/],
    ['2026-11-20T24:00:00Z', /not a time/],
    ['2026-11-20T10:60:00Z', /not a time/],
    ['2026-11-20T10:00:00+25:00', /not a time/],
    ['2026-11-20T10:00:00 Berlin', /not a time/],
    ['2026-11-20T10:00:00.', /not a time/],
    ['12/01/2010 08:26', /which is the day/],
    ['0001-01-01', /before 1900/],
    ['yesterday', /'aaaaaaaaa'/],
    ['', /not a time/],
    [0, /epoch/],
    [17951688, /epoch/],
    [Number.NaN, /epoch/],
    [Number.POSITIVE_INFINITY, /epoch/],
    [null, /null/],
    [{}, /object/],
  ])('%j is refused', (value, why) => expect(read(value)).toMatch(why));

  test('a refusal shows an outline with its key; of a value that is nobody’s, the value', () => {
    expect(read('2026-02-30')).toBe("is not a day of the calendar (it looks like '9999-99-99', with 9 for any digit)");
    expect(read('next May 5')).toContain("it looks like 'aaaa aaa 9', with 9 for any digit and a for any letter");
    const told = parseTime('2026-02-30', (text) => `'${text}'`);
    expect(told).toEqual({ ok: false, reason: "is not a day of the calendar ('2026-02-30')" });
  });

  test('agrees with Date on every ISO instant', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1900-01-01'), max: new Date('2199-12-31'), noInvalidDate: true }),
        (date) => {
          expect(read(date.toISOString())).toEqual(['instant', date.toISOString()]);
          expect(read(date.toISOString().slice(0, 10))).toEqual([
            'date',
            `${date.toISOString().slice(0, 10)}T00:00:00.000Z`,
          ]);
          expect(daysFromCivil(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(
            Math.floor(date.getTime() / DAY_MS),
          );
        },
      ),
    );
  });

  test('never throws, whatever the value', () => {
    fc.assert(fc.property(fc.anything(), (value) => void parseTime(value)));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0123456789-:TZ +.'), maxLength: 30 }),
        (text) => void parseTime(text),
      ),
    );
  });

  test('the identity text tells a local time from the instant it happens to be', () => {
    const texts = ['2026-11-20', '2026-11-20T00:00:00', '2026-11-20T00:00:00Z'].map((text) => {
      const time = parseTime(text);
      return time.ok ? timeText(time.value) : '';
    });
    expect(new Set(texts).size).toBe(3);
  });
});

describe('zones as offset tables', () => {
  const berlin = offsetsOf('Europe/Berlin', Date.UTC(2010, 0, 1), Date.UTC(2030, 0, 1));
  const local = (text: string, offsets: Offsets) => {
    const time = parseTime(text);
    return time.ok ? new Date(instantOf(time.value, offsets)).toISOString() : time.reason;
  };

  test('Berlin has two changes a year, to the millisecond', () => {
    expect(berlin).toHaveLength(41);
    expect(berlin).toContainEqual([Date.UTC(2026, 2, 29, 1), 120]);
    expect(berlin).toContainEqual([Date.UTC(2026, 9, 25, 1), 60]);
  });

  test('a local time is the source zone’s; the first of two in an overlap, forward over a gap', () => {
    expect(local('2026-07-01 12:00:00', berlin)).toBe('2026-07-01T10:00:00.000Z');
    expect(local('2026-10-25 02:30:00', berlin)).toBe('2026-10-25T00:30:00.000Z');
    expect(local('2026-03-29 02:30:00', berlin)).toBe('2026-03-29T01:30:00.000Z');
    expect(local('2026-03-29 03:00:00', berlin)).toBe('2026-03-29T01:00:00.000Z');
    expect(local('2026-03-29 01:59:59', berlin)).toBe('2026-03-29T00:59:59.000Z');
    expect(local('1999-01-01 12:00:00', berlin)).toBe('1999-01-01T11:00:00.000Z');
  });

  test('offsets with an instant, and dates, are never shifted', () => {
    expect(local('2026-07-01T12:00:00Z', berlin)).toBe('2026-07-01T12:00:00.000Z');
    expect(local('2026-07-01', berlin)).toBe('2026-07-01T00:00:00.000Z');
  });

  test('Samoa lost a whole day in 2011, Lord Howe moves by half an hour, UTC never', () => {
    const apia = offsetsOf('Pacific/Apia', Date.UTC(2011, 11, 1), Date.UTC(2012, 0, 31));
    expect(apia.map(([, minutes]) => minutes)).toEqual([-600, 840]);
    // 2011-12-30 never was there: noon of it is noon of the 31st.
    expect(local('2011-12-30 12:00:00', apia)).toBe('2011-12-30T22:00:00.000Z');
    const howe = offsetsOf('Australia/Lord_Howe', Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
    expect(howe.map(([, minutes]) => minutes)).toEqual([660, 630, 660]);
    expect(offsetsOf('UTC', 0, Date.UTC(2030, 0, 1))).toEqual([[0, 0]]);
    expect(() => offsetsOf('Mars/Olympus', 0, 1)).toThrow(RangeError);
  });

  test('the day turns at local midnight', () => {
    const day = (iso: string) => dayOf(Date.parse(iso), berlin);
    expect(day('2026-06-30T21:59:59.999Z')).toBe(daysFromCivil(2026, 6, 30));
    expect(day('2026-06-30T22:00:00Z')).toBe(daysFromCivil(2026, 7, 1));
    expect(dayOf(-1, UTC)).toBe(-1);
  });

  const tables = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Pacific/Apia',
    'Asia/Kathmandu',
    'Africa/Casablanca',
  ].map((zone) => [zone, offsetsOf(zone, Date.UTC(2000, 0, 1), Date.UTC(2027, 0, 1))] as const);

  test('the table says what the platform says, at any instant', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...tables),
        fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2026, 11, 31) }),
        ([zone, table], at) => {
          const parts = new Intl.DateTimeFormat('en-CA', {
            timeZone: zone,
            year: 'numeric',
            month: '2-digit',
            day: '2-digit',
          }).format(at);
          expect(new Date(dayOf(at, table) * DAY_MS).toISOString().slice(0, 10)).toBe(parts);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('resolving is the first instant whose wall clock it is; in a gap the clock shows the gap later', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...tables),
        fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2026, 5, 1) }),
        ([, table], wall) => {
          const at = resolveLocal(wall, table);
          // Brute force over every offset the table knows.
          const candidates = [...new Set(table.map(([, minutes]) => minutes))]
            .map((minutes) => wall - minutes * 60_000)
            .filter((instant) => instant + offsetAt(instant, table) * 60_000 === wall)
            .sort((a, b) => a - b);
          if (candidates.length > 0) expect(at).toBe(candidates[0]);
          else expect(at + offsetAt(at, table) * 60_000).toBeGreaterThan(wall);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
