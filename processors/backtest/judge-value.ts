// Forecasts of purchases, spend and churn made at a cut-off by fitted value models, held against what came; the forecast that everybody goes on as
// before beside each. The kernels are those that serve, behind the same guard.
import { type ClvModel, moneyDays, posteriorOf, predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { forecastStatistics, scoreStatistics } from '#domain/models/compare-scores.ts';
import { countPmf } from '#domain/models/future-purchases.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { naiveValue } from '#domain/models/naive-value.ts';
import { type PairedDifference, type PairedStatistic, pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { type PitColumns, pitHistogram, randomisedPit, uniformity } from '#domain/models/pit.ts';
import { auc } from '#domain/models/ranking-metrics.ts';
import { type Measured, scoredRows } from '#domain/models/scored-rows.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { type ForecastMetrics, forecastMetrics } from '#domain/models/value-metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import type { HoldoutRows, KnownHistory } from './holdout-rows.ts';
import { sampleOf } from './leakage.ts';

/** Customers whose distributions, intervals and paired differences are looked at: exact quantiles cost tens of µs each. */
const SAMPLE = 20_000;
const DRAWS = 500;
const LEVELS = [0.05, 0.5, 0.95] as const;

export interface Pit {
  /** χ² test of uniformity: below .01 the forecast distributions are wrong. */
  p: number | null;
  statistic: number | null;
  histogram: number[] | null;
  n: number;
  reason?: string;
}

/** Differences model − naive on the same customers; below 0 the model is closer. */
export type AgainstNaive = Record<string, PairedDifference | { value: null; reason: string }>;

export interface FrequencyClass {
  x: number | '7+';
  n: number;
  actual: number;
  /** Mean forecast by model, `naive` among them. */
  forecast: Record<string, number>;
}

export interface PurchaseVerdict {
  /** By model, and `naive`. */
  models: Record<string, ForecastMetrics>;
  byFrequency: FrequencyClass[];
  againstNaive: AgainstNaive;
  pit: Pit;
}

/** What each model expects of the horizon for everybody. */
export interface Forecast {
  expected: Float64Array;
  pChurn: Float64Array;
}

/** Equal histories are computed once. @throws Error when the guard refuses: rows that no model may speak about are left out before. */
export function forecastOf(model: ClvModel, histories: readonly KnownHistory[], horizonDays: number): Forecast {
  const seen = new Map<string, { expectedPurchases: number; pChurn: number }>();
  const [expected, pChurn] = [new Float64Array(histories.length), new Float64Array(histories.length)];
  histories.forEach((history, i) => {
    const key = `${history.frequency}|${history.recency}|${history.T}`;
    let answer = seen.get(key);
    if (answer === undefined) {
      const said = predictChurn(model, history, horizonDays);
      if (!said.ok) throw new Error(`the model refuses a customer of the backtest: ${said.reason.message}`);
      answer = said.value;
      seen.set(key, answer);
    }
    expected[i] = answer.expectedPurchases;
    pChurn[i] = answer.pChurn;
  });
  return { expected, pChurn };
}

export function judgePurchases(
  rows: HoldoutRows,
  forecasts: Readonly<Record<string, Forecast>>,
  served: { name: string; model: ClvModel },
  horizonDays: number,
  seed: number,
): PurchaseVerdict {
  const naive = Float64Array.from(rows.history, (history) => naiveValue(history, horizonDays).expectedPurchases);
  const columns: [string, Float64Array][] = [
    ...Object.entries(forecasts).map(([name, { expected }]): [string, Float64Array] => [name, expected]),
    ['naive', naive],
  ];
  const actual = rows.purchases;
  const sample = sampleOf(actual.length, SAMPLE, seed);
  return {
    models: Object.fromEntries(columns.map(([name, forecast]) => [name, forecastMetrics({ actual, forecast, naive })])),
    byFrequency: byFrequency(rows, columns),
    againstNaive: paired(sample, actual, naive, forecasts[served.name]!.expected, seed),
    pit: pitOf(countPit(rows, served.model, horizonDays, sample), seed),
  };
}

/** Classes of repeat purchases up to the cut-off: 0 … 6, and 7 or more. */
function byFrequency(rows: HoldoutRows, columns: readonly [string, Float64Array][]): FrequencyClass[] {
  const classes = Array.from({ length: 8 }, () => [] as number[]);
  rows.history.forEach(({ frequency }, i) => {
    classes[Math.min(7, frequency)]!.push(i);
  });
  const mean = (members: readonly number[], of: Float64Array) =>
    members.reduce((sum, i) => sum + of[i]!, 0) / members.length;
  return classes.flatMap((members, x): FrequencyClass[] =>
    members.length === 0
      ? []
      : [
          {
            x: x === 7 ? '7+' : x,
            n: members.length,
            actual: mean(members, rows.purchases),
            forecast: Object.fromEntries(columns.map(([name, forecast]) => [name, mean(members, forecast)])),
          },
        ],
  );
}

function paired(
  sample: readonly number[],
  actual: Float64Array,
  naive: Float64Array,
  forecast: Float64Array,
  seed: number,
): AgainstNaive {
  const [came, first, second] = [actual, naive, forecast].map((of) => Float64Array.from(sample, (i) => of[i]!));
  const { mae, rmse, giniNormalised } = forecastStatistics(came!, first!, second!);
  const found = pairedBootstrap(
    new Float64Array(sample.length).fill(1),
    { mae: mae!, rmse: rmse!, giniNormalised: giniNormalised! },
    { seed, draws: DRAWS },
  );
  return unpacked(found);
}

const unpacked = (found: Record<string, Measured<PairedDifference>>): AgainstNaive =>
  Object.fromEntries(
    Object.entries(found).map(([name, { value, reason }]) => [name, value ?? { value: null, reason: reason ?? '' }]),
  );

/** P(N < n) and P(N ≤ n) at what came. */
function countPit(rows: HoldoutRows, model: ClvModel, horizonDays: number, sample: readonly number[]): PitColumns {
  const columns = { below: new Float64Array(sample.length), upTo: new Float64Array(sample.length) };
  const t = horizonDays / (model.unit === 'week' ? 7 : 1);
  sample.forEach((row, i) => {
    const n = rows.purchases[row]!;
    const pmf = countPmf(posteriorOf(model, rows.history[row]!), t, n);
    const below = Math.min(
      1,
      pmf.subarray(0, n).reduce((sum, p) => sum + p, 0),
    );
    columns.below[i] = below;
    columns.upTo[i] = Math.min(1, below + pmf[n]!);
  });
  return columns;
}

function pitOf(columns: PitColumns, seed: number): Pit {
  const { value: histogram, reason: none } = pitHistogram(columns);
  const { value, reason } = uniformity(randomisedPit(columns, createRandom(seed).uniform));
  const why = none ?? reason;
  return {
    p: value?.p ?? null,
    statistic: value?.statistic ?? null,
    histogram,
    n: columns.below.length,
    ...(why !== undefined && { reason: why }),
  };
}

export interface SpendVerdict {
  model: ForecastMetrics;
  naive: ForecastMetrics;
  againstNaive: AgainstNaive;
  pit: Pit;
  /** Customers judged; the others' money has no rate, or they were not drawn. */
  n: number;
}

/** What a model says of the spend of the customers it is judged by, beside what came. */
export interface SpendColumns {
  /** Positions in the rows. */
  row: number[];
  actual: Float64Array;
  forecast: Float64Array;
  naive: Float64Array;
  quantiles: { level: number; value: Float64Array }[];
  /** P(S < actual) and P(S ≤ actual). */
  pit: PitColumns;
}

/** Null with why when the model says nothing of money; models of one kind draw the same customers for one seed. */
export function spendColumns(
  rows: HoldoutRows,
  model: ClvModel,
  horizonDays: number,
  seed: number,
): { value: SpendColumns } | { value: null; reason: string } {
  const { gammaGamma } = model;
  if (gammaGamma === undefined) return { value: null, reason: 'no money model could be fitted at this cut-off' };
  const judged = rows.history.flatMap((history, i) => (history.withoutRate || Number.isNaN(rows.spend[i]!) ? [] : [i]));
  const t = horizonDays / (model.unit === 'week' ? 7 : 1);
  const row = sampleOf(judged.length, SAMPLE, seed).map((at) => judged[at]!);
  if (row.length === 0) return { value: null, reason: 'nobody has money in the reporting currency' };
  const column = () => new Float64Array(row.length);
  const columns: SpendColumns = {
    row,
    actual: column(),
    forecast: column(),
    naive: column(),
    quantiles: LEVELS.map((level) => ({ level, value: column() })),
    pit: { below: column(), upTo: column() },
  };
  for (const [k, i] of row.entries()) {
    const history = rows.history[i]!;
    const said = predictClv(model, history, { horizonDays, discountMonthly: 0, levels: LEVELS });
    if (!said.ok) return { value: null, reason: said.reason.message };
    const actual = rows.spend[i]!;
    const count = moneyDays(history);
    const mean = count > 0 ? history.monetaryValue! : 0;
    const law = spendDistribution(posteriorOf(model, history), t, gammaGamma, count, mean)!;
    const upTo = Math.min(1, law.cdf(actual));
    columns.actual[k] = actual;
    columns.forecast[k] = said.value.expectedSpend;
    columns.naive[k] = naiveValue(history, horizonDays).expectedSpend;
    columns.quantiles.forEach(({ value }, level) => {
      value[k] = said.value.quantiles[level]!;
    });
    columns.pit.below[k] = actual > 0 ? upTo : 0;
    columns.pit.upTo[k] = upTo;
  }
  return { value: columns };
}

/** Undiscounted spend over the horizon, its p05–p95 and its distribution. */
export function judgeSpend({ actual, forecast, naive, quantiles, pit }: SpendColumns, seed: number): SpendVerdict {
  const interval = { lower: quantiles[0]!.value, upper: quantiles.at(-1)!.value, level: 0.9 };
  const everybody = Array.from(actual, (_, i) => i);
  return {
    model: forecastMetrics({ actual, forecast, naive, interval, quantiles }),
    naive: forecastMetrics({ actual, forecast: naive, naive }),
    againstNaive: paired(everybody, actual, naive, forecast, seed),
    pit: pitOf(pit, seed),
    n: actual.length,
  };
}

/** Everything of a score but its curves. */
export type ScoreVerdict = Omit<ScoreMetrics, 'roc' | 'precisionRecall' | 'gain' | 'profit'>;
export type RateOf = 'before' | 'learned-from';
export interface ChurnVerdict {
  model: ScoreVerdict;
  naive: {
    /** Everybody gets this rate; the Brier score of that. */
    rate: number | null;
    /** Whose rate: of the horizon before the cut-off, or of the customers that were learned from, who are others than those judged. */
    rateOf: RateOf;
    brier: number | null;
    /** Ranking by one plain feature. */
    rule: string;
    auc: number | null;
    /** Why one of them is null. */
    undefined: Record<string, string>;
  };
  againstNaive: AgainstNaive;
}

/**
 * A churn score against who was lost.
 *
 * @param naive the rate everybody would be given (null: none was known), and a feature that ranks: the larger the likelier lost.
 */
export function judgeChurn(
  label: Float64Array,
  score: Float64Array,
  naive: { rate: number | null; rateOf?: RateOf; rule: string; rank: Float64Array },
  seed: number,
): ChurnVerdict {
  const { roc: _, precisionRecall: __, gain: ___, profit: ____, ...model } = scoreMetrics({ label, score });
  const ranking = auc(scoredRows({ label, score: naive.rank }));
  const sample = sampleOf(label.length, SAMPLE, seed);
  const pick = (of: Float64Array) => Float64Array.from(sample, (i) => of[i]!);
  const [came, said] = [pick(label), pick(score)];
  const { rate } = naive;
  const everybody = rate === null ? null : new Float64Array(sample.length).fill(rate);
  const statistics: Record<string, PairedStatistic> = { auc: scoreStatistics(came, pick(naive.rank), said).auc! };
  if (everybody) statistics.brier = scoreStatistics(came, everybody, said).brier!;
  const differences = pairedBootstrap(new Float64Array(sample.length).fill(1), statistics, { seed, draws: DRAWS });
  const unknown =
    naive.rateOf === 'learned-from'
      ? 'nobody of those who were learned from was lost'
      : 'nobody was seen to be lost over the horizon before the cut-off';
  return {
    model,
    naive: {
      rate,
      rateOf: naive.rateOf ?? 'before',
      brier: rate === null ? null : label.reduce((sum, y) => sum + (y - rate) ** 2, 0) / label.length,
      rule: naive.rule,
      auc: ranking.value,
      undefined: {
        ...(ranking.value === null && { auc: ranking.reason }),
        ...(rate === null && { rate: unknown, brier: unknown }),
      },
    },
    againstNaive: unpacked(differences),
  };
}
