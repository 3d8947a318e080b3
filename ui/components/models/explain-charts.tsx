// What a model leans on: how much worse it would be without each feature, and how its answer moves with each. With tables.
import { ColumnsChart } from '../../charts/columns-chart.tsx';
import { intervalsHeight } from '../../charts/intervals.ts';
import { IntervalsChart } from '../../charts/intervals-chart.tsx';
import { XyChart } from '../../charts/xy-chart.tsx';
import { featureWords } from '../../churn-words.ts';
import type { ChurnEvaluation, ValueEvaluation } from '../../evaluations.ts';
import { ABSENT, count, decimal, money, percent, signed } from '../../format.ts';
import { ChartPanel } from '../chart-panel.tsx';

const SHOWN = 15;
const thousandth = (value: number): string => (1000 * value).toFixed(1);

export function ImportancePanel({ importance }: { importance: NonNullable<ChurnEvaluation['importance']> }) {
  const score = importance.measure === 'integrated-brier' ? 'integrated Brier score' : 'Brier score';
  const sorted = [...importance.importances].sort((a, b) => b.importance - a.importance);
  const shown = sorted.slice(0, SHOWN);
  const least = shown.every(({ importance: lost }) => Math.abs(1000 * lost) < 4);
  return (
    <ChartPanel
      title="What it leans on"
      unit={`${score} lost when the feature is dealt out, thousandths`}
      span="c6"
      height={intervalsHeight(shown.length)}
      file="importance.csv"
      definition={`Permutation importance: the feature's values are dealt out among the customers, over all pairs of rows, so that it tells nothing any more; what the ${score}${score === 'Brier score' ? '' : ' (the mean over the days on which contracts ended, and the horizon: lost by then or not)'} loses by that. Features that say the same share what they say: each alone may look dispensable.`}
      table={{
        head: ['feature', 'importance', 'Brier without'],
        rows: sorted.map(({ feature, importance: lost, loss }) => [feature, lost, loss]),
        show: (value, column) => (column === 0 ? String(value) : Number(value).toFixed(5)),
      }}
      chart={({ width }) => (
        <IntervalsChart
          rows={shown.map(({ feature, importance: lost }) => ({
            name: featureWords(feature),
            value: 1000 * lost,
            lower: Math.min(0, 1000 * lost),
            upper: Math.max(0, 1000 * lost),
          }))}
          width={width}
          reference={0}
          bars="plain"
          label={(value) => (least ? decimal(value, 1) : String(Math.round(value)))}
          figure={({ value }) => (value < 0 ? signed(value, 1) : decimal(value, 1))}
          words={`It leans most on ${shown
            .slice(0, 3)
            .map(({ feature, importance: lost }) => `${featureWords(feature)} (${thousandth(lost)})`)
            .join(', ')}.`}
          named={190}
          figures={44}
        />
      )}
      foot={
        <>
          <span className="t3">
            {score === 'Brier score' ? 'Brier' : 'Integrated Brier'} with all features {importance.loss.toFixed(4)}
          </span>
          <span className="sp" />
          {importance.rows !== undefined && <span className="t3">n {count(importance.rows)}</span>}
        </>
      }
    />
  );
}

/** What a curve is of. */
export interface Foretold {
  /** Above the chart. */
  unit: string;
  definition: string;
  show(value: number): string;
  axis(value: number): string;
  /** Nothing foretold is above it. */
  ceiling: number;
}
const LOSS: Foretold = {
  unit: 'mean predicted churn, %',
  definition:
    "Partial dependence: the feature is set to each value for everybody, everything else left as it is; the mean prediction, and between which values the middle four fifths of the predictions lie. Where features go together some combinations never occur: there it is the model's guess. It says what the model does, not what causes churn.",
  show: (share) => percent(share),
  axis: (share) => String(Math.round(100 * share)),
  ceiling: 1,
};

/** @param of P(churn) when left out. @param n whose mean it is, where not everybody's. */
export function DependencePanel({
  curve,
  of = LOSS,
  n,
}: {
  curve: ChurnEvaluation['dependence'][number];
  of?: Foretold;
  n?: number;
}) {
  const { feature, grid, mean, lower, upper } = curve;
  const name = featureWords(feature);
  const show = (value: number | null | undefined): string => (value == null ? ABSENT : of.show(value));
  const numbers = grid.every((value) => typeof value === 'number');
  const most = Math.max(...upper, ...mean);
  const words = `${name}: the mean prediction goes from ${show(mean[0])} to ${show(mean.at(-1))}, between ${show(Math.min(...mean))} and ${show(Math.max(...mean))}.`;
  const cell = (value: unknown): string =>
    value === null
      ? 'unknown'
      : typeof value === 'number'
        ? decimal(value, Number.isInteger(value) ? 0 : 2)
        : String(value);
  return (
    <ChartPanel
      title={name}
      unit={of.unit}
      span="c6"
      height={230}
      file={`dependence-${feature.replaceAll(/\W+/g, '-')}.csv`}
      definition={of.definition}
      table={{
        head: [name, 'mean', '10 %', '90 %'],
        rows: grid.map((value, i) => [cell(value), mean[i] ?? null, lower[i] ?? null, upper[i] ?? null]),
        show: (value, column) => (column === 0 ? String(value) : of.show(Number(value))),
      }}
      chart={(size) =>
        numbers ? (
          <XyChart
            {...size}
            label={name}
            words={words}
            x={{ label: (value) => decimal(value, Math.abs(value) >= 10 || Number.isInteger(value) ? 0 : 1) }}
            y={{
              domain: [0, Math.min(of.ceiling, Math.max(0.1, 1.08 * most))],
              label: of.axis,
            }}
            title={(value) => `${name} ${cell(value)}`}
            lines={[
              {
                name: 'mean',
                style: 'solid',
                colour: 1,
                unlabelled: true,
                points: grid.map((value, i) => ({
                  x: Number(value),
                  y: mean[i] ?? null,
                  lower: lower[i] ?? null,
                  upper: upper[i] ?? null,
                })),
              },
            ]}
          />
        ) : (
          <ColumnsChart
            {...size}
            name={name}
            words={words}
            places={grid.map(cell)}
            label={of.axis}
            value={show}
            title={(index) => cell(grid[index])}
            series={[{ name: 'mean', colour: 1, values: mean }]}
          />
        )
      }
      {...(n !== undefined && { foot: <span className="t3">n {count(n)}</span> })}
    />
  );
}

/** How the forecast of a purchase model moves with what it knows of a customer. */
export function ForecastDependence({
  dependence: { of, curves },
  currency,
}: {
  dependence: NonNullable<ValueEvaluation['dependence']>;
  currency: string;
}) {
  const spend = of === 'spend';
  const foretold: Foretold = {
    unit: `mean foretold ${of} over the horizon${spend ? `, ${currency}` : ''}`,
    definition: `Partial dependence: one thing the model knows is set to each of its usual values, the rest left as it is; the mean of the ${of} foretold, and between which values the middle four fifths lie. The mean is over customers who came back and could have each of these values: nobody's last purchase lies before the first. Age moves with the days since the last purchase as they are. It says what the model does, not what makes customers buy.`,
    show: (value) => (spend ? money(value, currency, 'estimate') : decimal(value, 2)),
    axis: (value) => (spend ? money(value, currency, 'axis') : decimal(value, value < 10 ? 1 : 0)),
    ceiling: Number.POSITIVE_INFINITY,
  };
  return curves.map(({ n, ...curve }) => <DependencePanel key={curve.feature} curve={curve} of={foretold} n={n} />);
}
