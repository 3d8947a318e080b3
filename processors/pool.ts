// The worker pool (piscina) for what costs more than its own dispatch: fits, scoring the base, quantiles of many customers.
// A closed-form prediction costs under a microsecond and is computed inline instead (a round trip here is 23–56 µs).
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Comparison } from '#domain/deployment-comparison.ts';
import type { ClvColumnsAnswer, ClvColumnsRequest } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Result } from '#domain/result.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { Backtest, BacktestPlan, BacktestProgress } from './backtest/backtest.ts';
import type { ComparisonRequest } from './deployment/compare-on.ts';
import type { Evaluation } from './evaluation/evaluate.ts';
import type { FeatureReport, FeatureReportPlan } from './evaluation/feature-report.ts';
import type { EvaluationPlan } from './evaluation/plan.ts';
import { idleTime } from './idle-time.ts';
import type { JobThreads } from './modest.ts';
import type { PackRows } from './parquet-rows.ts';
import type { ChurnColumn, ChurnColumnsRequest } from './scoring/churn-columns.ts';
import type { ScoreBase, ScoreProgress, ScoreTotals } from './scoring/score-base.ts';
import type { ScoreColumns, ScoreHorizons, ScoreInput } from './scoring/score-columns.ts';
import type { ClvTraining, ClvTrainingData } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import type { CheckedFit, PurchaseModelName } from './training/fit-purchases.ts';
import type { TrainingPlan, TrainingProgress } from './training/plan.ts';
import type { Refusal } from './training/refusal.ts';
import type { TrainedModel } from './training/train-model.ts';
import type { TrainingCheck } from './training/training-check.ts';
import type { PoolTask, WorkMessage } from './worker.ts';

export interface Pool extends AsyncDisposable {
  fitClv(data: ClvTrainingData, unit: 'week' | 'day'): Promise<Result<ClvTraining, string>>;
  fitPurchases(name: PurchaseModelName, data: ClvTrainingData, unit: 'week' | 'day'): Promise<CheckedFit>;
  score(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): Promise<ScoreColumns>;
  scoreChurn(request: ChurnColumnsRequest): Promise<ChurnColumn>;
  clvColumns(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
  compareVersions(request: ComparisonRequest): Promise<Comparison>;
  /** What a training would find; nothing is written. */
  checkTraining(nats: NatsOptions, plan: TrainingPlan): Promise<Result<TrainingCheck, Refusal>>;
  /** Rows from the log, on a connection of its own, into the file. @param signal ends the thread at once, here and below. */
  trainingRows(
    nats: NatsOptions,
    plan: TrainingPlan,
    file: string,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<{ digest: string; events: number }, Refusal>>;
  /** Null when the file is gone or holds something else. @param digest of the file. */
  trainModel(
    plan: TrainingPlan,
    rows: { file: string; digest: string },
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<TrainedModel, Refusal> | null>;
  /**
   * Over the log, on a connection of its own.
   *
   * @param judged cut-offs (days) that need not be judged again.  @param signal ends the thread at once.
   */
  backtest(
    nats: NatsOptions,
    job: Backtest,
    judged: readonly number[],
    report: BacktestProgress,
    signal: AbortSignal,
  ): Promise<Result<BacktestPlan, string>>;
  /** Versions against what came, over the log, on a connection of its own.  @param signal ends the thread at once. */
  evaluate(
    nats: NatsOptions,
    plan: EvaluationPlan,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<Evaluation, Refusal>>;
  /** A set of features over the base, on a connection of its own.  @param signal ends the thread at once. */
  featureReport(
    nats: NatsOptions,
    plan: FeatureReportPlan,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<FeatureReport>;
  /** The whole base at a position, over the log, on a connection of its own.  @param signal ends the thread at once. */
  scoreBase(nats: NatsOptions, work: ScoreBase, say: ScoreProgress, signal: AbortSignal): Promise<ScoreTotals>;
  /** A row group of a Parquet file. */
  packRows: PackRows;
  /** Sums over some chunks of rows; the columns should lie in shared memory. */
  logisticSums(request: LogisticSumsRequest): Promise<Float64Array>;
  readonly threads: number;
  /** Tasks waiting for a thread. */
  readonly queued: number;
}

/** @param warm threads that are kept at hand; 0: none until there is work. */
export function createPool(threads = 2, warm = 1): Pool {
  // A thread that was ended leaves its place for a moment.
  const jobThreads = new Int32Array(new SharedArrayBuffer(4 * 4 * threads));
  const idle = idleTime(jobThreads);
  const piscina = new Piscina({
    filename: new URL('./worker.ts', import.meta.url).href,
    minThreads: warm,
    maxThreads: threads,
    idleTimeout: 30_000,
    // One task at a time is the rule here; the synchronous wait would keep a thread from answering its own port.
    atomics: 'async',
    workerData: { jobThreads } satisfies JobThreads,
  });
  const run = (task: PoolTask) => piscina.run(task);
  /** A task that speaks while it runs. */
  async function heard(
    task: (port: MessagePort) => PoolTask,
    report: Partial<BacktestProgress & TrainingProgress & ScoreProgress>,
    signal: AbortSignal,
  ) {
    const { port1, port2 } = new MessageChannel();
    const ended = Promise.withResolvers<void>();
    port1.on('message', (message: WorkMessage) => {
      if (message.kind === 'end') ended.resolve();
      else if (message.kind === 'judged') report.judged?.(message.answer);
      else if (message.kind === 'part') report.part?.(message.part);
      else if (message.kind === 'log') report.log?.(message.text);
      else report.progress?.(message.done, message.total, message.note);
    });
    try {
      const answer = await piscina.run(task(port2), { transferList: [port2], signal });
      await ended.promise;
      return answer;
    } finally {
      port1.close();
    }
  }
  return {
    fitClv: (data, unit) => run({ kind: 'fit-clv', data, unit }),
    fitPurchases: (name, data, unit) => run({ kind: 'fit-purchases', name, data, unit }),
    score: (model, input, horizons) => run({ kind: 'score', model, input, horizons }),
    scoreChurn: (request) => run({ kind: 'score-churn', request }),
    clvColumns: (request) => run({ kind: 'clv-columns', request }),
    compareVersions: (request) => run({ kind: 'compare-versions', request }),
    checkTraining: (nats, plan) => run({ kind: 'training-check', nats, plan }),
    trainingRows: (nats, plan, file, report, signal) =>
      heard((port) => ({ kind: 'training-rows', nats, plan, file, report: port }), report, signal),
    trainModel: (plan, { file, digest }, report, signal) =>
      heard((port) => ({ kind: 'train-model', plan, file, digest, report: port }), report, signal),
    backtest: (nats, job, judged, report, signal) =>
      heard((port) => ({ kind: 'backtest', nats, job, judged, report: port }), report, signal),
    evaluate: (nats, plan, report, signal) =>
      heard((port) => ({ kind: 'evaluate', nats, plan, report: port }), report, signal),
    featureReport: (nats, plan, report, signal) =>
      heard((port) => ({ kind: 'feature-report', nats, plan, report: port }), report, signal),
    scoreBase: (nats, work, say, signal) =>
      heard((port) => ({ kind: 'score-base', nats, work, report: port }), say, signal),
    packRows: (text, layout) => run({ kind: 'pack-rows', text, layout }),
    logisticSums: (request) => run({ kind: 'logistic-sums', request }),
    threads,
    get queued() {
      return piscina.queueSize;
    },
    async [Symbol.asyncDispose]() {
      idle[Symbol.dispose]();
      await piscina.close({ force: true });
    },
  };
}
