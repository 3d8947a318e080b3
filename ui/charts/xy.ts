// Lines over a plane whose x is read off: ROC, precision against recall, gain, profit, partial dependence, tracking by week. Data in, geometry out;
// drawn by xy-chart.tsx.
import { scaleLinear } from 'd3-scale';
import { area, line } from 'd3-shape';
import { type Scale, spread, type Tick } from './axes.ts';

export type LineStyle = 'solid' | 'dotted' | 'dashed';
export interface XyLine {
  name: string;
  style: LineStyle;
  /** Position in the fixed order of colours; 6 is slate, for references and for everybody. */
  colour: 1 | 2 | 3 | 4 | 5 | 6;
  /** A null y is a gap. */
  points: readonly { x: number; y: number | null; lower?: number | null; upper?: number | null }[];
  /** Not written at the end of the line. */
  unlabelled?: boolean;
}
export interface Axis {
  /** Bounds; those of the data, rounded, when absent. */
  domain?: readonly [number, number];
  label: (value: number) => string;
  title?: string;
}
export interface Marker {
  x: number;
  label: string;
}
export interface XyInput {
  lines: readonly XyLine[];
  x: Axis;
  y: Axis;
  markers?: readonly Marker[];
  /** The rest of the plane is hatched: nothing is known there. */
  hatchFrom?: number;
}

export interface DrawnLine extends XyLine {
  path: string;
  band: string | null;
  labelY: number;
  at: { x: number; y: number | null }[];
}
export interface XyGeometry {
  plot: { left: number; right: number; top: number; bottom: number };
  xTicks: Tick[];
  yTicks: Tick[];
  lines: DrawnLine[];
  markers: { at: number; label: string; anchor: 'start' | 'middle' | 'end' }[];
  /** Where the cursor may stand: the x of all lines. */
  stops: { x: number; at: number }[];
  y: Scale;
  x: Scale;
}

const NARROW = 420;
const CHAR_PX = 6.2;

function bounds(values: readonly number[], given: readonly [number, number] | undefined): [number, number] {
  if (given) return [given[0], given[1]];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (!Number.isFinite(least)) return [0, 1];
  // Nearer than doubles tell apart at that size, or than any axis could be labelled: one value.
  const flat = !(most - least > 1e-12 * Math.max(Math.abs(least), Math.abs(most)) && most - least > 1e-100);
  return flat ? [least - (least === 0 ? 0 : 1), most + 1] : [least, most];
}

export function xyGeometry(
  { lines, x, y, markers = [] }: XyInput,
  size: { width: number; height: number },
): XyGeometry {
  const known = lines.flatMap(({ points }) => points);
  const ys = known
    .flatMap(({ y: value, lower, upper }) => [value, lower ?? null, upper ?? null])
    .filter((value) => value !== null);
  const scaleX = scaleLinear().domain(
    bounds(
      known.map((point) => point.x),
      x.domain,
    ),
  );
  const scaleY = scaleLinear().domain(bounds(ys, y.domain));
  if (!y.domain) scaleY.nice(4);
  const yValues = scaleY.ticks(4);
  const left = 10 + Math.max(...yValues.map((value) => y.label(value).length), 1) * CHAR_PX;
  const labels = lines.filter(({ unlabelled }) => !unlabelled).map(({ name }) => name.length * CHAR_PX + 10);
  const right = size.width - (size.width < NARROW ? 12 : Math.min(size.width * 0.3, Math.max(14, ...labels)));
  const plot = { left, right, top: 14, bottom: size.height - (x.title ? 38 : 24) };
  scaleX.range([plot.left, plot.right]);
  scaleY.range([plot.bottom, plot.top]);
  const drawn = lines.map((each): DrawnLine => {
    type Point = (typeof each.points)[number];
    const path = line<Point>()
      .defined((point) => point.y !== null)
      .x((point) => scaleX(point.x))
      .y((point) => scaleY(point.y!))([...each.points]);
    const band = each.points.some(({ lower }) => typeof lower === 'number')
      ? area<Point>()
          .defined(({ lower, upper }) => typeof lower === 'number' && typeof upper === 'number')
          .x((point) => scaleX(point.x))
          .y0((point) => scaleY(point.lower!))
          .y1((point) => scaleY(point.upper!))([...each.points])
      : null;
    const at = each.points.map((point) => ({ x: scaleX(point.x), y: point.y === null ? null : scaleY(point.y) }));
    return { ...each, path: path ?? '', band, at, labelY: at.findLast((point) => point.y !== null)?.y ?? plot.bottom };
  });
  const named = drawn.filter(({ unlabelled }) => !unlabelled);
  const placed = spread(
    named.map(({ labelY }) => labelY),
    13,
    plot.top + 4,
    plot.bottom - 2,
  );
  named.forEach((each, index) => {
    each.labelY = placed[index]!;
  });
  const stops = [...new Set(known.map((point) => point.x))]
    .sort((a, b) => a - b)
    .map((value) => ({ x: value, at: scaleX(value) }));
  const middle = (plot.left + plot.right) / 2;
  return {
    plot,
    x: scaleX,
    y: scaleY,
    lines: drawn,
    stops,
    xTicks: scaleX
      .ticks(Math.max(2, Math.floor((plot.right - plot.left) / 80)))
      .map((value) => ({ at: scaleX(value), label: x.label(value) })),
    yTicks: yValues.map((value) => ({ at: scaleY(value), label: y.label(value) })),
    markers: markers.map(({ x: value, label }) => {
      const at = scaleX(value);
      return {
        at,
        label,
        anchor: at > middle + (plot.right - middle) * 0.6 ? 'end' : at < plot.left + 40 ? 'start' : 'middle',
      };
    }),
  };
}

/** The point of a line at an x, or the last one before it (steps and curves are read to the left). */
export function pointAt(each: DrawnLine, x: number): { index: number; y: number } | null {
  let found: { index: number; y: number } | null = null;
  for (const [index, point] of each.points.entries())
    if (point.x <= x && point.y !== null) found = { index, y: point.y };
  return found;
}
