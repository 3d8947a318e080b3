// One cut-off of a backtest of value models: fitted on what was known then by the function that trains for serving, asked about the horizon by the
// kernels that serve, held against what came.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { type ClvModel, expectedOfNewCustomer } from '#domain/models/clv-model.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { mase } from '#domain/models/forecast-metrics.ts';
import type { FittedPurchases } from '#domain/models/misfit.ts';
import { expectedCumulative } from '#domain/models/tracking.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import type { Ledgers } from '../training/churn-rows.ts';
import { type ClvTraining, fitClv, modelOf } from '../training/fit-clv.ts';
import { ledgersOf } from '../training/ledgers.ts';
import { type HistoryOf, type HoldoutRows, historyOf, holdoutRows } from './holdout-rows.ts';
import {
  type ChurnVerdict,
  forecastOf,
  judgeChurn,
  judgePurchases,
  judgeSpend,
  type PurchaseVerdict,
  type SpendVerdict,
  spendColumns,
} from './judge-value.ts';
import { type Leakage, probeLeakage } from './leakage.ts';

export const VALUE_MODELS = ['clv', 'bg-nbd', 'mbg-nbd', 'pareto-nbd'] as const;
export type ValueModel = (typeof VALUE_MODELS)[number];

export interface ValueMetrics {
  /** Which purchase model answers, and why that one. */
  served: FittedPurchases['model'];
  reason: string;
  fits: (
    | { model: string; params: Readonly<Record<string, number>>; logLikelihood: number }
    | { model: string; params: null; reason: string }
  )[];
  customers: number;
  leftOut: HoldoutRows['leftOut'];
  purchases: PurchaseVerdict;
  spend: SpendVerdict | null;
  /** P(no purchase in the horizon) against who made none. */
  churn: ChurnVerdict;
  tracking: Tracking;
  diagnostics: Diagnostic[];
  /** Why a part is null, by its name. */
  undefined: Record<string, string>;
}

/** Repeat purchases of the customers known at the cut-off, cumulative, by week since the first purchase of all. */
export interface Tracking {
  origin: number;
  weeks: number[];
  actual: number[];
  expected: Record<string, number[]>;
  /** Of weekly totals after the cut-off, by the served model. */
  mase: number | null;
}

export interface CutoffVerdict<Metrics> {
  day: number;
  leakage: Leakage;
  metrics: Metrics;
}

export interface ValueQuestion {
  model: ValueModel;
  day: number;
  horizonDays: number;
  definitions: readonly ChurnDefinition[];
  seed: number;
}

/** Refuses with one sentence when no model can be fitted to what was known. */
export function valueCutoff(
  question: ValueQuestion,
  ledger: Ledger,
  settled: Ledgers,
  rowOf: HistoryOf = historyOf,
): Result<CutoffVerdict<ValueMetrics>, string> {
  const { model: wanted, day, horizonDays, seed } = question;
  const known = ledgersOf(ledger);
  const rows = holdoutRows(question, known, settled, rowOf);
  if (rows.sid.length === 0) return refuse('no customer who can be judged was known by then');
  const used = { sid: rows.sid, row: (i: number) => rows.history[i] };
  const leakage = probeLeakage(rowOf, used, day, known, settled, seed);
  const statistics = trainingStatistics(ledger, day);
  const fitted = fitClv(statistics, 'week');
  if (!fitted.ok) return refuse(fitted.reason);
  checkPopulation(rows, statistics.histories);
  const { fits, rivals } = fitted.value;
  const all = [fits.bgNbd, fits.mbgNbd, fits.paretoNbd];
  const chosen = all.find((fit) => fit.model === (wanted === 'clv' ? rivals.served : wanted))!;
  if (!chosen.ok) return refuse(`${wanted}: ${chosen.message}`);
  const models = all.flatMap((fit): [string, ClvModel][] =>
    fit.ok && (wanted === 'clv' || fit === chosen) ? [[fit.model, modelOf(fit, fits.gammaGamma, 'week')]] : [],
  );
  const served = { name: chosen.model, model: modelOf(chosen, fits.gammaGamma, 'week') };
  const forecasts = Object.fromEntries(
    models.map(([name, model]) => [name, forecastOf(model, rows.history, horizonDays)]),
  );
  const spend = spendColumns(rows, served.model, horizonDays, seed);
  const { tracking, why } = track(rows, models, served.name, day, horizonDays);
  return ok({
    day,
    leakage,
    metrics: {
      served: chosen.model,
      reason: wanted === 'clv' ? rivals.reason : `${wanted} was asked for`,
      fits: all.filter((fit) => wanted === 'clv' || fit === chosen).map(fitOf),
      customers: rows.sid.length,
      leftOut: rows.leftOut,
      purchases: judgePurchases(rows, forecasts, served, horizonDays, seed),
      spend: spend.value && judgeSpend(spend.value, seed),
      churn: judgeChurn(
        rows.purchases.map((n) => (n === 0 ? 1 : 0)),
        forecasts[served.name]!.pChurn,
        {
          rate: lostBefore(rows, horizonDays),
          rule: 'days since the last purchase',
          rank: Float64Array.from(rows.history, ({ T, recency }) => T - recency),
        },
        seed,
      ),
      tracking,
      diagnostics: wanted === 'clv' ? fitted.value.diagnostics : chosen.diagnostics,
      undefined: {
        ...(spend.value === null && { spend: spend.reason }),
        ...(why !== null && { 'tracking.mase': why }),
      },
    },
  });
}

/** Two ways to one population: rows made by `features`, and the statistics a fit is made of. */
function checkPopulation(rows: HoldoutRows, { frequency, weight }: { frequency: Float64Array; weight: Float64Array }) {
  const customers = weight.reduce((sum, w) => sum + w, 0);
  const repeats = frequency.reduce((sum, x, i) => sum + weight[i]! * x, 0);
  if (customers !== rows.population.customers || repeats !== rows.population.repeats)
    throw new Error(
      `features see ${rows.population.customers} customers with ${rows.population.repeats} repeat purchases, the fit ${customers} with ${repeats}: one of them counts what was not known at the cut-off`,
    );
}

/** Share of those known a horizon before the cut-off who bought nothing in it; null when nobody was. */
export function lostBefore({ history }: HoldoutRows, horizonDays: number): number | null {
  const there = history.filter(({ T }) => T >= horizonDays);
  return there.length === 0 ? null : there.filter(({ T, recency }) => T - recency >= horizonDays).length / there.length;
}

const fitOf = (fit: ClvTraining['fits']['bgNbd' | 'mbgNbd' | 'paretoNbd']): ValueMetrics['fits'][number] =>
  fit.ok
    ? { model: fit.model, params: { ...fit.params }, logLikelihood: fit.logLikelihood }
    : { model: fit.model, params: null, reason: fit.message };

/** Births and weeks make the same lengths again and again, and a fit at a boundary has expectations of several ms each. */
function remembered(of: (length: number) => number): (length: number) => number {
  const known = new Map<number, number>();
  return (length) => {
    const found = known.get(length) ?? of(length);
    known.set(length, found);
    return found;
  };
}

export function track(
  rows: HoldoutRows,
  models: readonly [string, ClvModel][],
  served: string,
  day: number,
  horizonDays: number,
): { tracking: Tracking; why: string | null } {
  const births = new Map<number, number>();
  for (const { firstDay } of rows.history) births.set(firstDay, (births.get(firstDay) ?? 0) + 1);
  const origin = [...births.keys()].reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
  const end = day + horizonDays;
  const days = Array.from({ length: Math.ceil((end - origin) / 7) }, (_, k) => Math.min(origin + 7 * (k + 1), end));
  const inWeek = new Array<number>(days.length).fill(0);
  for (const [each, n] of rows.repeats) inWeek[Math.max(0, Math.ceil((each - origin) / 7) - 1)]! += n;
  let sum = 0;
  const actual = inWeek.map((n) => {
    sum += n;
    return sum;
  });
  const groups = Array.from(births, ([start, customers]) => ({ start, customers }));
  const expected = Object.fromEntries(
    models.map(([name, model]) => [
      name,
      expectedCumulative(
        remembered((length) => expectedOfNewCustomer(model, length)),
        groups,
        days,
      ),
    ]),
  );
  // Whole weeks on either side of the cut-off.
  const [before, whole] = [Math.ceil((day - origin) / 7), Math.floor((end - origin) / 7)];
  const curve = expected[served]!;
  const weekly = curve.map((value, k) => value - (k === 0 ? 0 : curve[k - 1]!));
  const found = mase(
    Float64Array.from(inWeek.slice(before, whole)),
    Float64Array.from(weekly.slice(before, whole)),
    Float64Array.from(inWeek.slice(0, Math.floor((day - origin) / 7))),
  );
  const tracking = { origin, weeks: days.map((each) => (each - origin) / 7), actual, expected, mase: found.value };
  return { tracking, why: found.value === null ? found.reason : null };
}
