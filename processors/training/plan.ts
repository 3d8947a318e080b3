// The question of one training, whole: with it, the log answers the same bits whenever it is asked.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { CHURN_MODELS } from '#domain/models/churn-model.ts';
import type { Offsets } from '#domain/time.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';

export const TRAINED_KINDS = [...CHURN_MODELS, 'clv'] as const;
export type TrainedKind = (typeof TRAINED_KINDS)[number];

export interface TrainingPlan {
  kind: TrainedKind;
  /** Read by the churn models. */
  definition: ChurnDefinition;
  /** churn-logistic: how many cut-offs at most, one horizon apart, the last one settled. */
  cutoffs: number;
  /** Days after a label's last one in which late events may still arrive; null: 7 when there is live input, else 0. */
  latenessDays: number | null;
  /** churn-logistic: of who learns, who calibrates and who judges. */
  seed: number;
  /** Features and attributes (`attribute:NAME`) that the model must not know. */
  without: readonly string[];
  /** Version of the features the rows are made of; churn models. */
  featureSet: number;
  /** The log up to here … */
  seq: number;
  /** … and the local day it has reached. */
  today: number;
  offsets: Offsets;
  ledger: LedgerOptions;
  /** Folder of the fold's snapshots, to begin from where one is exact; null: from the log's beginning. */
  snapshotDir: string | null;
}

/** What a training says while it runs; nothing of it is kept. */
export interface TrainingProgress {
  progress(done: number, total: number, note: string): void;
  log(text: string): void;
}
