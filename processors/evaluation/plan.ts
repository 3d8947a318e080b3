// The question of one evaluation, whole: versions of the registry, held on the same rows against what came.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Offer } from '#domain/models/ranking-curves.ts';
import type { Offsets } from '#domain/time.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import { DIVISION } from '../training/train-churn.ts';

export const QUESTIONS = ['churn', 'value'] as const;
export type Question = (typeof QUESTIONS)[number];

/** A version of the registry, with what it had seen. */
export interface EvaluatedModel {
  /** `name@version`. */
  id: string;
  model: ChurnModel | ClvModel;
  /** The local day the log had reached when it was made; null: made outside. */
  learnedUntil: number | null;
  /** Of a classifier: who learned, who calibrated, who judged (processors/training, `partOf`). */
  seed: number;
  /** Of a classifier: by which rule the customers were divided (`DIVISION`); null: by one that is not known any more. */
  division: number | null;
  /** Of a classifier: the moments its rows are of, local days, ascending. */
  cutoffs: readonly number[];
}

/**
 * What makes a figure honest. realised: the version had learned nothing after the cut-off. held-out: customers it never learned from, of a time it
 * has seen. refitted: the same kind fitted on what was known at the cut-off, because the version itself has seen what came. divided: where at the cut-off
 * there was nothing to fit, as in a table of one day, the same kind fitted on what is known today of four fifths, judged on the other.
 * window-unknown: made outside, or divided otherwise, so nobody can tell.
 */
export type Basis = 'realised' | 'held-out' | 'refitted' | 'divided' | 'window-unknown';

export interface EvaluationPlan {
  question: Question;
  models: readonly EvaluatedModel[];
  /** Of churn: eligibility, horizon and what lost means. */
  definition: ChurnDefinition;
  /** Days foretold; of churn the definition's. */
  horizonDays: number;
  /** The cut-off; null: the latest whose outcomes have settled. */
  day: number | null;
  /** What reaching one costs and what an event reached brings; null: no profit is told. */
  offer: Offer | null;
  /** A feature or `attribute:NAME` to judge by; null: those the program chooses. */
  segment: string | null;
  /** Days after the horizon in which late events may arrive; null: 7 when there is live input, else 0. */
  latenessDays: number | null;
  /** Definitions in force: who is under contract is judged by no model of purchases. */
  definitions: readonly ChurnDefinition[];
  seed: number;
  /** The log up to here, and the local day it has reached. */
  seq: number;
  today: number;
  offsets: Offsets;
  ledger: LedgerOptions;
  /** Folder of the fold's snapshots; null: from the log's beginning. */
  snapshotDir: string | null;
}

/** How a version stands to outcomes after `day`. */
export function basisOf({ model, learnedUntil, division }: EvaluatedModel, day: number): Basis {
  if (learnedUntil === null) return 'window-unknown';
  if (day >= learnedUntil) return 'realised';
  if (model.model !== 'churn-logistic') return 'refitted';
  return division === DIVISION ? 'held-out' : 'window-unknown';
}
