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
