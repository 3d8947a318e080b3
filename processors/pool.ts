// The worker pool (piscina) for what costs more than its own dispatch: fits, quantiles of many customers, the scores table. Jobs have a process of their
// own (job-process.ts).
// A closed-form prediction costs under a microsecond and is computed inline instead (a round trip here is 23–56 µs).
import { Piscina } from 'piscina';
import type { Comparison } from '#domain/deployment-comparison.ts';
import type { ClvColumnsAnswer, ClvColumnsRequest } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Result } from '#domain/result.ts';
import type { ComparisonRequest } from './deployment/compare-on.ts';
import type { PackRows } from './parquet-rows.ts';
import type { ChurnColumn, ChurnColumnsRequest } from './scoring/churn-columns.ts';
import type { ScoreColumns, ScoreHorizons, ScoreInput } from './scoring/score-columns.ts';
import type { ClvTraining, ClvTrainingData } from './training/fit-clv.ts';
import type { LogisticSumsRequest } from './training/fit-logistic.ts';
import type { CheckedFit, PurchaseModelName } from './training/fit-purchases.ts';
import type { PoolTask } from './worker.ts';

export interface Pool extends AsyncDisposable {
  fitClv(data: ClvTrainingData, unit: 'week' | 'day'): Promise<Result<ClvTraining, string>>;
  fitPurchases(name: PurchaseModelName, data: ClvTrainingData, unit: 'week' | 'day'): Promise<CheckedFit>;
  score(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): Promise<ScoreColumns>;
  scoreChurn(request: ChurnColumnsRequest): Promise<ChurnColumn>;
  clvColumns(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
  compareVersions(request: ComparisonRequest): Promise<Comparison>;
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
    compareVersions: (request) => run({ kind: 'compare-versions', request }),
    packRows: (text, layout) => run({ kind: 'pack-rows', text, layout }),
    logisticSums: (request) => run({ kind: 'logistic-sums', request }),
    threads,
    get queued() {
      return piscina.queueSize;
    },
    async [Symbol.asyncDispose]() {
      await piscina.close({ force: true });
    },
  };
}
