// A logistic fit on several threads: the columns lie in shared memory, each thread sums its share of the chunks of every pass, and the sums are
// added in the order of the chunks, so the answer has the bits of `fitLogistic` on one thread.
import {
  fitLogisticBy,
  type LogisticColumns,
  type LogisticModel,
  type LogisticOptions,
  type LogisticRefused,
} from '#domain/models/logistic.ts';
import { rowsOf } from '#domain/models/logistic-design.ts';
import { addChunks, chunksOf, type LogisticRows, type Pass } from '#domain/models/logistic-kernel.ts';

export interface LogisticSumsRequest {
  rows: LogisticRows;
  pass: Pass;
  /** Chunks `from` to before `to`. */
  from: number;
  to: number;
}

/** What the pool offers to this. */
interface Threads {
  readonly threads: number;
  logisticSums(request: LogisticSumsRequest): Promise<Float64Array>;
}

/**
 * `fitLogistic` on all threads of the pool; pays from about a million cells. Columns that do not lie in shared memory are copied into it first.
 *
 * @throws as `fitLogistic`.
 */
export function fitLogisticOn(
  pool: Threads,
  data: LogisticColumns,
  options: LogisticOptions,
): Promise<LogisticModel | LogisticRefused> {
  const own = rowsOf(data);
  const rows = { features: own.features.map(shared), label: shared(own.label), weight: shared(own.weight) };
  const chunks = chunksOf(rows);
  const parts = Math.min(chunks, pool.threads);
  const bounds = Array.from({ length: parts + 1 }, (_, part) => Math.round((part * chunks) / parts));
  return fitLogisticBy(rows, data.names, options, async (pass) => {
    const stretches = bounds.slice(1).map((to, part) => pool.logisticSums({ rows, pass, from: bounds[part]!, to }));
    return addChunks(rows, pass, await Promise.all(stretches));
  });
}

function shared(column: Float64Array): Float64Array {
  if (column.buffer instanceof SharedArrayBuffer) return column;
  const copy = new Float64Array(new SharedArrayBuffer(column.byteLength));
  copy.set(column);
  return copy;
}
