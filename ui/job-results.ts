// What jobs have found, as GET /api/jobs/{id} answers it: the parts of it that the console draws. The API keeps results as they were written, so an
// older job may lack what a newer one has: such parts are optional here.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import type { PairedDifference } from '#domain/models/paired-bootstrap.ts';
import type { ForecastMetrics } from '#domain/models/value-metrics.ts';

export interface AsOf {
  seq: number;
  at: string;
}
export type Differences = Record<string, PairedDifference | { value: null; reason: string }>;
/** Backtests keep a score's metrics without its curves. */
export type Verdict = Omit<ScoreMetrics, 'roc' | 'precisionRecall' | 'gain' | 'profit'> &
  Partial<Pick<ScoreMetrics, 'roc' | 'precisionRecall' | 'gain' | 'profit'>>;
export interface ChurnVerdict {
  model: Verdict;
  naive: { rate: number | null; brier: number | null; rule: string; auc: number | null };
  againstNaive: Differences;
}
export interface Pit {
  p: number | null;
  histogram: number[] | null;
  n: number;
  reason?: string;
}
export interface FrequencyClass {
  x: number | string;
  n: number;
  actual: number;
  forecast: Record<string, number>;
}
export interface Tracked {
  /** Local day, since 1970. */
  origin: number;
  weeks: number[];
  actual: number[];
  expected: Record<string, number[]>;
  mase: number | null;
}
export interface ValueMetrics {
  served: string;
  reason: string;
  customers: number;
  purchases: {
    models: Record<string, ForecastMetrics>;
    byFrequency: FrequencyClass[];
    againstNaive: Differences;
    pit: Pit;
  };
  spend: { model: ForecastMetrics; naive: ForecastMetrics; againstNaive: Differences; pit: Pit; n: number } | null;
  churn: ChurnVerdict;
  tracking: Tracked;
  undefined: Record<string, string>;
}
export interface ChurnMetrics {
  definition: ChurnDefinition;
  customers: number;
  lost: number;
  models: Record<string, (ChurnVerdict & { rows: Record<string, { n: number; lost: number }> }) | null>;
  undefined: Record<string, string>;
}
export interface BacktestCutoff {
  asOf: AsOf;
  until: string;
  metrics: ValueMetrics | ChurnMetrics | null;
  leakage: { checked: number; differing: number } | null;
  reason?: string;
}
export interface BacktestResult {
  model: string;
  horizonDays: number;
  asOf: AsOf;
  cutoffs: BacktestCutoff[];
  leakage: { checked: number; differing: number };
  beyondDays: number;
  latenessDays: number;
}
export const isValue = (metrics: ValueMetrics | ChurnMetrics): metrics is ValueMetrics => 'purchases' in metrics;

export interface Found {
  code: string;
  message: string;
}
export interface TrainResult extends Record<string, unknown> {
  kind: string;
  id: string;
  version: number;
  digest: string;
  deployed: boolean;
  refused: Found | null;
  definition: ChurnDefinition | null;
  asOf: AsOf;
}

export interface CheckItem {
  item: string;
  unit: string;
  asked: number;
  found: number;
  missing: number;
  required: boolean;
  by: string;
}
export interface TrainingCheck {
  kind: string;
  definition: ChurnDefinition | null;
  asOf: AsOf;
  customers: number;
  cutoffs: { at: string; eligible: number; lost: number; kept: number; used: boolean }[];
  latenessDays: number;
  excluded: { reason: string; customers: number }[];
  checklist: CheckItem[];
  ready: boolean;
  windows: { days: number; silent: number; returned: number; rate: number | null }[];
  proposed: { days: number; why: string } | null;
}

export interface Split {
  before: number;
  clock: number;
  events: number;
  model: number;
  after: number;
}
export interface Mover {
  ref: string;
  from: string;
  to: string;
  p_churn: Split;
  clv_mean: Split | null;
}
export interface ScoreResult {
  as_of: AsOf;
  family: string;
  asked: {
    horizonDays: number | null;
    value: { months?: number; horizonDays?: number };
    quantiles: boolean;
    discountMonthly: number;
  };
  customers: number;
  rows: number;
  not_scored: Record<string, number>;
  bands: Record<string, { customers: number; clv: number | null }>;
  format: string;
  identified: boolean;
  file: { name: string; bytes: number; sha256: string } | null;
  delta: {
    against: { job: string; as_of: AsOf };
    transitions: Record<string, { customers: number; clv_before: number; clv_after: number }>;
    by_churn: Mover[];
    by_value: Mover[];
  } | null;
  estimate: {
    customers: number;
    seconds: number;
    bytes: number;
    sampled: number;
    customers_per_second: number;
    read_seconds: number;
  } | null;
}
