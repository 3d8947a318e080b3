// Draws the steps of an attempt: name, bar, how long and what share of the whole; what runs still is open to the right.
import { percent, span } from '../format.ts';
import { GANTT_ROW_PX, type GanttStep, ganttGeometry, ganttHeight } from './gantt.ts';

export function ganttInWords(steps: readonly GanttStep[], now: number): string {
  const { bars, total } = ganttGeometry(steps, now, 600, span);
  const longest = bars.reduce((most, bar) => (bar.took > most.took ? bar : most), bars[0]!);
  return `${bars.length} steps in ${span(total)}; the longest is ${longest.name} with ${span(longest.took)}, ${percent(longest.share, 0)} of it.`;
}

export function GanttChart({ steps, now, width }: { steps: readonly GanttStep[]; now: number; width: number }) {
  const { bars, ticks, plot } = ganttGeometry(steps, now, width, span);
  const height = ganttHeight(steps.length);
  const most = Math.floor((plot.left - 10) / 6.3);
  return (
    <svg
      className="ch"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={ganttInWords(steps, now)}
    >
      {ticks.map((tick) => (
        <g key={tick.at}>
          <path className="g" d={`M${Math.round(tick.at) + 0.5} ${plot.top}V${plot.bottom}`} />
          <text x={tick.at} y={plot.bottom + 15} textAnchor={tick.at <= plot.left + 1 ? 'start' : 'middle'}>
            {tick.label}
          </text>
        </g>
      ))}
      <path className="a" d={`M${plot.left} ${plot.bottom + 0.5}H${plot.right}`} />
      {bars.map((bar) => (
        <g key={bar.name} data-step={bar.name}>
          <title>{`${bar.name}: ${span(bar.took)}, ${percent(bar.share, 0)}`}</title>
          <text className="l f12" x={0} y={bar.y + 16}>
            {bar.name.length > most ? `${bar.name.slice(0, most - 1)}…` : bar.name}
          </text>
          <rect
            className={bar.until === null ? 'gbar open' : 'gbar'}
            x={bar.x}
            y={bar.y + 6}
            width={bar.width}
            height={GANTT_ROW_PX - 12}
            rx={2}
          />
          <text className="k halo" x={bar.x + bar.width + 6} y={bar.y + 16}>
            {span(bar.took)}
            {width >= 420 && <tspan className="t3"> {percent(bar.share, 0)}</tspan>}
          </text>
        </g>
      ))}
    </svg>
  );
}
