// Lifetime values of several versions for the same customers, held against what they bought and spent: errors, order, distributions, tracking, by
// frequency and by the quarter they came in; going on as before and the rival purchase models beside.
import { type ClvModel, type CustomerHistory, expectClv, predictChurn } from '#domain/models/clv-model.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { type HistoryDependence, historyDependence } from '#domain/models/explanation/history-dependence.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { type ForecastMetrics, forecastMetrics } from '#domain/models/value-metrics.ts';
import { ok, type Result } from '#domain/result.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { type HoldoutRows, historyOf, holdoutRows } from '../backtest/holdout-rows.ts';
import {
  type ChurnVerdict,
  type Forecast,
  forecastOf,
  judgeChurn,
  judgePurchases,
  judgeSpend,
  type PurchaseVerdict,
  type SpendColumns,
  type SpendVerdict,
  spendColumns,
} from '../backtest/judge-value.ts';
import { type Leakage, probeLeakage, sampleOf } from '../backtest/leakage.ts';
import { lostBefore, type Tracking, track } from '../backtest/value-cutoff.ts';
import type { Ledgers } from '../training/churn-rows.ts';
import { fitClv, modelOf } from '../training/fit-clv.ts';
import { ledgersOf } from '../training/ledgers.ts';
import { type Refusal, refusal } from '../training/refusal.ts';
import { WHY_NO_IMPORTANCE } from './explained.ts';
import { type Pair, valuePairs } from './pairs.ts';
import { type Basis, basisOf, type EvaluatedModel, type EvaluationPlan } from './plan.ts';

export interface ValueSegment {
  segment: string;
  n: number;
  /** Purchases, Σ. */
  actual: number;
  forecast: number;
  mae: number | null;
  totalError: number | null;
}

export interface ValueModelEvaluation {
  id: string;
  kind: string;
  basis: Basis;
  /** Of the purchase model that answered: the version's own, or refitted. */
  params: Readonly<Record<string, number>>;
  /** Of a refit: what deserves attention in it, a parameter at its bound foremost. */
  findings: readonly Diagnostic[];
  /** `served` is the version itself; the rivals and `naive` stand beside. */
  purchases: PurchaseVerdict;
  spend: SpendVerdict | null;
  churn: ChurnVerdict;
  tracking: Tracking;
  segments: { by: string; segments: ValueSegment[] }[];
  /** How the forecast over the horizon moves with what it knows of a customer: of spend, or of purchases where the model knows no money. */
  dependence: { of: 'spend' | 'purchases'; curves: HistoryDependence[] };
  /** Why a part is null, by its name. */
  undefined: Record<string, string>;
}

export interface ValueEvaluation {
  question: 'value';
  rows: { n: number; leftOut: HoldoutRows['leftOut'] };
  leakage: Leakage;
  models: ValueModelEvaluation[];
  /** Fitted on what was known at the cut-off: purchases, and spend with Gamma-Gamma. */
  rivals: {
    name: string;
    purchases: ForecastMetrics | null;
    spend: ForecastMetrics | null;
    findings: readonly Diagnostic[];
    reason?: string;
  }[];
  pairs: Pair[];
}

export function evaluateValue(
  plan: EvaluationPlan,
  day: number,
  ledger: Ledger,
  settled: Ledgers,
): Result<ValueEvaluation, Refusal> {
  const { horizonDays, seed } = plan;
  const known = ledgersOf(ledger);
  const rows = holdoutRows({ day, horizonDays, definitions: plan.definitions }, known, settled);
  if (rows.sid.length === 0)
    return refusal('too-little-data', 'no customer who can be judged was known at the cut-off');
  const leakage = probeLeakage(historyOf, { sid: rows.sid, row: (i) => rows.history[i] }, day, known, settled, seed);
  const rivals = rivalsAt(ledger, day);
  const asked = plan.models.map((each) => usedAt(each, rivals, day));
  const missing = asked.find((each) => !each.ok);
  if (missing && !missing.ok) return refusal('too-little-data', missing.reason);
  const used = asked.flatMap((each) => (each.ok ? [each.value] : []));
  const beside = rivals.flatMap(({ name, model }): [string, Forecast][] =>
    model === null ? [] : [[name, forecastOf(model, rows.history, horizonDays)]],
  );
  const forecasts = used.map(({ model }) => forecastOf(model, rows.history, horizonDays));
  const spends = used.map(({ model }) => spendColumns(rows, model, horizonDays, seed));
  const rate = lostBefore(rows, horizonDays);
  const judged = spends.find(({ value }) => value !== null)?.value?.row ?? [];
  const models = used.map(({ id, model, basis, findings }, k): ValueModelEvaluation => {
    const { tracking, why } = track(rows, [['served', model], ...curves(rivals)], 'served', day, horizonDays);
    const spend = spends[k]!;
    const explained = dependenceOf(model, rows, horizonDays, seed);
    return {
      id,
      kind: 'clv',
      basis,
      params: { ...(model.bgNbd ?? model.mbgNbd ?? model.paretoNbd) },
      findings,
      purchases: judgePurchases(
        rows,
        { served: forecasts[k]!, ...Object.fromEntries(beside) },
        { name: 'served', model },
        horizonDays,
        seed,
      ),
      spend: spend.value && judgeSpend(spend.value, seed),
      churn: judgeChurn(
        rows.purchases.map((n) => (n === 0 ? 1 : 0)),
        forecasts[k]!.pChurn,
        {
          rate,
          rule: 'days since the last purchase',
          rank: Float64Array.from(rows.history, ({ T, recency }) => T - recency),
        },
        seed,
      ),
      tracking,
      segments: [{ by: 'first purchase quarter', segments: byQuarter(rows, forecasts[k]!.expected) }],
      dependence: explained.dependence,
      undefined: {
        importance: WHY_NO_IMPORTANCE,
        ...explained.undefined,
        ...(spend.value === null && { spend: spend.reason }),
        ...(why !== null && { 'tracking.mase': why }),
      },
    };
  });
  return ok({
    question: 'value',
    rows: { n: rows.sid.length, leftOut: rows.leftOut },
    leakage,
    models,
    rivals: rivals.map((rival) => besideOf(rival, rows, horizonDays, judged)),
    pairs: [
      ...valuePairs(
        rows.purchases,
        used.map(({ id }, k) => ({ id, forecast: forecasts[k]!.expected, quantiles: [] })),
        seed,
        'mae',
      ),
      ...spendPairs(
        used,
        spends.map(({ value }) => value),
        seed,
      ),
    ],
  });
}

/** Customers whose curves are averaged. */
const DEPENDENCE_ROWS = 500;

function dependenceOf(model: ClvModel, { history }: HoldoutRows, horizonDays: number, seed: number) {
  const ofSpend = model.gammaGamma !== undefined;
  const expected = (each: CustomerHistory): Result<number, string> => {
    const said = ofSpend
      ? expectClv(model, each, { horizonDays, discountMonthly: 0 })
      : predictChurn(model, each, horizonDays);
    if (!said.ok) return { ok: false, reason: `the model says nothing of some of them: ${said.reason.message}` };
    return ok('expectedSpend' in said.value ? said.value.expectedSpend : said.value.expectedPurchases);
  };
  const repeaters = history.filter(({ frequency, withoutRate }) => frequency > 0 && !withoutRate);
  const chosen = sampleOf(repeaters.length, DEPENDENCE_ROWS, seed).map((i) => repeaters[i]!);
  const { dependence: curves, undefined: missing } = historyDependence(expected, chosen, ofSpend);
  const of: ValueModelEvaluation['dependence']['of'] = ofSpend ? 'spend' : 'purchases';
  return { dependence: { of, curves }, undefined: missing };
}

interface Used {
  id: string;
  model: ClvModel;
  basis: Basis;
  findings: readonly Diagnostic[];
}
interface Rival {
  name: string;
  model: ClvModel | null;
  findings: readonly Diagnostic[];
  reason: string;
}

function rivalsAt(ledger: Ledger, day: number): Rival[] {
  const fitted = fitClv(trainingStatistics(ledger, day), 'week');
  if (!fitted.ok) return [{ name: 'bg-nbd', model: null, findings: [], reason: fitted.reason }];
  const { bgNbd, mbgNbd, paretoNbd, gammaGamma } = fitted.value.fits;
  return [bgNbd, mbgNbd, paretoNbd].map((fit) => ({
    name: fit.model,
    model: fit.ok ? modelOf(fit, gammaGamma, 'week') : null,
    findings: fit.ok ? fit.diagnostics : [],
    reason: fit.ok ? '' : fit.message,
  }));
}

const curves = (rivals: readonly Rival[]) =>
  rivals.flatMap(({ name, model }): [string, ClvModel][] => (model === null ? [] : [[name, model]]));

/** The version itself, or its kind as it would have been fitted at the cut-off. */
function usedAt(each: EvaluatedModel, rivals: readonly Rival[], day: number): Result<Used, string> {
  const { id, model } = each;
  if (model.model !== 'clv') throw new Error(`${id} is no value model`);
  const basis = basisOf(each, day);
  if (basis !== 'refitted') return ok({ id, model, basis, findings: [] });
  const kind = model.bgNbd ? 'bg-nbd' : model.mbgNbd ? 'mbg-nbd' : 'pareto-nbd';
  const rival = rivals.find(({ name }) => name === kind) ?? rivals[0]!;
  return rival.model === null
    ? { ok: false, reason: `${id} cannot be fitted to what was known at the cut-off: ${rival.reason}` }
    : ok({ id, model: rival.model, basis, findings: rival.findings });
}

/** By expectations alone: distributions cost a hundred times as much, and are asked of the versions. @param judged whose spend is known. */
function besideOf(
  { name, model, findings, reason }: Rival,
  rows: HoldoutRows,
  horizonDays: number,
  judged: readonly number[],
): ValueEvaluation['rivals'][number] {
  if (model === null) return { name, purchases: null, spend: null, findings, reason };
  const { expected } = forecastOf(model, rows.history, horizonDays);
  const purchases = forecastMetrics({ actual: rows.purchases, forecast: expected });
  const spend = new Float64Array(judged.length);
  for (const [k, i] of judged.entries()) {
    const said = expectClv(model, rows.history[i]!, { horizonDays, discountMonthly: 0 });
    if (!said.ok) return { name, purchases, spend: null, findings, reason: said.reason.message };
    spend[k] = said.value.expectedSpend;
  }
  const actual = Float64Array.from(judged, (i) => rows.spend[i]!);
  return {
    name,
    purchases,
    spend: judged.length === 0 ? null : forecastMetrics({ actual, forecast: spend }),
    findings,
  };
}

/** By the quarter of the year of the first purchase. */
function byQuarter(rows: HoldoutRows, forecast: Float64Array): ValueSegment[] {
  const members = new Map<string, number[]>();
  rows.history.forEach(({ firstDay }, i) => {
    const [year, month] = dateOf(firstDay).split('-');
    const name = `${year} Q${Math.ceil(Number(month) / 3)}`;
    const known = members.get(name) ?? [];
    known.push(i);
    members.set(name, known);
  });
  return [...members.keys()].sort().map((segment): ValueSegment => {
    const of = members.get(segment)!;
    const pick = (column: Float64Array) => Float64Array.from(of, (i) => column[i]!);
    const { actualTotal, forecastTotal, mae, totalError } = forecastMetrics({
      actual: pick(rows.purchases),
      forecast: pick(forecast),
    });
    return { segment, n: of.length, actual: actualTotal, forecast: forecastTotal, mae, totalError };
  });
}

function spendPairs(used: readonly Used[], spends: readonly (SpendColumns | null)[], seed: number): Pair[] {
  const columns = used.flatMap(({ id }, k) => {
    const spend = spends[k];
    return spend ? [{ id, forecast: spend.forecast, quantiles: spend.quantiles, actual: spend.actual }] : [];
  });
  return columns.length < 2 ? [] : valuePairs(columns[0]!.actual, columns, seed, 'maeSpend');
}
