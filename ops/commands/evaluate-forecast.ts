// `axiom47 evaluate --kind forecast`: amounts that were forecast against amounts that came.
import { forecastStatistics } from '#domain/models/compare-scores.ts';
import { mase } from '#domain/models/forecast-metrics.ts';
import { pitHistogram, randomisedPit, uniformity } from '#domain/models/pit.ts';
import { type ForecastMetrics, forecastMetrics } from '#domain/models/value-metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { numberColumn, readTable } from '../table.ts';
import { UsageError } from './command.ts';
import { comparison, describeComparison, type EvaluateInput, named, numberOption, show } from './evaluate-input.ts';
import { table as textTable } from './options.ts';

/** @returns what is printed. @throws UsageError naming option, or file, row and column. */
export function evaluateForecast(given: EvaluateInput): string {
  const { table, seed } = given;
  const column = (name: string | undefined) => (name === undefined ? undefined : numberColumn(table, name));
  const [actual, forecast, second] = [column(given.actual)!, column(given.forecast)!, column(given.compare)];
  const columns = {
    actual,
    forecast,
    weight: column(given.weight),
    naive: column(given.naive),
    interval: readInterval(given),
    quantiles: given.quantile?.map((text) => readQuantile(given, text)),
  };
  const names = {
    ...Object.fromEntries(FIELDS.map((name) => [name, given[name]])),
    below: given['cdf-below'],
    upTo: given.cdf,
  };
  return named(table, names, () => {
    const metrics = forecastMetrics(columns);
    const pit = readPit(given, seed);
    const scaled = readTraining(given, actual, forecast);
    const compared =
      second &&
      comparison(
        given,
        given.forecast!,
        columns.weight ?? actual.map(() => 1),
        forecastStatistics(actual, forecast, second),
      );
    const answer = { ...metrics, undefined: { ...metrics.undefined, ...scaled?.undefined } };
    return given.json
      ? JSON.stringify({
          ...answer,
          ...(scaled && { mase: scaled.mase }),
          ...(pit && { pit }),
          ...(compared && { comparison: compared }),
        })
      : [
          ...describeForecast(answer),
          ...(scaled ? [`  MASE                   ${show(scaled.mase)}`] : []),
          ...(pit ? [describePit(pit)] : []),
          ...(compared ? describeComparison(compared) : []),
        ].join('\n');
  });
}

const FIELDS = ['actual', 'forecast', 'weight', 'naive', 'lower', 'upper'] as const;

function readInterval({ table, lower, upper, level }: EvaluateInput) {
  if (lower === undefined && upper === undefined && level === undefined) return undefined;
  if (lower === undefined || upper === undefined || level === undefined)
    throw new UsageError('an interval needs --lower COL, --upper COL and --level, e.g. 0.9 for p05 to p95');
  return { lower: numberColumn(table, lower), upper: numberColumn(table, upper), level: share('--level', level) };
}

function readQuantile({ table }: EvaluateInput, text: string) {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new UsageError(`--quantile ${text} is not COL=LEVEL such as p95=0.95`);
  return { level: share('--quantile', text.slice(at + 1)), value: numberColumn(table, text.slice(0, at)) };
}

function share(option: string, text: string): number {
  const value = numberOption(option, text);
  if (!(value > 0 && value < 1)) throw new UsageError(`${option} ${text} is not between 0 and 1`);
  return value;
}

function readPit({ table, 'cdf-below': below, cdf }: EvaluateInput, seed: number) {
  if (below === undefined && cdf === undefined) return undefined;
  if (below === undefined || cdf === undefined)
    throw new UsageError(
      'the PIT needs both --cdf-below, P(S < actual), and --cdf, P(S ≤ actual); equal without atoms',
    );
  const columns = { below: numberColumn(table, below), upTo: numberColumn(table, cdf) };
  const test = uniformity(randomisedPit(columns, createRandom(seed).uniform));
  return { histogram: pitHistogram(columns).value, uniformity: test.value, reason: test.reason ?? null };
}

function readTraining({ train, season, actual }: EvaluateInput, values: Float64Array, forecast: Float64Array) {
  if (train === undefined) {
    if (season !== undefined) throw new UsageError('--season goes with --train FILE');
    return undefined;
  }
  const steps = season === undefined ? 1 : numberOption('--season', season);
  if (!(Number.isInteger(steps) && steps > 0)) throw new UsageError(`--season ${season} is not a whole number above 0`);
  const { value, reason } = mase(values, forecast, numberColumn(readTable(train), actual!), steps);
  return { mase: value, undefined: value === null ? { mase: reason } : {} };
}

/** Metrics as lines for people. */
function describeForecast(metrics: ForecastMetrics): string[] {
  const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(1)} %`);
  const { concentration: ranking } = metrics;
  return [
    `${metrics.n} rows, actual total ${show(metrics.actualTotal)}, forecast ${show(metrics.forecastTotal)} (${percent(metrics.totalError)} off)`,
    `  mean error             ${show(metrics.meanError)}`,
    `  mean absolute error    ${show(metrics.mae)}`,
    `  root mean square       ${show(metrics.rmse)}`,
    `  WAPE                   ${percent(metrics.wape)}`,
    `  sMAPE                  ${show(metrics.smape)} of 200`,
    `  correlation            ${show(metrics.correlation)}`,
    `  Gini of the ranking    ${show(ranking?.gini ?? null)}, normalised ${show(ranking?.normalised ?? null)}`,
    `  held by the top tenth  ${percent(ranking?.topTenth ?? null)} of the value; in perfect order ${percent(ranking?.topTenthPerfect ?? null)}`,
    ...(metrics.maeOverNaive === null
      ? []
      : [`  error against naive    ${show(metrics.maeOverNaive)} (below 1 is better)`]),
    ...(metrics.coverage === null
      ? []
      : [
          `  coverage               ${percent(metrics.coverage)} (95 %: ${percent(metrics.coverageLower)} to ${percent(metrics.coverageUpper)}), interval score ${show(metrics.intervalScore)}`,
        ]),
    ...(metrics.pinball.length === 0
      ? []
      : [
          '',
          textTable(
            ['quantile', 'pinball loss', 'actuals at or under'],
            metrics.pinball.map(({ level, loss, atOrUnder }) => [
              level,
              Number(loss.toPrecision(5)),
              percent(atOrUnder),
            ]),
          ),
        ]),
  ];
}

function describePit({ uniformity: test, reason }: NonNullable<ReturnType<typeof readPit>>): string {
  return test === null
    ? `  randomised PIT is not tested: ${reason}`
    : `  randomised PIT         χ² ${show(test.statistic)} on ${test.degreesOfFreedom} df, p ${test.p.toPrecision(3)} (uniform when the forecast distribution is right)`;
}
