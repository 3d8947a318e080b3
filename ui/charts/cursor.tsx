// Reading a chart point by point: the pointer's nearest point, or arrow keys when the chart has the focus. The tooltip never covers the point.
import { type KeyboardEvent, type PointerEvent, type ReactNode, useState } from 'react';
import { nearest } from './axes.ts';

export interface TipRow {
  name: string;
  value: string;
  swatch: string;
}

export function Readable(props: {
  label: string;
  positions: readonly number[];
  width: number;
  top: number;
  tip: (index: number) => { title: string; rows: TipRow[] };
  /** Drawn at the chosen point, inside the SVG. */
  children: (index: number | null) => ReactNode;
}) {
  const { positions, width } = props;
  const [index, setIndex] = useState<number | null>(null);
  const shown = index !== null && index < positions.length ? index : null;
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const found = nearest(positions, event.clientX - box.left);
    setIndex(found < 0 ? null : found);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = positions.length - 1;
    const from = shown ?? last + 1;
    const step = event.shiftKey ? 10 : 1;
    if (event.key === 'ArrowLeft') setIndex(Math.max(0, Math.min(last, from - step)));
    else if (event.key === 'ArrowRight') setIndex(Math.min(last, (shown ?? -1) + step));
    else if (event.key === 'Home') setIndex(0);
    else if (event.key === 'End') setIndex(last);
    else if (event.key === 'Escape') setIndex(null);
    else return;
    event.preventDefault();
  };
  const tip = shown === null ? null : props.tip(shown);
  const x = shown === null ? 0 : positions[shown]!;
  const right = x < width / 2;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of a drawing and its reading, not of form fields.
    <div
      className="readable"
      role="group"
      aria-label={`${props.label}; arrow keys read it point by point`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys read the chart.
      tabIndex={0}
      onPointerMove={onPointerMove}
      onPointerLeave={() => setIndex(null)}
      onKeyDown={onKeyDown}
      onBlur={() => setIndex(null)}
    >
      {props.children(shown)}
      <div role="status" aria-live="polite">
        {tip && (
          <div className="tip" style={{ top: props.top, ...(right ? { left: x + 12 } : { right: width - x + 12 }) }}>
            <div className="tt">{tip.title}</div>
            <table>
              <tbody>
                {tip.rows.map((row) => (
                  <tr key={row.name}>
                    <td>
                      <i className={`sw ${row.swatch}`} />
                      {row.name}
                    </td>
                    <td className="r num">{row.value}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </div>
  );
}

/** The 45° hatch: labels not matured, or no data yet. `id` is the chart's own. */
export function Hatch({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="1" height="6" className="hatchline" />
      </pattern>
    </defs>
  );
}

/** Horizontal hairlines with their values, a baseline, dates below. */
export function Frame(props: {
  plot: { left: number; right: number; top: number; bottom: number };
  xTicks: readonly { at: number; label: string }[];
  yTicks: readonly { at: number; label: string }[];
}) {
  const { plot } = props;
  const crisp = (value: number) => Math.round(value) + 0.5;
  return (
    <g>
      {props.yTicks.map((tick) => (
        <g key={tick.label}>
          <path className="g" d={`M${plot.left} ${crisp(tick.at)}H${plot.right}`} />
          <text x={plot.left - 6} y={tick.at + 4} textAnchor="end">
            {tick.label}
          </text>
        </g>
      ))}
      <path className="a" d={`M${plot.left} ${crisp(plot.bottom)}H${plot.right}`} />
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
