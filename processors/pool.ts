// The worker pool (piscina) for what costs more than its own dispatch: fits, scoring the base, quantiles of many customers.
// A closed-form prediction costs under a microsecond and is computed inline instead (a round trip here is 23–56 µs).
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ClvColumnsAnswer, ClvColumnsRequest } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Result } from '#domain/result.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { Backtest, BacktestPlan, BacktestProgress } from './backtest/backtest.ts';
import type { ChurnColumn, ChurnColumnsRequest } from './scoring/churn-columns.ts';
import type { ScoreBase, ScoreProgress, ScoreTotals } from './scoring/score-base.ts';
import type { ScoreColumns, ScoreHorizons, ScoreInput } from './scoring/score-columns.ts';
import type { ChurnJob, TrainedChurn } from './training/churn-job.ts';
import type { ClvTraining, ClvTrainingData } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import type { CheckedFit, PurchaseModelName } from './training/fit-purchases.ts';
import type { BacktestMessage, PoolTask, ScoreBaseMessage } from './worker.ts';

export interface Pool extends AsyncDisposable {
  fitClv(data: ClvTrainingData, unit: 'week' | 'day'): Promise<Result<ClvTraining, string>>;
  fitPurchases(name: PurchaseModelName, data: ClvTrainingData, unit: 'week' | 'day'): Promise<CheckedFit>;
  score(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): Promise<ScoreColumns>;
  scoreChurn(request: ChurnColumnsRequest): Promise<ChurnColumn>;
  clvColumns(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
  trainChurn(nats: NatsOptions, job: ChurnJob): Promise<Result<TrainedChurn, string>>;
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
  /** The whole base at a position, over the log, on a connection of its own.  @param signal ends the thread at once. */
  scoreBase(nats: NatsOptions, work: ScoreBase, say: ScoreProgress, signal: AbortSignal): Promise<ScoreTotals>;
  /** Sums over some chunks of rows; the columns should lie in shared memory. */
  logisticSums(request: LogisticSumsRequest): Promise<Float64Array>;
  readonly threads: number;
  /** Tasks waiting for a thread. */
  readonly queued: number;
}

/** @param warm threads that are kept at hand; 0: none until there is work. */
export function createPool(threads = 2, warm = 1): Pool {
  const piscina = new Piscina({
    filename: new URL('./worker.ts', import.meta.url).href,
    minThreads: warm,
    maxThreads: threads,
    idleTimeout: 30_000,
    // One task at a time is the rule here; the synchronous wait would keep a thread from answering its own port.
    atomics: 'async',
  });
  const run = (task: PoolTask) => piscina.run(task);
  return {
    fitClv: (data, unit) => run({ kind: 'fit-clv', data, unit }),
    fitPurchases: (name, data, unit) => run({ kind: 'fit-purchases', name, data, unit }),
    score: (model, input, horizons) => run({ kind: 'score', model, input, horizons }),
    scoreChurn: (request) => run({ kind: 'score-churn', request }),
    clvColumns: (request) => run({ kind: 'clv-columns', request }),
    trainChurn: (nats, job) => run({ kind: 'train-churn', nats, job }),
    async backtest(nats, job, judged, report, signal) {
      const { port1, port2 } = new MessageChannel();
      const ended = Promise.withResolvers<void>();
      port1.on('message', (message: BacktestMessage) => {
        if (message.kind === 'end') ended.resolve();
        else if (message.kind === 'judged') report.judged(message.answer);
        else report.progress(message.done, message.total, message.note);
      });
      try {
        const task: PoolTask = { kind: 'backtest', nats, job, judged, report: port2 };
        const plan: Result<BacktestPlan, string> = await piscina.run(task, { transferList: [port2], signal });
        await ended.promise;
        return plan;
      } finally {
        port1.close();
      }
    },
    async scoreBase(nats, work, say, signal) {
      const { port1, port2 } = new MessageChannel();
      const ended = Promise.withResolvers<void>();
      port1.on('message', (message: ScoreBaseMessage) => {
        if (message.kind === 'end') ended.resolve();
        else if (message.kind === 'part') say.part(message.part);
        else say.progress(message.done, message.total, message.note);
      });
      try {
        const task: PoolTask = { kind: 'score-base', nats, work, report: port2 };
        const totals: ScoreTotals = await piscina.run(task, { transferList: [port2], signal });
        await ended.promise;
        return totals;
      } finally {
        port1.close();
      }
    },
    logisticSums: (request) => run({ kind: 'logistic-sums', request }),
    threads,
    get queued() {
      return piscina.queueSize;
    },
    [Symbol.asyncDispose]: () => piscina.close({ force: true }),
  };
}
