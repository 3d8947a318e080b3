// Draws columns with their values read point by point; dots where something was expected.
import { ABSENT } from '../format.ts';
import { type ColumnSeries, columnsGeometry } from './columns.ts';
import { Readable } from './cursor.tsx';
import { Baseline, Canvas, crisp, Levels } from './frame.tsx';

export function ColumnsChart(props: {
  places: readonly string[];
  series: readonly ColumnSeries[];
  width: number;
  height: number;
  label: (value: number) => string;
  /** Of the tooltip; `label` when absent. */
  value?: (value: number) => string;
  reference?: { at: number; label: string };
  name: string;
  words: string;
  xTitle?: string;
  title: (index: number) => string;
}) {
  const { width, height } = props;
  const show = props.value ?? props.label;
  const drawn = columnsGeometry(
    props.places,
    props.series,
    { width, height },
    {
      label: props.label,
      reference: props.reference?.at,
      xTitle: props.xTitle !== undefined,
    },
  );
  const { plot } = drawn;
  return (
    <Readable
      label={props.name}
      positions={drawn.places.map(({ at }) => at)}
      width={width}
      top={plot.top}
      tip={(index) => ({
        title: props.title(index),
        rows: props.series.map((each) => {
          const value = each.values[index];
          return {
            name: each.name,
            value: value === null || value === undefined ? ABSENT : show(value),
            swatch: `c${each.colour} ${each.dot ? 'dotted' : 'solid'}`,
          };
        }),
      })}
    >
      {(index) => (
        <Canvas width={width} height={height} words={props.words}>
          <Levels plot={plot} ticks={drawn.yTicks} />
          {drawn.series.map((each) =>
            each.marks.map((mark, i) =>
              mark === null || each.dot ? null : (
                <rect
                  key={props.places[i]}
                  className={`f${each.colour}${index === null || index === i ? '' : ' faint'}`}
                  x={mark.x}
                  y={mark.y}
                  width={mark.width}
                  height={mark.height}
                />
              ),
            ),
          )}
          {drawn.series.map((each) =>
            each.marks.map((mark, i) =>
              mark === null || !each.dot ? null : (
                <circle key={props.places[i]} className={`pt s${each.colour}`} cx={mark.x} cy={mark.at} r={4.5} />
              ),
            ),
          )}
          {drawn.reference !== null && (
            <>
              <path className="mark" d={`M${plot.left} ${crisp(drawn.reference)}H${plot.right}`} />
              <text className="l" x={plot.right + 6} y={drawn.reference + 4}>
                {props.reference?.label}
              </text>
            </>
          )}
          <Baseline plot={plot} at={drawn.zero} />
          {drawn.places.map(
            ({ place, at, labelled }) =>
              labelled && (
                <text key={place} x={at} y={plot.bottom + 15} textAnchor="middle">
                  {place}
                </text>
              ),
          )}
          {props.xTitle && (
            <text x={(plot.left + plot.right) / 2} y={height - 4} textAnchor="middle">
              {props.xTitle}
            </text>
          )}
        </Canvas>
      )}
    </Readable>
  );
}
