// Draws the tracking plot: actual solid, expected dotted, truth dashed slate; the as-of hairline, and the hatch where there is no data yet.
import { useId } from 'react';
import { ABSENT, count, day, percent } from '../format.ts';
import { Readable } from './cursor.tsx';
import { Canvas, Cursor, Frame, Hatched } from './frame.tsx';
import { type SeriesName, type Tracking, trackingGeometry, trackingInWords } from './tracking.ts';

const STROKE: Record<SeriesName, string> = { actual: 'ln s1', expected: 'ln s2 dot', truth: 'ln s6 dash' };
const SWATCH: Record<SeriesName, string> = { actual: 'solid', expected: 'dotted', truth: 'dashed' };
const TONE: Record<SeriesName, string> = { actual: 's1', expected: 's2', truth: 's6' };
const WORDS: Record<SeriesName, string> = {
  actual: 'Actual',
  expected: 'Expected by the model',
  truth: 'Truth of the generator',
};

export function TrackingChart(props: { data: Tracking; asOf: string; width: number; height: number }) {
  const { data, width } = props;
  const hatch = useId();
  const drawn = trackingGeometry(data, props.asOf, { width, height: props.height }, count);
  const { plot } = drawn;
  return (
    <Readable
      label="Tracking plot"
      positions={drawn.x}
      width={width}
      top={plot.top + 4}
      tip={(index) => ({
        title: `week to ${day(data.days[index]!)}`,
        rows: drawn.series.map(({ name }) => ({
          name: WORDS[name],
          value: data[name]?.[index] === null ? ABSENT : count(data[name]![index]!),
          swatch: SWATCH[name],
        })),
      })}
    >
      {(index) => (
        <Canvas width={width} height={props.height} words={trackingInWords(data, count, percent)}>
          <Hatched id={hatch} plot={plot} {...drawn.hatch} />
          <Frame plot={plot} xTicks={drawn.xTicks} yTicks={drawn.yTicks} />
          {drawn.series.map((series) => (
            <path key={series.name} className={STROKE[series.name]} d={series.path} data-series={series.name} />
          ))}
          <path className="asof" d={`M${drawn.asOfX} ${plot.top - 4}V${plot.bottom}`} />
          <text className="asoft" x={drawn.asOfX} y={plot.top - 9} textAnchor="middle">
            as of
          </text>
          {drawn.hatch.width > 62 && (
            <text className="halo" x={drawn.hatch.x + drawn.hatch.width / 2} y={plot.bottom - 8} textAnchor="middle">
              no data yet
            </text>
          )}
          {drawn.series.map((series) => (
            <text
              key={series.name}
              x={plot.right + 6}
              y={series.labelY + 4}
              className={series.name === 'actual' ? 'k' : 'l'}
            >
              {series.label}
            </text>
          ))}
          {index !== null && (
            <Cursor
              plot={plot}
              x={drawn.x[index]!}
              points={drawn.series.flatMap(({ name }) => {
                const value = data[name]?.[index];
                return typeof value === 'number' ? [{ name, y: drawn.y(value), tone: TONE[name] }] : [];
              })}
            />
          )}
        </Canvas>
      )}
    </Readable>
  );
}
