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
import { type ChurnColumnsRequest, churnColumn } from './scoring/churn-columns.ts';
import { type ScoreBase, type ScoredPart, scoreBase } from './scoring/score-base.ts';
import { type ScoreHorizons, type ScoreInput, scoreColumns } from './scoring/score-columns.ts';
import { type ChurnJob, trainChurn } from './training/churn-job.ts';
import { type ClvTrainingData, fitClv } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import { fitPurchases, type PurchaseModelName } from './training/fit-purchases.ts';

export type PoolTask =
  | { kind: 'fit-clv'; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'fit-purchases'; name: PurchaseModelName; data: ClvTrainingData; unit: 'week' | 'day' }
  | { kind: 'score'; model: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | { kind: 'score-churn'; request: ChurnColumnsRequest }
  | { kind: 'clv-columns'; request: ClvColumnsRequest }
  /** `nats` may hold a secret: never log it. */
  | { kind: 'train-churn'; nats: NatsOptions; job: ChurnJob }
  | { kind: 'backtest'; nats: NatsOptions; job: Backtest; judged: readonly number[]; report: MessagePort }
  | { kind: 'score-base'; nats: NatsOptions; work: ScoreBase; report: MessagePort }
  | { kind: 'logistic-sums'; request: LogisticSumsRequest };
/** What the scoring of a base says while it runs. */
export type ScoreBaseMessage =
  | { kind: 'progress'; done: number; total: number; note: string }
  | { kind: 'part'; part: ScoredPart }
  | { kind: 'end' };
/** What a backtest says while it runs. */
export type BacktestMessage =
  | { kind: 'progress'; done: number; total: number; note: string }
  | { kind: 'judged'; answer: CutoffAnswer }
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
    case 'train-churn':
      return trainFromLog(task.nats, task.job);
    case 'backtest':
      return backtestFromLog(task);
    case 'score-base':
      return scoreFromLog(task);
    case 'logistic-sums':
      return chunkSums(task.request.rows, task.request.pass, task.request.from, task.request.to);
  }
}

async function trainFromLog(options: NatsOptions, job: ChurnJob) {
  const nats = await connectNats(options, { name: 'axiom47 training' });
  try {
    return await trainChurn(createJetStreamStore(nats), job);
  } finally {
    await nats.close();
  }
}

async function backtestFromLog({ nats: options, job, judged, report }: Extract<PoolTask, { kind: 'backtest' }>) {
  const nats = await connectNats(options, { name: 'axiom47 backtest' });
  const say = (message: BacktestMessage) => report.postMessage(message);
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
  const nats = await connectNats(options, { name: 'axiom47 scoring' });
  const say = (message: ScoreBaseMessage) => report.postMessage(message);
  try {
    // Nobody is scored by a log that was tampered with.
    const totals = await scoreBase(sealedStore(createJetStreamStore(nats), silent), work, {
      progress: (done, total, note) => say({ kind: 'progress', done, total, note }),
      part: (part) => report.postMessage({ kind: 'part', part } satisfies ScoreBaseMessage, [part.bytes.buffer]),
    });
    // An answer overtakes messages: whoever listens waits for this one.
    say({ kind: 'end' });
    return totals;
  } finally {
    await nats.close();
  }
}
