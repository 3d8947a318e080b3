// The thread side of the pool: picks the kernel and answers.
import { type ClvModel, type ClvOptions, type CustomerHistory, predictClv } from '#domain/models/clv-model.ts';
import { type ScoreHorizons, type ScoreInput, scoreColumns } from './scoring/score-columns.ts';
import { type ClvTrainingData, fitClv } from './training/fit-clv.ts';

export type PoolTask =
  | { kind: 'fit-clv'; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'score'; model: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | { kind: 'predict-clv'; model: ClvModel; customers: CustomerHistory[]; options: ClvOptions };

export default function run(task: PoolTask): unknown {
  switch (task.kind) {
    case 'fit-clv':
      return fitClv(task.data, task.unit);
    case 'score':
      return scoreColumns(task.model, task.input, task.horizons);
    case 'predict-clv':
      return task.customers.map((customer) => predictClv(task.model, customer, task.options));
  }
}
