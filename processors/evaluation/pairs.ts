// Every two versions on the same rows: by how much they differ, and how sure that is (paired bootstrap).
import { rulesInForce } from '#domain/deployment-rules.ts';
import { forecastStatistics, scoreStatistics } from '#domain/models/compare-scores.ts';
import { calibrationErrorBeyondChance, paired, profitByOffer } from '#domain/models/decision-statistics.ts';
import { pinballLoss } from '#domain/models/forecast-metrics.ts';
import { type PairedDifference, type PairedStatistic, pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import type { Offer } from '#domain/models/ranking-curves.ts';
import { sampleOf } from '../backtest/leakage.ts';

/** Rows a bootstrap draws from, at most, and how often. */
const SAMPLE = 20_000;
const DRAWS = 500;

export interface Pair {
  first: string;
  second: string;
  metric: string;
  better: 'lower' | 'higher';
  value:
    | (PairedDifference & {
        /** Share of draws in which the second is the better one. */ probabilitySecondBetter: number;
      })
    | null;
  /** Why there is no value. */
  reason?: string;
  /** Of profit: which. */
  offer?: Offer;
}

const HIGHER = new Set(['auc', 'profit']);

function pairOf(
  first: string,
  second: string,
  rows: number,
  statistics: Record<string, PairedStatistic>,
  seed: number,
): Pair[] {
  const found = pairedBootstrap(new Float64Array(rows).fill(1), statistics, { seed, draws: DRAWS });
  return Object.entries(found).map(([metric, { value, reason }]): Pair => {
    const better = HIGHER.has(metric) ? 'higher' : 'lower';
    if (value === null) return { first, second, metric, better, value, reason: reason ?? '' };
    const above = value.probabilityAbove;
    return {
      first,
      second,
      metric,
      better,
      value: { ...value, probabilitySecondBetter: better === 'higher' ? above : 1 - above },
    };
  });
}

const twos = <T>(all: readonly T[]): [T, T][] =>
  all.flatMap((first, i) => all.slice(i + 1).map((second): [T, T] => [first, second]));

/**
 * Scores of each version against one label: Brier score, log loss, AUC, calibration error beyond chance, profit a customer; one row a customer, so the
 * draws are of customers.
 *
 * @param told what an offer costs and brings; null: what the gates take it for.
 */
export function churnPairs(
  label: Float64Array,
  scores: readonly (readonly [id: string, score: Float64Array])[],
  told: Offer | null,
  seed: number,
): Pair[] {
  const offer = told ?? rulesInForce({}).offer;
  const sample = sampleOf(label.length, SAMPLE, seed);
  const pick = (of: Float64Array) => Float64Array.from(sample, (i) => of[i]!);
  const came = pick(label);
  return twos(scores).flatMap(([[first, one], [second, other]]) => {
    const [a, b] = [pick(one), pick(other)];
    const { brier, logLoss, auc } = scoreStatistics(came, a, b);
    const calibration = paired(calibrationErrorBeyondChance(came, a), calibrationErrorBeyondChance(came, b));
    const profit = paired(profitByOffer(came, a, offer), profitByOffer(came, b, offer));
    const statistics = { brier: brier!, logLoss: logLoss!, auc: auc!, eceBeyondChance: calibration, profit };
    return pairOf(first, second, sample.length, statistics, seed).map((pair) =>
      pair.metric === 'profit' ? { ...pair, offer } : pair,
    );
  });
}

/** Forecasts of one version for the same customers; quantiles by level. */
export interface ValueColumns {
  id: string;
  forecast: Float64Array;
  quantiles: readonly { level: number; value: Float64Array }[];
}

/** Mean absolute error, and pinball loss of each quantile. @param prefix of the metrics' names. */
export function valuePairs(
  actual: Float64Array,
  columns: readonly ValueColumns[],
  seed: number,
  prefix: 'mae' | 'maeSpend',
): Pair[] {
  const sample = sampleOf(actual.length, SAMPLE, seed);
  const pick = (of: Float64Array) => Float64Array.from(sample, (i) => of[i]!);
  const came = pick(actual);
  return twos(columns).flatMap(([a, b]) => {
    const statistics: Record<string, PairedStatistic> = {
      [prefix]: forecastStatistics(came, pick(a.forecast), pick(b.forecast)).mae!,
    };
    for (const { level, value } of a.quantiles) {
      const other = b.quantiles.find((each) => each.level === level);
      if (other === undefined) continue;
      const [mine, theirs] = [pick(value), pick(other.value)];
      statistics[`pinball${String(Math.round(100 * level)).padStart(2, '0')}`] = (weight) => [
        pinballLoss(came, mine, level, weight).value,
        pinballLoss(came, theirs, level, weight).value,
      ];
    }
    return pairOf(a.id, b.id, sample.length, statistics, seed);
  });
}
