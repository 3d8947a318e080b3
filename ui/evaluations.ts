// What an evaluation answers of one version, by question: churn or value.
import type { SegmentCalibration } from '#domain/models/calibration-segments.ts';
import type { HistoryDependence } from '#domain/models/explanation/history-dependence.ts';
import type { Dependence } from '#domain/models/explanation/partial-dependence.ts';
import type { Importance } from '#domain/models/explanation/permutation-importance.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import type { ForecastMetrics } from '#domain/models/value-metrics.ts';
import { day, time } from './format.ts';
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
  basis?: 'refitted' | 'divided';
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
  divided:
    'its kind, fitted to what is known today of four fifths and judged on the other: at the cut-off there was nothing to fit',
  'window-unknown': 'made outside: what it has seen is not known',
};

/** In the address: no evaluation, but what its training said. */
export const TRAINING = 'training';
/** What is looked at; the newest evaluation until another one is chosen. Undefined: its training. */
export const chosenOf = <E extends Pick<Evaluation, 'job'>>(
  items: readonly E[],
  judged: string | undefined,
): E | undefined => (judged === TRAINING ? undefined : (items.find(({ job }) => job === judged) ?? items[0]));

/** Names that tell them apart: by the day they were foretold on, and where that is the same, by when they were judged. */
export function evaluationNames(
  items: readonly Pick<Evaluation, 'question' | 'cutoff' | 'ended_at'>[],
  zone: string,
): string[] {
  const names = items.map(({ question, cutoff }) => `${question} foretold on ${day(cutoff)}`);
  return names.map((name, i) => {
    const { ended_at: at } = items[i]!;
    return at === null || names.indexOf(name) === names.lastIndexOf(name) ? name : `${name}, judged ${time(at, zone)}`;
  });
}
