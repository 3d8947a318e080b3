// Dots with their 95 % interval in rows, against a reference: the workhorse for parameters, segments, differences. A row that covers the reference is
// slate: no claim is made. Data in, geometry out; drawn by intervals-chart.tsx.
import { scaleLinear } from 'd3-scale';
import type { Tick } from './axes.ts';

export interface IntervalRow {
  name: string;
  n?: number | undefined;
  value: number;
  lower: number | null;
  upper: number | null;
  /** Not settled: few rows behind it. */
  hollow?: boolean | undefined;
}
export interface DrawnRow extends IntervalRow {
  y: number;
  x: number;
  x1: number | null;
  x2: number | null;
  /** Covers the reference, or has no interval: nothing is claimed. */
  quiet: boolean;
}
const INTERVAL_ROW_PX = 26;
const TOP = 18;
const AXIS_PX = 24;

export const intervalsHeight = (rows: number): number => TOP + rows * INTERVAL_ROW_PX + AXIS_PX;

export function intervalsGeometry(
  rows: readonly IntervalRow[],
  width: number,
  options: {
    reference: number | null;
    domain?: readonly [number, number];
    label: (value: number) => string;
    named: number;
    figures: number;
  },
) {
  const withN = rows.some(({ n }) => n !== undefined);
  const names = Math.min(options.named, width * 0.42);
  const nX = withN ? names + 44 : names;
  const plot = { left: nX + 12, right: width - options.figures, top: TOP, bottom: TOP + rows.length * INTERVAL_ROW_PX };
  const all = rows.flatMap(({ value, lower, upper }) => [value, lower ?? value, upper ?? value]);
  if (options.reference !== null) all.push(options.reference);
  const [least, most] = options.domain ?? [Math.min(...all), Math.max(...all)];
  const air = (most - least || 1) * 0.06;
  const scale = scaleLinear()
    .domain([least - air, most + air])
    .range([plot.left, Math.max(plot.left + 20, plot.right)])
    .clamp(true);
  const drawn = rows.map(
    (row, i): DrawnRow => ({
      ...row,
      y: TOP + i * INTERVAL_ROW_PX + INTERVAL_ROW_PX / 2,
      x: scale(row.value),
      x1: row.lower === null ? null : scale(row.lower),
      x2: row.upper === null ? null : scale(row.upper),
      quiet:
        options.reference !== null &&
        (row.lower === null ||
          row.upper === null ||
          (row.lower <= options.reference && row.upper >= options.reference)),
    }),
  );
  const ticks: Tick[] = scale
    .ticks(Math.max(2, Math.floor((plot.right - plot.left) / 72)))
    .map((value) => ({ at: scale(value), label: options.label(value) }));
  return {
    plot,
    names,
    nX,
    rows: drawn,
    ticks,
    reference: options.reference === null ? null : scale(options.reference),
  };
}
