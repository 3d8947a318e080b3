// A set of features over the base at a position: how often each is unknown, how its values lie, whether any is outside what its definition says, and
// whether one of them moves with the future. Reads the log and writes nothing.
import { featureRow, featureSet, pinOf } from '#domain/churn-features.ts';
import type { FeatureDefinition, FeatureRow, FeatureValue } from '#domain/feature-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { Offsets } from '#domain/time.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import { type Leakage, probeLeakage, sampleOf } from '../backtest/leakage.ts';
import { ledgersOf } from '../training/ledgers.ts';
import type { TrainingProgress } from '../training/plan.ts';
import { readLog, type TrainingLog } from '../training/training-rows.ts';
import { FEW, foldedLevels, innerEnds } from './few.ts';

export interface FeatureReportPlan {
  /** Version of the set. */
  set: number;
  /** The local day the features are asked for. */
  day: number;
  seed: number;
  seq: number;
  offsets: Offsets;
  ledger: LedgerOptions;
  snapshotDir: string | null;
}

export interface FeatureStatistics {
  name: string;
  version: number;
  n: number;
  nulls: number;
  nullRate: number;
  /** Of numbers, but for nine customers at each end: the least and the most are somebody's. null where too little is known. */
  min: number | null;
  max: number | null;
  mean: number | null;
  outOfRange: number;
  /**
   * Numbers: equal steps up to the 99 % point, those of few customers together with the next; a bin holds from ≤ value < to, the first what lies below it
   * too, the last its end and what lies above.
   */
  histogram: { from: number; to: number; count: number }[] | null;
  /** Texts: the commonest, the others together, and with them those of few customers. */
  levels: { level: string; count: number }[] | null;
}

export interface FeatureReport {
  set: { name: string; version: number };
  asOf: { seq: number; at: string };
  /** Customers with a purchase or a subscription, and how many of them were looked at. */
  customers: number;
  sampled: number;
  leakage: Leakage;
  features: FeatureStatistics[];
  findings: {
    code: 'out-of-range' | 'null-not-allowed' | 'wrong-type' | 'leakage';
    feature: string | null;
    message: string;
  }[];
}

const SAMPLE = 50_000;
const BINS = 20;
const LEVELS = 20;

export async function featureReport(
  store: TrainingLog,
  plan: FeatureReportPlan,
  report: TrainingProgress,
): Promise<FeatureReport> {
  const set = featureSet(plan.set);
  if (set === null) throw new RangeError(`there is no feature set customer@${plan.set}`);
  const ledgers = ledgersOf(await readLog(store, plan, report));
  const there = (each: CustomerEntries): boolean =>
    !each.erased &&
    !each.anonymous &&
    (each.orders.some(({ day }) => day <= plan.day) || each.subscriptions.some(({ day }) => day <= plan.day));
  const everybody: string[] = [];
  for (const each of ledgers.customers()) if (there(each)) everybody.push(each.sid);
  const sid = sampleOf(everybody.length, SAMPLE, plan.seed).map((i) => everybody[i]!);
  const rowOf = (entries: CustomerEntries, day: number, context: typeof ledgers.context): FeatureRow =>
    featureRow(entries, day, context, plan.set);
  const rows = sid.map((each) => rowOf(ledgers.of(each)!, plan.day, ledgers.context));
  const leakage = probeLeakage(rowOf, { sid, row: (i) => rows[i] }, plan.day, ledgers, ledgers, plan.seed);
  const features = set.features.map((feature) =>
    statisticsOf(
      feature,
      rows.map((row) => row[feature.name] ?? null),
    ),
  );
  return {
    set: { name: set.name, version: set.version },
    asOf: { seq: plan.seq, at: dateOf(plan.day) },
    customers: everybody.length,
    sampled: sid.length,
    leakage,
    features,
    findings: findingsOf(set.features, features, rows, leakage),
  };
}

export function statisticsOf(
  { name, version, dtype, range: [least, most] }: FeatureDefinition,
  values: readonly FeatureValue[],
): FeatureStatistics {
  const known = values.filter((value) => value !== null);
  const bare = {
    name,
    version,
    n: values.length,
    nulls: values.length - known.length,
    nullRate: values.length === 0 ? 0 : 1 - known.length / values.length,
  };
  const numbers = Float64Array.from(known.filter((value) => typeof value === 'number')).sort();
  if (dtype === 'text')
    return {
      ...bare,
      min: null,
      max: null,
      mean: null,
      outOfRange: 0,
      histogram: null,
      levels: levelsOf(known.map(String)),
    };
  const ends = innerEnds(numbers);
  return {
    ...bare,
    min: ends?.least ?? null,
    max: ends?.most ?? null,
    mean: numbers.length < FEW ? null : numbers.reduce((sum, value) => sum + value, 0) / numbers.length,
    outOfRange: numbers.reduce((sum, value) => sum + (value < (least ?? value) || value > (most ?? value) ? 1 : 0), 0),
    histogram: histogramOf(numbers),
    levels: null,
  };
}

/** @param sorted ascending. */
function histogramOf(sorted: Float64Array): NonNullable<FeatureStatistics['histogram']> {
  const ends = innerEnds(sorted);
  if (ends === null) return [];
  const { least, most } = ends;
  const high = Math.min(most, sorted[Math.ceil(0.99 * sorted.length) - 1]!);
  const step = (high - least) / BINS;
  // All at one value, or all but the tail; or no number lies between.
  if (!(step > 0 && Number.isFinite(step))) {
    const tail = most > least ? sorted.reduce((sum, value) => sum + (value > least ? 1 : 0), 0) : 0;
    const one = { from: least, to: least, count: sorted.length - tail };
    return tail === 0 ? [one] : [one, { from: least, to: most, count: tail }];
  }
  const counts = new Uint32Array(BINS);
  for (const value of sorted) counts[Math.min(BINS - 1, Math.max(0, Math.floor((value - least) / step)))]!++;
  const bins: NonNullable<FeatureStatistics['histogram']> = [];
  let open: { from: number; count: number } | null = null;
  for (const [k, count] of counts.entries()) {
    open ??= { from: least + k * step, count: 0 };
    open.count += count;
    if (open.count < FEW) continue;
    bins.push({ ...open, to: least + (k + 1) * step });
    open = null;
  }
  const last = bins.at(-1)!;
  last.count += open?.count ?? 0;
  last.to = most;
  return bins;
}

function levelsOf(texts: readonly string[]): NonNullable<FeatureStatistics['levels']> {
  const counts = new Map<string, number>();
  for (const level of foldedLevels(texts, LEVELS)) counts.set(level, (counts.get(level) ?? 0) + 1);
  return Array.from(counts, ([level, count]) => ({ level, count })).sort(
    (a, b) => b.count - a.count || (a.level < b.level ? -1 : 1),
  );
}

function findingsOf(
  definitions: readonly FeatureDefinition[],
  statistics: readonly FeatureStatistics[],
  rows: readonly FeatureRow[],
  leakage: Leakage,
): FeatureReport['findings'] {
  const found: FeatureReport['findings'] = [];
  for (const [i, feature] of definitions.entries()) {
    const { nulls, outOfRange } = statistics[i]!;
    const pin = pinOf(feature);
    const wrong = rows.filter((row) => {
      const value = row[feature.name] ?? null;
      return value !== null && (feature.dtype === 'text' ? typeof value !== 'string' : !Number.isFinite(value));
    }).length;
    if (wrong > 0) found.push({ code: 'wrong-type', feature: pin, message: `${wrong} values are no ${feature.dtype}` });
    if (outOfRange > 0)
      found.push({
        code: 'out-of-range',
        feature: pin,
        message: `${outOfRange} values lie outside ${feature.range.map((end) => end ?? '…').join(' to ')}`,
      });
    if (nulls > 0 && feature.nulls === null)
      found.push({
        code: 'null-not-allowed',
        feature: pin,
        message: `${nulls} values are not known, and its definition says it always is`,
      });
  }
  if (leakage.differing > 0)
    found.push({
      code: 'leakage',
      feature: null,
      message: `the rows of ${leakage.differing} of ${leakage.checked} customers move with what comes after the day`,
    });
  return found;
}
