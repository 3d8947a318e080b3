// The thread side of the pool: picks the kernel and answers.
import { type ClvColumnsRequest, clvColumns } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { chunkSums } from '#domain/models/logistic-kernel.ts';
import { type ComparisonRequest, compareOn } from './deployment/compare-on.ts';
import { type ParquetLayout, packRows } from './parquet-rows.ts';
import { type ChurnColumnsRequest, churnColumn } from './scoring/churn-columns.ts';
import { type ScoreHorizons, type ScoreInput, scoreColumns } from './scoring/score-columns.ts';
import { type ClvTrainingData, fitClv } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import { fitPurchases, type PurchaseModelName } from './training/fit-purchases.ts';

export type PoolTask =
  | { kind: 'fit-clv'; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'fit-purchases'; name: PurchaseModelName; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'score'; model: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | { kind: 'score-churn'; request: ChurnColumnsRequest }
  | { kind: 'clv-columns'; request: ClvColumnsRequest }
  | { kind: 'compare-versions'; request: ComparisonRequest }
  | { kind: 'pack-rows'; text: string; layout: ParquetLayout }
  | { kind: 'logistic-sums'; request: LogisticSumsRequest };

export default function run(task: PoolTask): unknown {
  switch (task.kind) {
    case 'fit-clv':
      return fitClv(task.data, task.unit);
    case 'fit-purchases':
      return fitPurchases(task.name, task.data, task.unit);
    case 'score':
      return scoreColumns(task.model, task.input, task.horizons);
    case 'score-churn':
      return churnColumn(task.request);
    case 'clv-columns':
      return clvColumns(task.request);
    case 'compare-versions':
      return compareOn(task.request);
    case 'pack-rows':
      return packRows(task.text, task.layout);
    case 'logistic-sums':
      return chunkSums(task.request.rows, task.request.pass, task.request.from, task.request.to);
  }
}
