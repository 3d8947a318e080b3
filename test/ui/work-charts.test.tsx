// Charts of jobs and models as geometry and as words: what is drawn lies where its figure says, and who only hears it is told the same.
import fc from 'fast-check';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, test } from 'vitest';
import { columnsGeometry } from '#ui/charts/columns.ts';
import { ganttGeometry, stepsOf } from '#ui/charts/gantt.ts';
import { GanttChart, ganttInWords } from '#ui/charts/gantt-chart.tsx';
import { intervalsGeometry } from '#ui/charts/intervals.ts';
import { reliabilityGeometry, reliabilityInWords } from '#ui/charts/reliability.ts';
import { pointAt, xyGeometry } from '#ui/charts/xy.ts';
import { ago, percent, span } from '#ui/format.ts';

const T0 = Date.parse('2026-11-20T10:00:00.000Z');
const at = (ms: number): string => new Date(T0 + ms).toISOString();
const size = { width: 600, height: 300 };

describe('steps of an attempt', () => {
  const attempt = {
    started_at: at(0),
    ended_at: at(1_000),
    steps: [
      { step: 'position', ended_at: at(100) },
      { step: 'rows', ended_at: at(900) },
    ],
  };
  test('each runs from the end of the one before; what is left belongs to the result', () => {
    const steps = stepsOf(attempt, null, 'the result');
    expect(steps.map(({ name, from, until }) => [name, from - T0, until! - T0])).toEqual([
      ['position', 0, 100],
      ['rows', 100, 900],
      ['the result', 900, 1_000],
    ]);
    const { bars, total } = ganttGeometry(steps, T0, 600, span);
    expect(total).toBe(1_000);
    expect(bars.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(bars[1]!.x).toBeCloseTo(bars[0]!.x + bars[0]!.width, 6);
    expect(ganttInWords(steps, T0)).toBe(
      '3 steps in 1.0\u202fs; the longest is rows with 800\u202fms, 80\u202f% of it.',
    );
  });
  test('what runs is open until now, and grows with it', () => {
    const running = stepsOf({ ...attempt, ended_at: null }, 'train_model', 'the result');
    expect(running.at(-1)).toEqual({ name: 'train_model', from: T0 + 900, until: null });
    const wide = (now: number) => ganttGeometry(running, T0 + now, 600, span).bars.at(-1)!;
    expect(wide(1_500).took).toBe(600);
    expect(wide(9_000).share).toBeGreaterThan(wide(1_500).share);
    expect(renderToStaticMarkup(<GanttChart steps={running} now={T0 + 1_500} width={600} />)).toContain('gbar open');
  });
  test('a process that died without a word leaves its finished steps, and no end', () => {
    expect(stepsOf({ ...attempt, ended_at: null }, null, 'the result').map(({ name }) => name)).toEqual([
      'position',
      'rows',
    ]);
  });
});

test('spans and how long ago are said as people say them', () => {
  expect([820, 4_120, 65_000, 125_400, 11_520_000].map(span)).toEqual([
    '820\u202fms',
    '4.1\u202fs',
    '1\u202fmin 5\u202fs',
    '2\u202fmin 5\u202fs',
    '3\u202fh 12\u202fmin',
  ]);
  expect([1_000, 30_000, 600_000].map((ms) => ago(T0, T0 + ms))).toEqual([
    'just now',
    '30\u202fs ago',
    '10\u202fmin ago',
  ]);
  expect(ago(T0, T0 + 7_200_000)).toBe('20 Nov 2026, 10:00:00');
});

describe('lines over a plane', () => {
  test('larger is higher, a gap stays a gap, labels keep apart', () => {
    const line = (name: string, ys: (number | null)[]) => ({
      name,
      style: 'solid' as const,
      colour: 1 as const,
      points: ys.map((y, x) => ({ x, y })),
    });
    const drawn = xyGeometry(
      { lines: [line('a', [0, 5, 10]), line('b', [0, null, 9.9])], x: { label: String }, y: { label: String } },
      size,
    );
    const [a, b] = drawn.lines;
    expect(a!.at[2]!.y!).toBeLessThan(a!.at[1]!.y!);
    expect(b!.path.match(/M/g)).toHaveLength(2);
    expect(Math.abs(a!.labelY - b!.labelY)).toBeGreaterThanOrEqual(13);
    expect(pointAt(b!, 1)).toEqual({ index: 0, y: 0 });
    expect(drawn.stops.map(({ x }) => x)).toEqual([0, 1, 2]);
  });
  test('property: every point lies inside the plot', () => {
    const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.record({ x: finite, y: finite }), { minLength: 1, maxLength: 40 }), (points) => {
        const { plot, lines } = xyGeometry(
          { lines: [{ name: 'a', style: 'solid', colour: 1, points }], x: { label: String }, y: { label: String } },
          size,
        );
        for (const { x, y } of lines[0]!.at) {
          expect(x).toBeGreaterThanOrEqual(plot.left - 1e-6);
          expect(x).toBeLessThanOrEqual(plot.right + 1e-6);
          expect(y!).toBeGreaterThanOrEqual(plot.top - 1e-6);
          expect(y!).toBeLessThanOrEqual(plot.bottom + 1e-6);
        }
      }),
      {
        numRuns: 200,
        examples: [
          [
            [
              { x: 0, y: 5e-324 },
              { x: 0, y: -5e-324 },
            ],
          ],
          [
            [
              { x: 1e6, y: 1e6 },
              { x: 1e6 - 1e-10, y: 1 },
            ],
          ],
        ],
      },
    );
  });
});

describe('reliability', () => {
  const bin = (i: number, n: number, meanScore: number, rate: number) => ({
    bin: i,
    n,
    meanScore,
    rate,
    lower: Math.max(0, rate - 0.1),
    upper: Math.min(1, rate + 0.1),
  });
  const bins = [bin(0, 40, 0.1, 0.05), bin(1, 80, 0.3, 0.35), bin(2, 9, 0.5, 1), bin(3, 60, 0.8, 0.6)];
  test('few are hollow, fewer than ten are not drawn, the taller count is the larger', () => {
    const { bins: drawn, hidden, diagonal } = reliabilityGeometry(bins, size, String);
    expect(drawn.map(({ n, hollow }) => [n, hollow])).toEqual([
      [40, true],
      [80, false],
      [60, false],
    ]);
    expect(hidden).toBe(1);
    expect(drawn[1]!.bar.height).toBeGreaterThan(drawn[2]!.bar.height);
    const onDiagonal = (x: number) =>
      diagonal.y1 + ((x - diagonal.x1) / (diagonal.x2 - diagonal.x1)) * (diagonal.y2 - diagonal.y1);
    // More was observed than predicted: above the diagonal; less: below.
    expect(drawn[1]!.y).toBeLessThan(onDiagonal(drawn[1]!.x));
    expect(drawn[2]!.y).toBeGreaterThan(onDiagonal(drawn[2]!.x));
  });
  test('its words name the bin that is farthest off, and what is not shown', () => {
    const words = reliabilityInWords(bins, percent);
    expect(words).toContain('In 2 of them');
    expect(words).toContain('80.0\u202f% predicted, 60.0\u202f% observed, n 60');
    expect(words).toContain('1 of fewer than ten is not shown');
    expect(reliabilityInWords([bins[2]!], percent)).toContain('no bin holds ten');
  });
});

test('an interval that covers the reference makes no claim, nor does one that is not known', () => {
  const rows = [
    { name: 'off', value: 2, lower: 1, upper: 3 },
    { name: 'covers', value: 0.2, lower: -1, upper: 1 },
    { name: 'bare', value: 1, lower: null, upper: null },
  ];
  const drawn = intervalsGeometry(rows, 500, { reference: 0, label: String, named: 100, figures: 60 });
  expect(drawn.rows.map(({ quiet }) => quiet)).toEqual([false, true, true]);
  expect(drawn.rows[0]!.x1!).toBeGreaterThan(drawn.reference!);
});

test('columns stand side by side on zero, a missing one is left out', () => {
  const drawn = columnsGeometry(
    ['a', 'b'],
    [
      { name: 'x', colour: 1, values: [1, null] },
      { name: 'y', colour: 2, values: [2, 4] },
    ],
    size,
    { label: String },
  );
  const [x, y] = drawn.series;
  expect(x!.marks[1]).toBeNull();
  expect(x!.marks[0]!.x + x!.marks[0]!.width).toBeLessThanOrEqual(y!.marks[0]!.x);
  expect(y!.marks[1]!.height).toBeCloseTo(2 * y!.marks[0]!.height, 6);
  expect(y!.marks[0]!.y + y!.marks[0]!.height).toBeCloseTo(drawn.zero, 6);
});
