// Draws the steps of an attempt: name, bar, how long and what share of the whole; what runs still is open to the right.
import { percent, span } from '../format.ts';
import { Baseline, Canvas, cutTo, Stations } from './frame.tsx';
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
    <Canvas width={width} height={height} words={ganttInWords(steps, now)}>
      <Stations plot={plot} ticks={ticks} flush />
      <Baseline plot={plot} />
      {bars.map((bar) => (
        <g key={bar.name} data-step={bar.name}>
          <title>{`${bar.name}: ${span(bar.took)}, ${percent(bar.share, 0)}`}</title>
          <text className="l f12" x={0} y={bar.y + 16}>
            {cutTo(bar.name, most)}
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
    </Canvas>
  );
}
