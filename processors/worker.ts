// The thread side of the pool: picks the kernel and answers.
import type { MessagePort } from 'node:worker_threads';
import { type ClvColumnsRequest, clvColumns } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { chunkSums } from '#domain/models/logistic-kernel.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { type Backtest, backtest, type CutoffAnswer } from './backtest/backtest.ts';
import { type ComparisonRequest, compareOn } from './deployment/compare-on.ts';
import { evaluate } from './evaluation/evaluate.ts';
import { type FeatureReportPlan, featureReport } from './evaluation/feature-report.ts';
import type { EvaluationPlan } from './evaluation/plan.ts';
import { stepBack } from './modest.ts';
import { type ParquetLayout, packRows } from './parquet-rows.ts';
import { type ChurnColumnsRequest, churnColumn } from './scoring/churn-columns.ts';
import { type ScoreBase, type ScoredPart, scoreBase } from './scoring/score-base.ts';
import { type ScoreHorizons, type ScoreInput, scoreColumns } from './scoring/score-columns.ts';
import { type ClvTrainingData, fitClv } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import { fitPurchases, type PurchaseModelName } from './training/fit-purchases.ts';
import type { TrainingPlan } from './training/plan.ts';
import { readRows, writeRows } from './training/rows-file.ts';
import { trainModel } from './training/train-model.ts';
import { checkTraining } from './training/training-check.ts';
import { type TrainingLog, trainingRows } from './training/training-rows.ts';

export type PoolTask =
  | { kind: 'fit-clv'; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'fit-purchases'; name: PurchaseModelName; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'score'; model: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | { kind: 'score-churn'; request: ChurnColumnsRequest }
  | { kind: 'clv-columns'; request: ClvColumnsRequest }
  | { kind: 'compare-versions'; request: ComparisonRequest }
  /** `nats` may hold a secret: never log it. */
  | { kind: 'training-check'; nats: NatsOptions; plan: TrainingPlan }
  | { kind: 'training-rows'; nats: NatsOptions; plan: TrainingPlan; file: string; report: MessagePort }
  | { kind: 'train-model'; plan: TrainingPlan; file: string; digest: string; report: MessagePort }
  | { kind: 'backtest'; nats: NatsOptions; job: Backtest; judged: readonly number[]; report: MessagePort }
  | { kind: 'evaluate'; nats: NatsOptions; plan: EvaluationPlan; report: MessagePort }
  | { kind: 'feature-report'; nats: NatsOptions; plan: FeatureReportPlan; report: MessagePort }
  | { kind: 'score-base'; nats: NatsOptions; work: ScoreBase; report: MessagePort }
  | { kind: 'pack-rows'; text: string; layout: ParquetLayout }
  | { kind: 'logistic-sums'; request: LogisticSumsRequest };
/** What long work says while it runs. */
export type WorkMessage =
  | { kind: 'progress'; done: number; total: number; note: string }
  | { kind: 'log'; text: string }
  | { kind: 'judged'; answer: CutoffAnswer }
  | { kind: 'part'; part: ScoredPart }
  | { kind: 'end' };

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
    case 'training-check':
      return withLog(task.nats, (log) => checkTraining(log, task.plan, quiet));
    case 'training-rows':
      return rowsFromLog(task);
    case 'train-model':
      return trainFromRows(task);
    case 'backtest':
      return backtestFromLog(task);
    case 'evaluate':
      return evaluateFromLog(task);
    case 'feature-report':
      return reportFromLog(task);
    case 'score-base':
      return scoreFromLog(task);
    case 'pack-rows':
      return packRows(task.text, task.layout);
    case 'logistic-sums':
      return chunkSums(task.request.rows, task.request.pass, task.request.from, task.request.to);
  }
}

const quiet = { progress: () => undefined, log: () => undefined };
const telling = (port: MessagePort) => {
  const say = (message: WorkMessage) => port.postMessage(message);
  return {
    progress: (done: number, total: number, note: string) => say({ kind: 'progress', done, total, note }),
    log: (text: string) => say({ kind: 'log', text }),
    /** An answer overtakes messages: whoever listens waits for this one. */
    end: () => say({ kind: 'end' }),
  };
};

/** Nothing is learned from a log that was tampered with. */
async function withLog<T>(options: NatsOptions, work: (log: TrainingLog) => Promise<T>): Promise<T> {
  stepBack();
  const nats = await connectNats(options, { name: 'axiom47 training' });
  try {
    return await work(sealedStore(createJetStreamStore(nats), silent));
  } finally {
    await nats.close();
  }
}

async function rowsFromLog({ nats, plan, file, report }: Extract<PoolTask, { kind: 'training-rows' }>) {
  const told = telling(report);
  const rows = await withLog(nats, (log) => trainingRows(log, plan, told));
  const answer = rows.ok
    ? { ok: true as const, value: { digest: writeRows(file, rows.value), events: rows.value.events } }
    : rows;
  told.end();
  return answer;
}

function trainFromRows({ plan, file, digest, report }: Extract<PoolTask, { kind: 'train-model' }>) {
  stepBack();
  const told = telling(report);
  const rows = readRows(file, digest);
  const trained = rows && trainModel(rows, plan, told);
  told.end();
  return trained;
}

async function evaluateFromLog({ nats, plan, report }: Extract<PoolTask, { kind: 'evaluate' }>) {
  const told = telling(report);
  const evaluated = await withLog(nats, (log) => evaluate(log, plan, told));
  told.end();
  return evaluated;
}

async function reportFromLog({ nats, plan, report }: Extract<PoolTask, { kind: 'feature-report' }>) {
  const told = telling(report);
  const found = await withLog(nats, (log) => featureReport(log, plan, told));
  told.end();
  return found;
}

async function backtestFromLog({ nats: options, job, judged, report }: Extract<PoolTask, { kind: 'backtest' }>) {
  stepBack();
  const nats = await connectNats(options, { name: 'axiom47 backtest' });
  const say = (message: WorkMessage) => report.postMessage(message);
  try {
    // Nothing is judged by a log that was tampered with.
    const store = sealedStore(createJetStreamStore(nats), silent);
    const plan = await backtest(
      store,
      job,
      {
        progress: (done, total, note) => say({ kind: 'progress', done, total, note }),
        judged: (answer) => say({ kind: 'judged', answer }),
      },
      new Set(judged),
    );
    // An answer overtakes messages: whoever listens waits for this one.
    say({ kind: 'end' });
    return plan;
  } finally {
    await nats.close();
  }
}

async function scoreFromLog({ nats: options, work, report }: Extract<PoolTask, { kind: 'score-base' }>) {
  stepBack();
  const nats = await connectNats(options, { name: 'axiom47 scoring' });
  const told = telling(report);
  try {
    // Nobody is scored by a log that was tampered with.
    const totals = await scoreBase(sealedStore(createJetStreamStore(nats), silent), work, {
      progress: told.progress,
      part: (part) => report.postMessage({ kind: 'part', part } satisfies WorkMessage, [part.bytes.buffer]),
    });
    told.end();
    return totals;
  } finally {
    await nats.close();
  }
}
