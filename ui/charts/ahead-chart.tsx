// Draws how likely a subscriber is still under contract after so many days: steps of the baseline, from 100 % today.
import { scaleLinear } from 'd3-scale';
import { curveStepAfter, line } from 'd3-shape';
import { counted, percent } from '../format.ts';
import { Readable } from './cursor.tsx';
import { Canvas, Cursor, crisp, Frame } from './frame.tsx';

export interface AheadPoint {
  days: number;
  p_stays: number;
}

export function aheadGeometry(points: readonly AheadPoint[], size: { width: number; height: number }) {
  const plot = { left: 30, right: size.width - 36, top: 10, bottom: size.height - 22 };
  const last = points.at(-1)!;
  // As P(alive): from 0 unless it never leaves the upper half, where the fall would be a flat line.
  const floor = last.p_stays >= 0.5 ? Math.min(0.8, Math.floor(last.p_stays * 5) / 5) : 0;
  const x = scaleLinear()
    .domain([0, Math.max(1, last.days)])
    .range([plot.left, plot.right]);
  const y = scaleLinear().domain([floor, 1]).range([plot.bottom, plot.top]);
  const draw = line<AheadPoint>()
    .x((point) => x(point.days))
    .y((point) => y(point.p_stays))
    .curve(curveStepAfter);
  return {
    plot,
    path: draw([...points]) ?? '',
    x: points.map(({ days }) => x(days)),
    y: points.map(({ p_stays }) => y(p_stays)),
    atX: x,
    xTicks: x
      .ticks(Math.max(2, Math.min(6, Math.floor(size.width / 80))))
      .map((days) => ({ at: x(days), label: `${days}` })),
    yTicks: y.ticks(4).map((share) => ({ at: y(share), label: String(Math.round(share * 100)) })),
  };
}

export function AheadChart(props: {
  points: readonly AheadPoint[];
  horizonDays: number;
  width: number;
  height: number;
}) {
  const { points, horizonDays, width, height } = props;
  const { plot, path, x, y, atX, xTicks, yTicks } = aheadGeometry(points, { width, height });
  const last = points.at(-1)!;
  const within = horizonDays < last.days;
  return (
    <Readable
      label="Survival from now"
      positions={x}
      width={width}
      top={plot.top + 8}
      tip={(index) => ({
        title: `in ${counted(Math.round(points[index]!.days), 'day')}`,
        rows: [{ name: 'still under contract', value: percent(points[index]!.p_stays), swatch: 'solid' }],
      })}
    >
      {(index) => (
        <Canvas
          width={width}
          height={height}
          words={`Still under contract in ${counted(Math.round(last.days), 'day')}: ${percent(last.p_stays)}.`}
        >
          <Frame plot={plot} xTicks={xTicks} yTicks={yTicks} />
          {within && (
            <>
              <path className="a dash" d={`M${crisp(atX(horizonDays))} ${plot.top}V${plot.bottom}`} />
              <text className="l halo" x={atX(horizonDays) + 5} y={plot.bottom - 7}>
                {horizonDays} d
              </text>
            </>
          )}
          <path className="ln s1" d={path} data-series="stays" />
          <circle className="pt s1" cx={x.at(-1)} cy={y.at(-1)} r={4} />
          <text className="k halo" x={x.at(-1)! + 7} y={y.at(-1)! + 4}>
            {percent(last.p_stays, 0)}
          </text>
          {index !== null && (
            <Cursor plot={plot} x={x[index]!} points={[{ name: 'stays', y: y[index]!, tone: 's1' }]} />
          )}
        </Canvas>
      )}
    </Readable>
  );
}
