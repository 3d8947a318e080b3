// Columns side by side, of one or several series per place: histograms, bands. Data in, geometry out; drawn by columns-chart.tsx.
import { scaleLinear } from 'd3-scale';
import type { Tick } from './axes.ts';

export interface ColumnSeries {
  name: string;
  colour: 1 | 2 | 3 | 4 | 5 | 6;
  values: readonly (number | null)[];
  /** As a dot above its place instead of a column: what was expected. */
  dot?: boolean;
}

export function columnsGeometry(
  places: readonly string[],
  series: readonly ColumnSeries[],
  size: { width: number; height: number },
  options: { label: (value: number) => string; reference?: number | undefined; xTitle?: boolean },
) {
  const all = series.flatMap(({ values }) => values).filter((value) => value !== null);
  const y = scaleLinear()
    .domain([Math.min(0, ...all), Math.max(...all, options.reference ?? 0, 1e-9)])
    .nice(4);
  const ticks = y.ticks(4);
  const plot = {
    left: 12 + Math.max(...ticks.map((value) => options.label(value).length)) * 6.2,
    // The reference is named beside the plot, not on the columns.
    right: size.width - (options.reference === undefined ? 8 : 40),
    top: 12,
    bottom: size.height - (options.xTitle ? 38 : 24),
  };
  y.range([plot.bottom, plot.top]);
  const step = (plot.right - plot.left) / Math.max(1, places.length);
  const columns = series.filter(({ dot }) => !dot);
  const width = Math.max(2, Math.min(44, (step * 0.72) / Math.max(1, columns.length)));
  const every = Math.ceil((Math.max(...places.map((place) => place.length), 1) * 6.4 + 6) / step);
  return {
    plot,
    yTicks: ticks.map((value): Tick => ({ at: y(value), label: options.label(value) })),
    reference: options.reference === undefined ? null : y(options.reference),
    zero: y(0),
    places: places.map((place, i) => ({ place, at: plot.left + step * (i + 0.5), labelled: i % every === 0 })),
    series: series.map((each) => {
      const nth = columns.indexOf(each);
      return {
        ...each,
        marks: each.values.map((value, i) => {
          if (value === null) return null;
          const centre = plot.left + step * (i + 0.5);
          const x = each.dot ? centre : centre - (columns.length * width) / 2 + nth * width;
          return {
            x,
            y: Math.min(y(value), y(0)),
            height: Math.max(1, Math.abs(y(value) - y(0))),
            at: y(value),
            width: Math.max(1, width - 1),
          };
        }),
      };
    }),
  };
}
