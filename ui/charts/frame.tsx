// What charts have in common: the surface with its result in words, hairlines with their values, baseline, hatch.
import type { ReactNode } from 'react';
import type { Tick } from './axes.ts';

interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
}
/** A hairline of one pixel lies between two. */
export const crisp = (value: number): number => Math.round(value) + 0.5;

/** @param words what the drawing shows, for who does not see it. */
export function Canvas(props: { width: number; height: number; words: string; children: ReactNode }) {
  const { width, height } = props;
  return (
    <svg
      className="ch"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={props.words}
    >
      {props.children}
    </svg>
  );
}

/** Horizontal hairlines, their values on the left. */
export function Levels({ plot, ticks }: { plot: Plot; ticks: readonly Tick[] }) {
  return ticks.map((tick) => (
    <g key={tick.at}>
      <path className="g" d={`M${plot.left} ${crisp(tick.at)}H${plot.right}`} />
      <text x={plot.left - 6} y={tick.at + 4} textAnchor="end">
        {tick.label}
      </text>
    </g>
  ));
}

/** Vertical hairlines where x is read off, their values `below` the plot or what hangs under it. @param flush the first value begins at the edge. */
export function Stations(props: { plot: Plot; ticks: readonly Tick[]; below?: number; flush?: boolean }) {
  const { plot, below = plot.bottom } = props;
  return props.ticks.map((tick) => (
    <g key={tick.at}>
      <path className="g" d={`M${crisp(tick.at)} ${plot.top}V${plot.bottom}`} />
      <text x={tick.at} y={below + 15} textAnchor={props.flush && tick.at <= plot.left + 1 ? 'start' : 'middle'}>
        {tick.label}
      </text>
    </g>
  ));
}

export const Baseline = ({ plot, at = plot.bottom }: { plot: Plot; at?: number }) => (
  <path className="a" d={`M${plot.left} ${crisp(at)}H${plot.right}`} />
);

/** The 45° hatch over a part of the plot: labels not matured, or no data yet. `id` is the chart's own. */
export function Hatched({ id, plot, x, width }: { id: string; plot: Plot; x: number; width: number }) {
  return (
    <>
      <defs>
        <pattern id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="1" height="6" className="hatchline" />
        </pattern>
      </defs>
      <rect x={x} y={plot.top} width={Math.max(0, width)} height={plot.bottom - plot.top} fill={`url(#${id})`} />
    </>
  );
}

/** Horizontal hairlines with their values, a baseline, dates below. */
export function Frame(props: { plot: Plot; xTicks: readonly Tick[]; yTicks: readonly Tick[] }) {
  const { plot } = props;
  return (
    <g>
      <Levels plot={plot} ticks={props.yTicks} />
      <Baseline plot={plot} />
      {props.xTicks
        .filter((tick) => tick.at > plot.left + 8 && tick.at < plot.right - 14)
        .map((tick) => (
          <g key={tick.at}>
            <path className="a" d={`M${crisp(tick.at)} ${plot.bottom}v4`} />
            <text x={tick.at} y={plot.bottom + 16} textAnchor="middle">
              {tick.label}
            </text>
          </g>
        ))}
    </g>
  );
}

/** Where the cursor stands: a hairline through the plot, and a point on each line. */
export function Cursor({
  plot,
  x,
  points,
}: {
  plot: Plot;
  x: number;
  points: readonly { name: string; y: number; tone: string }[];
}) {
  return (
    <g>
      <path className="cursor" d={`M${x} ${plot.top}V${plot.bottom}`} />
      {points.map(({ name, y, tone }) => (
        <circle key={name} className={`pt ${tone}`} cx={x} cy={y} r={3.5} />
      ))}
    </g>
  );
}

/** As much of a name as there is room for. */
export const cutTo = (name: string, letters: number): string =>
  name.length > letters ? `${name.slice(0, Math.max(1, letters - 1))}…` : name;
