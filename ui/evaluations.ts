// What an evaluation answers of one version, by question: churn or value.
import type { SegmentCalibration } from '#domain/models/calibration-segments.ts';
import type { HistoryDependence } from '#domain/models/explanation/history-dependence.ts';
import type { Dependence } from '#domain/models/explanation/partial-dependence.ts';
import type { Importance } from '#domain/models/explanation/permutation-importance.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import type { ForecastMetrics } from '#domain/models/value-metrics.ts';
import type { ChurnVerdict, Differences, FrequencyClass, Pit, Tracked, Verdict } from './job-results.ts';
import type { Evaluation } from './models.ts';

export interface ChurnEvaluation {
  metrics: ScoreMetrics;
  againstNaive: Differences;
  segments: { by: string; segments: SegmentCalibration[] }[];
  /** `measure` is absent where it was judged before Cox models had one: the Brier score. */
  importance: { measure?: 'brier' | 'integrated-brier'; loss: number; rows: number; importances: Importance[] } | null;
  dependence: Omit<Dependence, 'ice'>[];
  undefined: Record<string, string>;
}
export interface ValueEvaluation {
  purchases: {
    models: Record<string, ForecastMetrics>;
    byFrequency: FrequencyClass[];
    againstNaive: Differences;
    pit: Pit;
  };
  spend: { model: ForecastMetrics; naive: ForecastMetrics; againstNaive: Differences; pit: Pit; n: number } | null;
  churn: ChurnVerdict;
  tracking: Tracked;
  /** Absent where it was judged before it was told. */
  dependence?: { of: 'spend' | 'purchases'; curves: HistoryDependence[] };
  undefined: Record<string, string>;
}
export interface Rival {
  name: string;
  metrics?: Verdict | null;
  reason?: string;
}

export const lossOf = (evaluation: Evaluation | undefined): ChurnEvaluation | null =>
  evaluation?.question === 'churn' ? (evaluation.result as unknown as ChurnEvaluation) : null;
export const worthOf = (evaluation: Evaluation | undefined): ValueEvaluation | null =>
  evaluation?.question === 'value' ? (evaluation.result as unknown as ValueEvaluation) : null;

export const BASIS_WORDS: Record<string, string> = {
  realised: 'it had learned nothing from after the cut-off',
  'held-out': 'customers it never learned from',
  refitted: 'its kind, fitted to what was known at the cut-off: the version itself has seen what came',
  'window-unknown': 'made outside: what it has seen is not known',
};
