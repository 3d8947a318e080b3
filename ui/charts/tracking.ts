// The tracking plot of a purchase model (Fader, Hardie & Lee 2005, figure 5): repeat purchases as they came, as the model expects them and,
// in a demo, as the generator's own parameters say. Data in, geometry out; drawn by tracking-chart.tsx.
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { DAY_MS, dayMs, type Scale, spread, type Tick, timeTicks, valueAxis } from './axes.ts';

export interface Tracking {
  /** Last day of each week. */
  days: readonly string[];
  /** Null where fewer than ten people stand behind a figure. */
  actual: readonly (number | null)[];
  expected: readonly (number | null)[] | null;
  truth: readonly (number | null)[] | null;
}

export type SeriesName = 'actual' | 'expected' | 'truth';
export interface Series {
  name: SeriesName;
  path: string;
  /** Direct label at the last value. */
  label: string;
  labelY: number;
  last: number;
}

export interface TrackingGeometry {
  width: number;
  height: number;
  plot: { left: number; right: number; top: number; bottom: number };
  x: number[];
  y: Scale;
  xTicks: Tick[];
  yTicks: Tick[];
  series: Series[];
  /** The as-of hairline; the hatch begins here, because beyond it there is no data yet. */
  asOfX: number;
  hatch: { x: number; width: number };
}

/** Below this many pixels the labels carry no figures. */
const NARROW = 480;
/** Room beyond the moment, as a share of the time seen: enough to show that the future is empty. */
const BEYOND = 0.12;

export function trackingGeometry(
  data: Tracking,
  asOf: string,
  size: { width: number; height: number },
  label: (value: number) => string,
): TrackingGeometry {
  const { width, height } = size;
  const plot = { left: 44, right: width - (width < NARROW ? 58 : 104), top: 22, bottom: height - 22 };
  const times = data.days.map(dayMs);
  const first = times[0] ?? dayMs(asOf);
  const last = Math.max(times.at(-1) ?? first, dayMs(asOf));
  const until = last + Math.max(7 * DAY_MS, (last - first) * BEYOND);
  const scaleX = scaleLinear().domain([first, until]).range([plot.left, plot.right]);

  const named = (['actual', 'expected', 'truth'] as const).flatMap((name) => {
    const values = data[name];
    return values ? [{ name, values }] : [];
  });
  const most = Math.max(0, ...named.flatMap(({ values }) => values.filter((value) => value !== null)));
  const axis = valueAxis(most, plot.bottom - plot.top, label);
  const y: Scale = (value) => plot.top + axis.scale(value);

  const drawn = named.flatMap(({ name, values }) => {
    const path = line<number | null>()
      .defined((value) => value !== null)
      .x((_, index) => scaleX(times[index]!))
      .y((value) => y(value!))([...values]);
    const final = values.findLast((value) => value !== null);
    return path && final !== undefined && final !== null ? [{ name, path, last: final }] : [];
  });
  const labels = spread(
    drawn.map(({ last: value }) => y(value)),
    13,
    plot.top + 6,
    plot.bottom - 4,
  );
  const asOfX = scaleX(dayMs(asOf));
  return {
    width,
    height,
    plot,
    x: times.map((ms) => scaleX(ms)),
    y,
    xTicks: timeTicks(first, until, scaleX),
    yTicks: axis.ticks.map((tick) => ({ ...tick, at: plot.top + tick.at })),
    series: drawn.map((series, index) => ({
      ...series,
      label: width < NARROW ? series.name : `${series.name} ${label(series.last)}`,
      labelY: labels[index]!,
    })),
    asOfX,
    hatch: { x: asOfX, width: Math.max(0, plot.right - asOfX) },
  };
}

/** How far off the model is at the end, as a share of what came; null when either is missing. */
export function trackingError(data: Tracking): number | null {
  for (let i = data.days.length - 1; i >= 0; i--) {
    const actual = data.actual[i];
    const expected = data.expected?.[i];
    if (typeof actual === 'number' && typeof expected === 'number') return actual === 0 ? null : expected / actual - 1;
  }
  return null;
}

/** What the plot shows, for those who hear it. */
export function trackingInWords(data: Tracking, label: (value: number) => string, share: (value: number) => string) {
  const last = data.actual.findLastIndex((value) => value !== null);
  if (last < 0) return 'Cumulative repeat purchases by week: fewer than ten customers so far.';
  const expected = data.expected?.[last] ?? null;
  const truth = data.truth?.[last] ?? null;
  const off = trackingError(data);
  return [
    `Cumulative repeat purchases by week, rising to ${label(data.actual[last]!)} in the week to ${data.days[last]}.`,
    expected === null
      ? 'No model is in force yet.'
      : `The model expects ${label(expected)}${off === null ? '' : `, ${share(Math.abs(off))} ${off < 0 ? 'fewer' : 'more'} than came`}.`,
    truth === null ? '' : `The generator's own parameters say ${label(truth)}.`,
  ]
    .filter(Boolean)
    .join(' ');
}
