// A panel with a chart that can also be read as a table and taken along as CSV: the same data, in the same order.
import { type ReactNode, useId, useState } from 'react';
import { type Cell, csv, download } from '../download.ts';
import { type Size, useSize } from '../hooks.ts';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';

export interface ChartTable {
  head: readonly string[];
  /** Figures as they are; what is shown is `show`'s. */
  rows: readonly (readonly Cell[])[];
  show: (value: Cell, column: number) => string;
}

export function ChartPanel(props: {
  title: string;
  unit?: ReactNode;
  definition: string;
  table: ChartTable;
  file: string;
  span?: 'c4' | 'c6' | 'c7' | 'c8' | 'c12';
  /** Between the title and the picture, with the table too. */
  above?: ReactNode;
  foot?: ReactNode;
  /** At least this high; the panel's neighbours may make it higher. */
  height: number;
  chart: (size: Size) => ReactNode;
}) {
  const [asTable, setAsTable] = useState(false);
  const [defined, setDefined] = useState(false);
  const [ref, size] = useSize<HTMLDivElement>();
  const definitionId = useId();
  const { head, rows, show } = props.table;
  const tools = (
    <>
      <button
        type="button"
        className="tool"
        aria-label={`What ${props.title} means`}
        title="What this means"
        aria-expanded={defined}
        aria-controls={definitionId}
        onClick={() => setDefined(!defined)}
      >
        <Icon name="info" />
      </button>
      <button
        type="button"
        className="tool"
        aria-label={asTable ? `Show ${props.title} as chart` : `Show ${props.title} as table`}
        title={asTable ? 'Show as chart' : 'Show as table'}
        aria-pressed={asTable}
        onClick={() => setAsTable(!asTable)}
      >
        <Icon name={asTable ? 'chart' : 'table'} />
      </button>
      <button
        type="button"
        className="tool"
        aria-label={`Download ${props.title} as CSV`}
        title="Download as CSV"
        onClick={() => download(props.file, csv(head, rows))}
      >
        <Icon name="download" />
      </button>
    </>
  );
  return (
    <Panel
      title={props.title}
      {...(props.unit !== undefined && { unit: props.unit })}
      {...(props.span && { span: props.span })}
      {...(props.foot !== undefined && { foot: props.foot })}
      tools={tools}
      className="charted"
    >
      <p id={definitionId} className="definition" hidden={!defined}>
        {props.definition}
      </p>
      {props.above}
      {asTable ? (
        <section
          className="tscroll"
          style={{ height: props.height }}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
          tabIndex={0}
          aria-label={`${props.title}, as table`}
        >
          <table className="c">
            <thead>
              <tr>
                {head.map((name, column) => (
                  <th key={name} scope="col" className={column > 0 ? 'r' : undefined}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.join(' ')}>
                  {row.map((value, column) => (
                    <td key={head[column]} className={column > 0 ? 'r num' : 'num'}>
                      {show(value, column)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        <div ref={ref} className="plot" style={{ minHeight: `min(${props.height}px, 68vw)` }}>
          {size.width > 0 && props.chart(size)}
        </div>
      )}
    </Panel>
  );
}
