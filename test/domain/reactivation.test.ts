// What each length of silence would have meant, counted by hand and by a second, slower way.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { candidateWindows, proposeWindow, reactivation } from '#domain/reactivation.ts';

test('four customers by hand, on day 100', () => {
  const histories = [
    [0, 10, 60], // silent 50 days and back; silent since day 60
    [0, 30], // back on day 30: not silent for 30 days, but for 29; silent since day 30
    [95], // silent for 5 days only
    [0, 31, 62, 93], // back one day after 30 days of silence, three times
  ];
  expect(reactivation(histories, 100, [29, 30, 40, 70, 71])).toEqual([
    { days: 29, silent: 3, returned: 3, rate: 1 },
    // [0, 30] has been silent for 30 days since day 30, and has not come back.
    { days: 30, silent: 3, returned: 2, rate: 2 / 3 },
    { days: 40, silent: 2, returned: 1, rate: 1 / 2 },
    // Day 30 to day 100: the 70th day is over, the 71st is not.
    { days: 70, silent: 1, returned: 0, rate: 0 },
    { days: 71, silent: 0, returned: 0, rate: null },
  ]);
});

test('as a walk over every day says: was there a day whose purchase was followed by so many without one, and then another?', () => {
  const history = fc
    .uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 0, maxLength: 8 })
    .map((days) => days.sort((a, b) => a - b));
  fc.assert(
    fc.property(fc.array(history, { maxLength: 6 }), fc.integer({ min: 1, max: 30 }), (histories, window) => {
      const today = 45;
      const silent = histories.map((days) =>
        days.filter((day) => {
          if (day + window > today) return false;
          for (let d = day + 1; d <= day + window; d++) if (days.includes(d)) return false;
          return true;
        }),
      );
      const returned = histories.filter((days, i) => silent[i]!.some((day) => days.some((each) => each > day)));
      const [answer] = reactivation(histories, today, [window]);
      expect(answer!.silent).toBe(silent.filter((found) => found.length > 0).length);
      expect(answer!.returned).toBe(returned.length);
    }),
  );
});

test('windows fit twice into the history', () => {
  expect(candidateWindows(27)).toEqual([]);
  expect(candidateWindows(120)).toEqual([14, 30, 45, 60]);
});

const rate = (days: number, silent: number, returned: number) => ({ days, silent, returned, rate: returned / silent });

test('proposed is the shortest window after which at most a tenth came back', () => {
  expect(proposeWindow([rate(30, 1000, 400), rate(60, 800, 80), rate(90, 600, 12)])).toMatchObject({ days: 60 });
  // Nobody is sure of a rate of 50 customers.
  expect(proposeWindow([rate(30, 1000, 400), rate(60, 50, 1), rate(90, 600, 12)])).toMatchObject({ days: 90 });
});

test('where none does, the one with the fewest, and that it is no good', () => {
  const proposed = proposeWindow([rate(30, 1000, 400), rate(60, 800, 200), rate(90, 600, 180)]);
  expect(proposed).toMatchObject({ days: 60, why: expect.stringMatching(/25\.0 % did: no window here/) });
  expect(proposeWindow([rate(30, 99, 1), { days: 60, silent: 0, returned: 0, rate: null }])).toBeNull();
});
