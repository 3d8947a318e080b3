// Calibration by segment: what was expected of each against what came, with its interval. A segment that is off by more than chance is named.
import { intervalsHeight } from '../../charts/intervals.ts';
import { IntervalsChart } from '../../charts/intervals-chart.tsx';
import { featureWords } from '../../churn-words.ts';
import type { ChurnEvaluation } from '../../evaluations.ts';
import { counted, percent, percentInterval, signed } from '../../format.ts';
import { ChartPanel } from '../chart-panel.tsx';

export function SegmentsPanel({ by, segments }: ChurnEvaluation['segments'][number]) {
  const off = segments.filter((each) => each.off);
  return (
    <ChartPanel
      title={`By ${featureWords(by).toLowerCase()}`}
      unit="observed − expected churn, pp, 95 %"
      span="c6"
      height={intervalsHeight(segments.length)}
      file={`segments-${by.replaceAll(/\W+/g, '-')}.csv`}
      definition="In each segment, the share that was lost less the mean of what was predicted. Right of zero more were lost than predicted. Slate dots cover zero: nothing is claimed. Hollow: under 50 customers."
      table={{
        head: ['segment', 'n', 'expected', 'observed', 'lower', 'upper', 'p'],
        rows: segments.map(({ segment, n, expected, observed, lower, upper, pValue }) => [
          segment,
          n,
          expected,
          observed,
          lower,
          upper,
          pValue,
        ]),
        show: (value, column) =>
          value === null
            ? '–'
            : column === 0
              ? String(value)
              : column === 1
                ? String(value)
                : column === 6
                  ? Number(value).toFixed(3)
                  : percent(Number(value)),
      }}
      chart={({ width }) => (
        <IntervalsChart
          rows={segments.map(({ segment, n, expected, observed, lower, upper }) => ({
            name: segment,
            n,
            value: 100 * (observed - expected),
            lower: 100 * (lower - expected),
            upper: 100 * (upper - expected),
            hollow: n < 50,
          }))}
          width={width}
          reference={0}
          label={(value) => signed(value, 0)}
          figure={({ value }) => signed(value, 1)}
          words={segments
            .map(
              ({ segment, expected, observed, lower, upper }) =>
                `${segment}: ${percent(expected)} expected, ${percent(observed)} came, ${percentInterval(lower, upper)}.`,
            )
            .join(' ')}
          named={130}
          figures={52}
        />
      )}
      foot={
        <span className={off.length > 0 ? 'warn' : 't3'}>
          {off.length === 0
            ? 'None is off by more than chance'
            : `${counted(off.length, 'segment')} off by more than chance: ${off.map(({ segment }) => segment).join(', ')}`}
        </span>
      }
    />
  );
}
