// Draws lines over a plane, with bands where an interval is known, one shared cursor, and a dashed mark for each cause.
import { useId } from 'react';
import { ABSENT } from '../format.ts';
import { Readable } from './cursor.tsx';
import { Baseline, Canvas, Cursor, crisp, Hatched, Levels, Stations } from './frame.tsx';
import { type LineStyle, pointAt, type XyInput, xyGeometry } from './xy.ts';

const DASH: Record<LineStyle, string> = { solid: '', dotted: ' dot', dashed: ' dash' };

export function XyChart(
  props: XyInput & {
    label: string;
    words: string;
    width: number;
    height: number;
    /** Of the tooltip. */
    title: (x: number) => string;
  },
) {
  const { width, height, x, y } = props;
  const hatch = useId();
  const drawn = xyGeometry(props, { width, height });
  const { plot } = drawn;
  return (
    <Readable
      label={props.label}
      positions={drawn.stops.map(({ at }) => at)}
      width={width}
      top={plot.top + 4}
      tip={(index) => {
        const stop = drawn.stops[index]!.x;
        return {
          title: props.title(stop),
          rows: drawn.lines.map((line) => {
            const point = pointAt(line, stop);
            return {
              name: line.name,
              value: point === null ? ABSENT : y.label(point.y),
              swatch: `c${line.colour} ${line.style}`,
            };
          }),
        };
      }}
    >
      {(index) => (
        <Canvas width={width} height={height} words={props.words}>
          {props.hatchFrom !== undefined && (
            <Hatched
              id={hatch}
              plot={plot}
              x={drawn.x(props.hatchFrom)}
              width={plot.right - drawn.x(props.hatchFrom)}
            />
          )}
          <Levels plot={plot} ticks={drawn.yTicks} />
          <Stations plot={plot} ticks={drawn.xTicks} />
          <Baseline plot={plot} />
          {x.title && (
            <text x={(plot.left + plot.right) / 2} y={height - 4} textAnchor="middle">
              {x.title}
            </text>
          )}
          {y.title && (
            <text className="halo" x={plot.left + 6} y={plot.top + 10}>
              {y.title}
            </text>
          )}
          {drawn.lines.map(
            (line) => line.band && <path key={line.name} className={`band f${line.colour}`} d={line.band} />,
          )}
          {drawn.lines.map((line) => (
            <path
              key={line.name}
              className={`ln s${line.colour}${DASH[line.style]}`}
              d={line.path}
              data-series={line.name}
            />
          ))}
          {drawn.markers.map((mark) => (
            <g key={mark.label}>
              <path className="mark" d={`M${crisp(mark.at)} ${plot.top}V${plot.bottom}`} />
              <text
                className="l halo"
                x={mark.at + (mark.anchor === 'start' ? 4 : 0)}
                y={plot.top - 3}
                textAnchor={mark.anchor}
              >
                {mark.label}
              </text>
            </g>
          ))}
          {width >= 420 &&
            drawn.lines
              .filter(({ unlabelled }) => !unlabelled)
              .map((line, order) => (
                <text key={line.name} x={plot.right + 6} y={line.labelY + 4} className={order === 0 ? 'k' : 'l'}>
                  {line.name}
                </text>
              ))}
          {index !== null && (
            <Cursor
              plot={plot}
              x={drawn.stops[index]!.at}
              points={drawn.lines.flatMap((line) => {
                const point = pointAt(line, drawn.stops[index]!.x);
                const at = point && line.at[point.index];
                return at && at.y !== null ? [{ name: line.name, y: at.y, tone: `s${line.colour}` }] : [];
              })}
            />
          )}
        </Canvas>
      )}
    </Readable>
  );
}
