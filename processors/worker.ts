// The thread side of the pool: picks the kernel and answers.
import { type ClvColumnsRequest, clvColumns } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { type ScoreHorizons, type ScoreInput, scoreColumns } from './scoring/score-columns.ts';
import { type ClvTrainingData, fitClv } from './training/fit-clv.ts';
import { fitPurchases, type PurchaseModelName } from './training/fit-purchases.ts';

export type PoolTask =
  | { kind: 'fit-clv'; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'fit-purchases'; name: PurchaseModelName; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'score'; model: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | { kind: 'clv-columns'; request: ClvColumnsRequest };

export default function run(task: PoolTask): unknown {
  switch (task.kind) {
    case 'fit-clv':
      return fitClv(task.data, task.unit);
    case 'fit-purchases':
      return fitPurchases(task.name, task.data, task.unit);
    case 'score':
      return scoreColumns(task.model, task.input, task.horizons);
    case 'clv-columns':
      return clvColumns(task.request);
  }
}
