// Draws P(alive) of one customer: saw-tooth, orders as ticks above, the as-of hairline, and beyond it what happens if no order comes.
import { useId } from 'react';
import { day, percent } from '../format.ts';
import { type AlivePoint, aliveGeometry, aliveInWords, type OrderTick } from './alive.ts';
import { Readable } from './cursor.tsx';
import { Canvas, Cursor, Frame, Hatched } from './frame.tsx';

export function AliveChart(props: {
  points: readonly AlivePoint[];
  orders: readonly OrderTick[];
  forecast: readonly AlivePoint[];
  range: { from: string; until: string; asOf: string };
  width: number;
  height: number;
  /** The figure leans on other customers more than on this one. */
  hollow: boolean;
}) {
  const { points, orders, forecast, width, height } = props;
  const hatch = useId();
  const drawn = aliveGeometry({ points, orders, forecast }, props.range, { width, height });
  const { plot, now, forecastEnd: end } = drawn;
  const roomy = end !== null && plot.right - end.x > 72;
  const last = points.at(-1);
  return (
    <Readable
      label="P(alive) over time"
      positions={drawn.x}
      width={width}
      top={plot.bottom - 70}
      tip={(index) => ({
        title: day(points[index]!.day),
        rows: [{ name: 'P(alive)', value: percent(points[index]!.p_alive), swatch: 'solid' }],
      })}
    >
      {(index) => (
        <Canvas width={width} height={height} words={aliveInWords(points, orders.length, percent)}>
          <Hatched id={hatch} plot={plot} {...drawn.hatch} />
          <Frame plot={plot} xTicks={drawn.xTicks} yTicks={drawn.yTicks} />
          <text x={plot.left - 6} y={14} textAnchor="end">
            {width < 480 ? '' : 'orders'}
          </text>
          {drawn.ticks.map((tick, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two orders of one day are two equal ticks.
            <path key={i} className="tick" d={`M${tick.x} ${tick.y1}V${tick.y2}`} />
          ))}
          {drawn.path && <path className="ln s1" d={drawn.path} data-series="p-alive" />}
          {drawn.forecast && <path className="ln s6 dot" d={drawn.forecast} data-series="forecast" />}
          <path className="asof" d={`M${drawn.asOfX} ${plot.top - 6}V${plot.bottom}`} />
          {end && drawn.hatch.width > 66 && (
            <text
              className="halo l"
              x={roomy ? end.x + 7 : plot.right - 4}
              y={roomy ? end.y + 4 : plot.top + 12}
              textAnchor={roomy ? 'start' : 'end'}
            >
              if no order
            </text>
          )}
          {now && last && (
            <g>
              <circle className={props.hollow ? 'pt s1 hollow' : 'pt s1'} cx={now.x} cy={now.y} r={4} />
              <text className="k halo" x={now.x + 8} y={Math.max(plot.top + 9, now.y - 7)}>
                {percent(last.p_alive, 0)}
              </text>
            </g>
          )}
          {index !== null && (
            <Cursor plot={plot} x={drawn.x[index]!} points={[{ name: 'alive', y: drawn.y[index]!, tone: 's1' }]} />
          )}
        </Canvas>
      )}
    </Readable>
  );
}
