// Draws rows of dots with intervals: name, n, dot and whisker, and the figure beside.
import { count } from '../format.ts';
import { Baseline, Canvas, crisp, cutTo, Stations } from './frame.tsx';
import { type IntervalRow, intervalsGeometry, intervalsHeight } from './intervals.ts';

export function IntervalsChart(props: {
  rows: readonly IntervalRow[];
  width: number;
  reference: number | null;
  domain?: readonly [number, number];
  label: (value: number) => string;
  /** The figure at the right, with its interval if it is to be read. */
  figure: (row: IntervalRow) => string;
  words: string;
  /** Pixels of the names, and of the figures. */
  named?: number;
  figures?: number;
  /** From the reference to the value, where there is no interval to be drawn. */
  bars?: 'plain' | 'diverging';
}) {
  const { rows, width } = props;
  const drawn = intervalsGeometry(rows, width, {
    reference: props.reference,
    ...(props.domain && { domain: props.domain }),
    label: props.label,
    named: props.named ?? 150,
    figures: props.figures ?? 64,
  });
  const { plot } = drawn;
  const height = intervalsHeight(rows.length);
  const most = Math.max(4, Math.floor(drawn.names / 6.3));
  return (
    <Canvas width={width} height={height} words={props.words}>
      {drawn.nX > drawn.names && (
        <text x={drawn.nX} y={10} textAnchor="end">
          n
        </text>
      )}
      <Stations plot={plot} ticks={drawn.ticks} />
      {drawn.reference !== null && <path className="a" d={`M${crisp(drawn.reference)} ${plot.top}V${plot.bottom}`} />}
      {drawn.rows.map((row) => (
        <g key={row.name}>
          <title>{`${row.name}: ${props.figure(row)}`}</title>
          <text className="l f12" x={0} y={row.y + 4}>
            {cutTo(row.name, most)}
          </text>
          {row.n !== undefined && (
            <text x={drawn.nX} y={row.y + 4} textAnchor="end">
              {count(row.n)}
            </text>
          )}
          {props.bars ? (
            <rect
              className={props.bars === 'plain' ? 'f1' : row.value >= (props.reference ?? 0) ? 'raises' : 'lowers'}
              x={Math.min(row.x, drawn.reference ?? row.x)}
              y={row.y - 6}
              width={Math.max(1, Math.abs(row.x - (drawn.reference ?? row.x)))}
              height={12}
              rx={2}
            />
          ) : (
            <>
              {row.x1 !== null && row.x2 !== null && (
                <path className={row.quiet ? 'whisker w6' : 'whisker w1'} d={`M${row.x1} ${row.y}H${row.x2}`} />
              )}
              <circle
                className={`pt ${row.quiet ? 's6' : 's1'}${row.hollow ? ' hollow' : ''}`}
                cx={row.x}
                cy={row.y}
                r={4}
              />
            </>
          )}
          <text className="k f12" x={width} y={row.y + 4} textAnchor="end">
            {props.figure(row)}
          </text>
        </g>
      ))}
      <Baseline plot={plot} />
    </Canvas>
  );
}
