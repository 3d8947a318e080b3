import { expect, test } from 'vitest';
import * as format from '#ui/format.ts';

const thin = '\u202f';

test('counts are exact to six digits, then three significant', () => {
  expect(format.count(0)).toBe('0');
  expect(format.count(24_816)).toBe('24,816');
  expect(format.count(999_999)).toBe('999,999');
  expect(format.count(1_204_331)).toBe(`1.20${thin}M`);
  expect(format.count(-3)).toBe('\u22123');
  expect(format.count(null)).toBe('–');
  expect(format.counted(1, 'order')).toBe('1 order');
  expect(format.counted(19_224, 'order')).toBe('19,224 orders');
  expect(format.count(Number.NaN)).toBe('–');
});

test('a percentage has one decimal and a narrow no-break space; extremes are not rounded away', () => {
  expect(format.percent(0.332)).toBe(`33.2${thin}%`);
  expect(format.percent(0.00032)).toBe(`< 0.1${thin}%`);
  expect(format.percent(0)).toBe(`0${thin}%`);
  expect(format.percent(1)).toBe(`100${thin}%`);
  expect(format.percent(0.99997)).toBe(`> 99.9${thin}%`);
  expect(format.percent(0.4, 0)).toBe(`40${thin}%`);
  expect(format.percent(null)).toBe('–');
});

test('an interval does not repeat the unit, and never sets a dash beside a minus', () => {
  expect(format.percentInterval(0.324, 0.34)).toBe('32.4–34.0');
  expect(format.percentInterval(-0.064, -0.024)).toBe('\u22126.4 to \u22122.4');
  expect(format.moneyInterval(0, 1074.4, 'EUR')).toBe('€0–1,074');
  expect(format.moneyInterval(35.74, 2764, 'EUR')).toBe('€36–2,764');
  expect(format.moneyInterval(0, 35.74, 'EUR')).toBe('€0–35.74');
  expect(format.moneyInterval(-6, 2, 'EUR')).toBe('\u2212€6.00 to €2.00');
});

test('money: cents under 100, whole to 10 k, then k and M; full digits where money was paid', () => {
  expect(format.money(59.92, 'EUR', 'figure')).toBe('€59.92');
  expect(format.money(433.4, 'EUR', 'figure')).toBe('€433');
  expect(format.money(4133, 'EUR', 'figure')).toBe('€4,133');
  expect(format.money(12_340, 'EUR', 'figure')).toBe(`€12.3${thin}k`);
  expect(format.money(134_000, 'EUR', 'figure')).toBe(`€134${thin}k`);
  expect(format.money(999_700, 'EUR', 'figure')).toBe(`€1.00${thin}M`);
  expect(format.money(5_200_000, 'EUR', 'figure')).toBe(`€5.20${thin}M`);
  expect(format.money(4100, 'EUR', 'axis')).toBe(`€4.1${thin}k`);
  expect(format.money(2000, 'EUR', 'axis')).toBe(`€2${thin}k`);
  expect(format.money(2385.17, 'EUR', 'estimate')).toBe('€2,385');
  expect(format.money(2385.17, 'EUR')).toBe('€2,385.17');
  expect(format.money(-12.5, 'EUR')).toBe('\u2212€12.50');
  expect(format.money(1200, 'JPY')).toBe('¥1,200');
  expect(format.money(0, 'EUR', 'estimate')).toBe('€0');
});

test('a code that is no currency is written out, not refused', () => {
  expect(format.money(5, 'points')).toBe(`points${thin}5.00`);
});

test('time is in the workspace zone, with three-letter months', () => {
  expect(format.time('2026-11-20T13:02:11Z', 'Europe/Berlin')).toBe('20 Nov 2026, 14:02:11');
  expect(format.date('2026-09-03T00:00:00Z')).toBe('3 Sep 2026');
  expect(format.day('2026-03-01')).toBe('1 Mar 2026');
  expect(format.day(null)).toBe('–');
});

test('as-of shows the clock for today, the date for another day, and the position always in full', () => {
  const now = '2026-11-20T18:00:00Z';
  expect(format.asOf(1_204_331, '2026-11-20T14:02:11Z', 'UTC', now)).toBe('#1,204,331 · 14:02:11');
  expect(format.asOf(1_041_900, '2026-03-03T09:00:00Z', 'UTC', now)).toBe('#1,041,900 · 3 Mar 2026');
  expect(format.asOf(0, null)).toBe('#0');
});

test('days and rates', () => {
  expect(format.daysBetween('2026-09-05', '2026-11-20')).toBe(76);
  expect(format.days(76)).toBe(`76${thin}d`);
  expect(format.perSecond(0.42)).toBe('0.4');
  expect(format.perSecond(212.4)).toBe('212');
});

test('a headline parts figure and unit', () => {
  expect(format.splitUnit(format.percent(0.397))).toEqual(['39.7', '%']);
  expect(format.splitUnit('€433')).toEqual(['€433', '']);
});
