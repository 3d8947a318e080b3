import { expect, test } from 'vitest';
import { aliveGeometry, aliveInWords } from '#ui/charts/alive.ts';
import { dayMs, nearest, spread, timeTicks, valueAxis } from '#ui/charts/axes.ts';
import { dayAt, shareOf, stepTo, stopsOf } from '#ui/charts/slider.ts';
import { spendGeometry } from '#ui/charts/spend.ts';
import { trackingError, trackingGeometry, trackingInWords } from '#ui/charts/tracking.ts';
import { money } from '#ui/format.ts';

const numbers = (path: string) => path.match(/-?\d+(\.\d+)?/g)!.map(Number);
const tracking = {
  days: ['2026-01-04', '2026-01-11', '2026-01-18', '2026-01-25'],
  actual: [null, 20, 50, 100],
  expected: [null, 22, 48, 90],
  truth: [5, 21, 49, 95],
};
const size = { width: 600, height: 300 };
const plain = String;

test('the tracking plot puts weeks in order, larger counts higher, and the hatch from the moment to the edge', () => {
  const drawn = trackingGeometry(tracking, '2026-01-25', size, plain);
  expect(drawn.x).toEqual([...drawn.x].sort((a, b) => a - b));
  expect(drawn.y(100)).toBeLessThan(drawn.y(20));
  expect(drawn.y(0)).toBe(drawn.plot.bottom);
  expect(drawn.series.map(({ name }) => name)).toEqual(['actual', 'expected', 'truth']);
  expect(drawn.hatch.x).toBe(drawn.asOfX);
  expect(drawn.hatch.x + drawn.hatch.width).toBeCloseTo(drawn.plot.right);
  expect(drawn.hatch.width).toBeGreaterThan(10);
});

test('a hidden cell leaves a gap instead of a zero', () => {
  const [first] = trackingGeometry(tracking, '2026-01-25', size, plain).series;
  const xs = numbers(first!.path).filter((_, index) => index % 2 === 0);
  expect(xs).toHaveLength(3);
});

test('labels at the end of three near lines keep 13 px between them and stay inside', () => {
  const near = { ...tracking, actual: [1, 2, 3, 100], expected: [1, 2, 3, 100.5], truth: [1, 2, 3, 99.5] };
  const ys = trackingGeometry(near, '2026-01-25', size, plain)
    .series.map(({ labelY }) => labelY)
    .sort((a, b) => a - b);
  expect(ys[1]! - ys[0]!).toBeGreaterThanOrEqual(13);
  expect(ys[2]! - ys[1]!).toBeGreaterThanOrEqual(13);
});

test('without a model there is one line, and the words say so', () => {
  const bare = { ...tracking, expected: null, truth: null };
  expect(trackingGeometry(bare, '2026-01-25', size, plain).series).toHaveLength(1);
  expect(trackingInWords(bare, plain, plain)).toContain('No model is in force yet');
  expect(trackingError(bare)).toBeNull();
});

test('an empty log draws no line and no NaN', () => {
  const drawn = trackingGeometry({ days: [], actual: [], expected: null, truth: null }, '2026-01-25', size, plain);
  expect(drawn.series).toEqual([]);
  expect(Number.isFinite(drawn.asOfX) && Number.isFinite(drawn.y(0))).toBe(true);
});

test('tracking error is expected over actual at the last week both have', () => {
  expect(trackingError(tracking)).toBeCloseTo(-0.1);
  const words = trackingInWords(tracking, plain, (share) => `${Math.round(share * 100)} %`);
  expect(words).toContain('10 % fewer than came');
  expect(words).toContain('own parameters say 95');
});

test('month ticks fall on first days, name the year once and in January, and keep their distance', () => {
  const from = dayMs('2025-06-03');
  const until = dayMs('2026-11-20');
  const scale = (ms: number) => ((ms - from) / (until - from)) * 600;
  const ticks = timeTicks(from, until, scale);
  expect(ticks.length).toBeGreaterThan(3);
  expect(ticks[0]!.label).toMatch(/’25$/);
  expect(ticks.some(({ label }) => label === 'Jan ’26')).toBe(true);
  for (let i = 1; i < ticks.length; i++) expect(ticks[i]!.at - ticks[i - 1]!.at).toBeGreaterThan(50);
});

test('a short time gets day ticks', () => {
  const from = dayMs('2026-11-01');
  const until = dayMs('2026-11-20');
  const ticks = timeTicks(from, until, (ms) => ((ms - from) / (until - from)) * 400);
  expect(ticks[0]!.label).toBe('1 Nov');
  expect(ticks.length).toBeLessThanOrEqual(8);
});

test('a value axis starts at zero and ends at a round value above the largest', () => {
  const { top, ticks } = valueAxis(14_203, 200, plain);
  expect(top).toBeGreaterThanOrEqual(14_203);
  expect(ticks[0]).toEqual({ at: 200, label: '0' });
  expect(valueAxis(0, 200, plain).top).toBeGreaterThan(0);
  expect(valueAxis(2, 200, plain).ticks.map(({ label }) => label)).toEqual(['0', '1', '2']);
});

test('spread keeps order and bounds', () => {
  expect(spread([10, 11, 100], 5, 0, 100)).toEqual([10, 15, 100]);
  const low = spread([98, 99, 100], 10, 0, 100);
  expect(low).toEqual([80, 90, 100]);
});

test('nearest finds the closest position', () => {
  expect(nearest([0, 10, 30], 19)).toBe(1);
  expect(nearest([], 5)).toBe(-1);
});

const points = [
  { day: '2026-01-01', p_alive: 1 },
  { day: '2026-03-01', p_alive: 0.6 },
  { day: '2026-03-02', p_alive: 0.9 },
  { day: '2026-06-01', p_alive: 0.3 },
];

test('P(alive) falls on the page as it falls in value; ticks grow with the amount', () => {
  const orders = [
    { day: '2026-01-01', amount: 10 },
    { day: '2026-03-02', amount: 90 },
    { day: '2026-03-02', amount: null },
  ];
  const forecast = [{ day: '2026-07-01', p_alive: 0.2 }];
  const range = { from: '2026-01-01', until: '2026-07-10', asOf: '2026-06-01' };
  const drawn = aliveGeometry({ points, orders, forecast }, range, size);
  expect(drawn.y[1]).toBeGreaterThan(drawn.y[0]!);
  expect(drawn.y[2]).toBeLessThan(drawn.y[1]!);
  expect(drawn.now!.x).toBeCloseTo(drawn.asOfX);
  const length = (i: number) => drawn.ticks[i]!.y1 - drawn.ticks[i]!.y2;
  expect(length(1)).toBeGreaterThan(length(0));
  expect(length(2)).toBe(4);
  expect(numbers(drawn.forecast)[0]).toBeCloseTo(drawn.now!.x, 2);
  expect(drawn.yTicks[0]!.label).toBe('0');
});

test('a customer who never fell far gets a scale that shows the fall', () => {
  const high = points.map((point) => ({ ...point, p_alive: 0.9 + point.p_alive / 10 }));
  const range = { from: '2026-01-01', until: '2026-06-01', asOf: '2026-06-01' };
  const drawn = aliveGeometry({ points: high, orders: [], forecast: [] }, range, size);
  expect(drawn.yTicks[0]!.label).toBe('80');
  expect(Math.max(...drawn.y)).toBeLessThanOrEqual(drawn.plot.bottom);
});

test('one order on one day draws without NaN', () => {
  const range = { from: '2026-01-01', until: '2026-01-01', asOf: '2026-01-01' };
  const drawn = aliveGeometry(
    { points: points.slice(0, 1), orders: [{ day: '2026-01-01', amount: 0 }], forecast: [] },
    range,
    size,
  );
  expect([...drawn.x, ...drawn.y, drawn.asOfX, drawn.ticks[0]!.y2].every(Number.isFinite)).toBe(true);
  expect(drawn.path).toBe('');
});

test('P(alive) in words names the lowest day and the last', () => {
  const words = aliveInWords(points, 2, (share) => `${share * 100} %`);
  expect(words).toContain('lowest 30 % on 2026-06-01');
  expect(aliveInWords([], 0, plain)).toContain('nothing to draw');
});

test('a spend interval that begins at zero begins at the edge; mean lies inside', () => {
  const drawn = spendGeometry({ mean: 433, p05: 0, p50: 438, p95: 1074 }, 300, plain);
  expect(drawn.p05).toBe(6);
  expect(drawn.mean).toBeGreaterThan(drawn.p05);
  expect(drawn.mean).toBeLessThan(drawn.p95);
  expect(drawn.p95).toBeLessThanOrEqual(294);
});

test.each([
  ['nothing at all', 0, 'EUR'],
  ['parts of a cent', 0.004, 'EUR'],
  ['less than a yen', 0.3, 'JPY'],
  ['a usual one', 1074, 'EUR'],
])('a value axis over %s says each of its ticks once', (_, p95, currency) => {
  const label = (value: number) => money(value, currency, 'axis');
  for (const width of [240, 360]) {
    const { ticks, p95: end } = spendGeometry({ mean: p95 / 3, p05: 0, p50: 0, p95 }, width, label);
    expect(ticks.length).toBeGreaterThan(1);
    expect(new Set(ticks.map((tick) => tick.label)).size).toBe(ticks.length);
    expect(end).toBeLessThanOrEqual(width);
  }
});

test('the slider stops at events and at the present; arrows are events, shift is days', () => {
  const stops = stopsOf(['2026-03-01', '2026-01-01', '2026-03-01', '2027-01-01'], '2026-04-01');
  expect(stops).toEqual(['2026-01-01', '2026-03-01', '2026-04-01']);
  expect(stepTo('previous-event', '2026-04-01', stops)).toBe('2026-03-01');
  expect(stepTo('previous-event', '2026-01-01', stops)).toBe('2026-01-01');
  expect(stepTo('next-event', '2026-01-20', stops)).toBe('2026-03-01');
  expect(stepTo('previous-day', '2026-03-01', stops)).toBe('2026-02-28');
  expect(stepTo('next-day', '2026-04-01', stops)).toBe('2026-04-01');
  expect(stepTo('first', '2026-04-01', stops)).toBe('2026-01-01');
});

test('share and day are inverse on the track', () => {
  expect(dayAt(shareOf('2026-02-14', '2026-01-01', '2026-04-01'), '2026-01-01', '2026-04-01')).toBe('2026-02-14');
  expect(shareOf('2026-01-01', '2026-01-01', '2026-01-01')).toBe(1);
});
