// Draws the tracking plot: actual solid, expected dotted, truth dashed slate; the as-of hairline, and the hatch where there is no data yet.
import { useId } from 'react';
import { ABSENT, count, day, percent } from '../format.ts';
import { Frame, Hatch, Readable } from './cursor.tsx';
import { type SeriesName, type Tracking, trackingGeometry, trackingInWords } from './tracking.ts';

const STROKE: Record<SeriesName, string> = { actual: 'ln s1', expected: 'ln s2 dot', truth: 'ln s6 dash' };
const SWATCH: Record<SeriesName, string> = { actual: 'solid', expected: 'dotted', truth: 'dashed' };
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
        <svg
          className="ch"
          width={width}
          height={props.height}
          viewBox={`0 0 ${width} ${props.height}`}
          role="img"
          aria-label={trackingInWords(data, count, percent)}
        >
          <Hatch id={hatch} />
          <rect
            x={drawn.hatch.x}
            y={plot.top}
            width={drawn.hatch.width}
            height={plot.bottom - plot.top}
            fill={`url(#${hatch})`}
          />
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
            <g>
              <path className="cursor" d={`M${drawn.x[index]} ${plot.top}V${plot.bottom}`} />
              {drawn.series.map(({ name }) => {
                const value = data[name]?.[index];
                return typeof value === 'number' ? (
                  <circle
                    key={name}
                    className={`pt ${{ actual: 's1', expected: 's2', truth: 's6' }[name]}`}
                    cx={drawn.x[index]}
                    cy={drawn.y(value)}
                    r={3.5}
                  />
                ) : null;
              })}
            </g>
          )}
        </svg>
      )}
    </Readable>
  );
}
