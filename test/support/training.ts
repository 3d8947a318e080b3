// The pool's trainings on the caller's thread: over any log, with the rows in a file as they are there.
import { ok } from '#domain/result.ts';
import { evaluate } from '#processors/evaluation/evaluate.ts';
import { featureReport } from '#processors/evaluation/feature-report.ts';
import type { JobProcess } from '#processors/job-process.ts';
import { readRows, writeRows } from '#processors/training/rows-file.ts';
import { trainModel } from '#processors/training/train-model.ts';
import { checkTraining } from '#processors/training/training-check.ts';
import { type TrainingLog, trainingRows } from '#processors/training/training-rows.ts';

const quiet = { progress: () => undefined, log: () => undefined };

export const trainingOn = (
  store: TrainingLog,
): Pick<JobProcess, 'trainingRows' | 'trainModel' | 'checkTraining' | 'evaluate' | 'featureReport'> => ({
  async trainingRows(_nats, plan, file, report) {
    const rows = await trainingRows(store, plan, report);
    return rows.ok ? ok({ digest: writeRows(file, rows.value), events: rows.value.events }) : rows;
  },
  async trainModel(plan, { file, digest }, report) {
    const rows = readRows(file, digest);
    return rows && trainModel(rows, plan, report);
  },
  evaluate: (_nats, plan, report) => evaluate(store, plan, report),
  featureReport: (_nats, plan, report) => featureReport(store, plan, report),
  checkTraining: (_nats, plan) => checkTraining(store, plan, quiet),
});
