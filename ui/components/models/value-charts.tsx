// The pictures of a purchase model held against what came: tracking by week, expectation by frequency class, and whether its distributions were right
// (PIT). Each with its table.
import { DAY_MS, dayOfMs } from '../../charts/axes.ts';
import { ColumnsChart } from '../../charts/columns-chart.tsx';
import type { XyLine } from '../../charts/xy.ts';
import { XyChart } from '../../charts/xy-chart.tsx';
import { count, day, decimal, percent } from '../../format.ts';
import type { FrequencyClass, Pit, Tracked } from '../../job-results.ts';
import { modelKindWord } from '../../job-words.ts';
import { ChartPanel } from '../chart-panel.tsx';
import { Missing } from './churn-charts.tsx';

const HEIGHT = 300;
/** The served model dotted, its rivals dashed: what is expected is never a solid line. */
const lineOf = (name: string, served: string, order: number): Pick<XyLine, 'style' | 'colour'> =>
  name === served ? { style: 'dotted', colour: 2 } : { style: 'dashed', colour: (3 + (order % 3)) as 3 | 4 | 5 };

export function TrackingPanel({ tracking, cutoff, served }: { tracking: Tracked; cutoff: string; served: string }) {
  const { origin, weeks, actual } = tracking;
  const dayOf = (week: number): string => dayOfMs((origin + 7 * week) * DAY_MS);
  const names = Object.keys(tracking.expected);
  const last = actual.length - 1;
  const expected = tracking.expected[served]?.[last];
  const off = expected === undefined || actual[last] === 0 ? null : expected / actual[last]! - 1;
  const atCutoff = (Date.parse(`${cutoff}T00:00:00Z`) / DAY_MS - origin) / 7;
  const points = (values: readonly number[]) => weeks.map((week, i) => ({ x: week, y: values[i] ?? null }));
  return (
    <ChartPanel
      title="Tracking"
      unit="cumulative repeat purchases by week"
      span="c6"
      height={HEIGHT}
      file="tracking.csv"
      definition="Repeat purchases of the customers known at the cut-off, added up by week, and what each model expects of them from their first day on. Left of the cut-off the model has learned from what came; right of it, nothing."
      table={{
        head: ['week to', 'actual', ...names.map(modelKindWord)],
        rows: weeks.map((week, i) => [
          dayOf(week),
          actual[i] ?? null,
          ...names.map((name) => tracking.expected[name]?.[i] ?? null),
        ]),
        show: (value, column) => (column === 0 ? day(String(value)) : decimal(Number(value), 0)),
      }}
      chart={(size) => (
        <XyChart
          {...size}
          label="Tracking"
          words={`Cumulative repeat purchases rise to ${count(actual[last] ?? null)} in week ${weeks[last]}; ${modelKindWord(served)} expects ${count(expected ?? null)}${off === null ? '' : `, ${percent(Math.abs(off))} ${off < 0 ? 'fewer' : 'more'}`}.`}
          x={{ label: (week) => count(week), title: 'week since the first purchase of all' }}
          y={{
            domain: [0, Math.max(1, ...actual, ...names.flatMap((name) => tracking.expected[name] ?? []))],
            label: count,
          }}
          title={(week) => `week to ${day(dayOf(week))}`}
          markers={[{ x: atCutoff, label: 'cut-off' }]}
          lines={[
            { name: 'actual', style: 'solid', colour: 1, points: points(actual) },
            ...names.map((name, order) => ({
              name: modelKindWord(name),
              ...lineOf(name, served, order),
              points: points(tracking.expected[name]!),
            })),
          ]}
        />
      )}
      foot={
        <>
          {off !== null && (
            <span>
              {modelKindWord(served)} <b className="m">{percent(Math.abs(off))}</b> {off < 0 ? 'below' : 'above'} actual
              at the end
            </span>
          )}
          {tracking.mase !== null && (
            <span className="t3">
              MASE {decimal(tracking.mase, 2)} after the cut-off; under 1 beats last week’s count
            </span>
          )}
        </>
      }
    />
  );
}

export function FrequencyPanel({
  classes,
  served,
  days,
}: {
  classes: readonly FrequencyClass[];
  served: string;
  days: number;
}) {
  const names = Object.keys(classes[0]?.forecast ?? {}).sort((a, b) => Number(b === served) - Number(a === served));
  const shown = names.filter((name) => name === served || name === 'naive');
  return (
    <ChartPanel
      title="Expectation by frequency"
      unit={`purchases a customer in ${days} d`}
      span="c6"
      height={HEIGHT}
      file="by-frequency.csv"
      definition="Customers by how often they had come back until the cut-off: the mean of what they bought afterwards, and what was expected of them. The conditional expectation of Fader, Hardie and Lee (2005). Classes of fewer than ten customers are in the table only."
      table={{
        head: ['repeat purchases before', 'n', 'actual', ...names.map(modelKindWord)],
        rows: classes.map(({ x, n, actual, forecast }) => [
          String(x),
          n,
          actual,
          ...names.map((name) => forecast[name] ?? null),
        ]),
        show: (value, column) =>
          column === 0 ? String(value) : column === 1 ? count(Number(value)) : decimal(Number(value), 2),
      }}
      chart={(size) => {
        const kept = classes.filter(({ n }) => n >= 10);
        return (
          <ColumnsChart
            {...size}
            name="Expectation by frequency"
            words={kept
              .map(
                ({ x, actual, forecast }) =>
                  `After ${x} repeats: ${decimal(actual, 2)} came, ${decimal(forecast[served] ?? null, 2)} expected.`,
              )
              .join(' ')}
            places={kept.map(({ x }) => String(x))}
            label={(value) => decimal(value, 1)}
            value={(value) => decimal(value, 2)}
            xTitle="repeat purchases before the cut-off"
            title={(index) => `${kept[index]!.x} repeats, n ${count(kept[index]!.n)}`}
            series={[
              { name: 'actual', colour: 1, values: kept.map(({ actual }) => actual) },
              ...shown.map((name) => ({
                name: modelKindWord(name),
                colour: name === 'naive' ? (6 as const) : (2 as const),
                dot: true,
                values: kept.map(({ forecast }) => forecast[name] ?? null),
              })),
            ]}
          />
        );
      }}
      foot={
        <span className="key3">
          <i className="sq f1" /> came
          <i className="do s2" /> {modelKindWord(served)}
          <i className="do s6" /> naive: everybody goes on as before
        </span>
      }
    />
  );
}

export function PitPanel({ pit, what }: { pit: Pit; what: string }) {
  if (pit.histogram === null)
    return <Missing title={`PIT of ${what}`} why={pit.reason ?? 'There are too few customers.'} />;
  const shares = pit.histogram;
  const deciles = shares.map((_, i) => `${i * 10}–${(i + 1) * 10}`);
  const uniform =
    pit.p === null ? 'not tested' : pit.p >= 0.01 ? 'no sign against the distributions' : 'the distributions are off';
  return (
    <ChartPanel
      title={`PIT of ${what}`}
      unit="% of customers by tenth of their own forecast"
      span="c6"
      height={HEIGHT}
      file="pit.csv"
      definition="Where what came lies in the distribution that was forecast for that very customer. When the distributions are right, every tenth holds a tenth of the customers: a hump says they are too wide, a bowl that they are too narrow, a slope that they are too high or too low. Counts are spread at random within their step."
      table={{
        head: ['tenth of the forecast, %', 'share of customers'],
        rows: shares.map((share, i) => [deciles[i]!, share]),
        show: (value, column) => (column === 0 ? String(value) : percent(Number(value))),
      }}
      chart={(size) => (
        <ColumnsChart
          {...size}
          name={`PIT of ${what}`}
          words={`From ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of ${count(pit.n)} customers a tenth, where ten percent are ideal; ${uniform}.`}
          places={deciles}
          label={(value) => String(Math.round(100 * value))}
          value={(value) => percent(value)}
          reference={{ at: 0.1, label: 'ideal' }}
          title={(index) => `${deciles[index]} % of the forecast`}
          series={[{ name: 'customers', colour: 1, values: shares }]}
        />
      )}
      foot={
        <>
          <span>
            χ² p <b className="m">{pit.p === null ? '–' : pit.p < 0.001 ? '< 0.001' : pit.p.toFixed(3)}</b>
          </span>
          <span className="t3">{uniform}</span>
          <span className="sp" />
          <span className="t3">n {count(pit.n)}</span>
        </>
      }
    />
  );
}
