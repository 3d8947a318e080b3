// The state sketch beside DDSketch and the t-digest: accuracy, merging, bytes, speed. `bench sketches` prints the table of ADR 0007.
import { amounts, CONTESTANTS, type Contestant, errorsOf, LEVELS, split } from '../support/sketches.ts';
import type { Benchmark, Measurement } from './benchmark.ts';

const VALUES = 1_000_000;
const PARTS = 64;

function timed<T>(rounds: number, work: () => T): { ms: number; result: T } {
  let ms = Number.POSITIVE_INFINITY;
  let result!: T;
  for (let k = 0; k < rounds; k++) {
    const begun = performance.now();
    result = work();
    ms = Math.min(ms, performance.now() - begun);
  }
  return { ms, result };
}

function measured<Sketch>(contestant: Contestant<Sketch>, values: Float64Array, sorted: Float64Array): Measurement[] {
  const { name, of, merge, quantile, bytes } = contestant;
  const filled = timed(3, () => of(values));
  const parts = split(values, PARTS).map(of);
  const merged = timed(5, () => merge(parts));
  const asked = timed(5, () => {
    for (let k = 0; k < 100; k++) for (const level of LEVELS) quantile(merged.result, level);
  });
  const whole = errorsOf(contestant, filled.result, sorted);
  const joined = errorsOf(contestant, merged.result, sorted);
  const moved = LEVELS.map((q) => Math.abs(quantile(merged.result, q) / quantile(filled.result, q) - 1));
  const row = (what: string, value: number, unit: string) => ({ name: `${name}: ${what}`, value, unit });
  return [
    row('worst relative error, p2 to p99.9', 100 * whole.value, '%'),
    row('worst error in rank', 100 * whole.rank, '%'),
    row(`the same, ${PARTS} parts merged`, 100 * joined.value, '%'),
    row('merged parts against the whole, worst difference', 100 * Math.max(...moved), '%'),
    row('stored', bytes(filled.result), 'bytes'),
    row('insert', (filled.ms / VALUES) * 1e6, 'ns'),
    row('merge of one part', (merged.ms / PARTS) * 1e3, 'µs'),
    row('quantile', (asked.ms / 100 / LEVELS.length) * 1e3, 'µs'),
  ];
}

async function sketches(): Promise<Measurement[]> {
  const values = amounts(VALUES, 1);
  const sorted = values.toSorted();
  return CONTESTANTS.flatMap((contestant) => measured(contestant, values, sorted));
}

export const benchmarks: Benchmark[] = [
  { name: 'sketches-compare', about: 'log buckets, DDSketch and t-digest on a million amounts', run: sketches },
];
