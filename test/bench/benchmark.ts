// What a benchmark is: a figure, and how many times better it is than what was asked for or than a peer. Figures are printed, never asserted.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Measurement {
  name: string;
  value: number;
  unit: string;
  /** How many times better than `against`: value / limit where more is better, limit / value where less is. */
  ratio?: number;
  /** The limit asked for, or the peer with its figure. */
  against?: string;
}

export type Progress = (text: string) => void;

export interface Benchmark {
  /** What `axiom47 bench NAME` takes. */
  name: string;
  /** What is measured, in one line. */
  about: string;
  /** Options of Node for its process. */
  node?: string[];
  run(progress?: Progress): Promise<Measurement[]>;
}

/** Something the benchmark needs is not here; that is no failure. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun';
}

const short = (limit: number): string =>
  limit >= 1e6 ? `${limit / 1e6}M` : limit >= 1_000 ? `${limit / 1_000}k` : String(limit);

/** More is better. @example atLeast('read again', 600_000, 'events/s', 300_000) // ratio 2, against '>= 300k events/s' */
export const atLeast = (name: string, value: number, unit: string, limit: number): Measurement => ({
  name,
  value,
  unit,
  ratio: value / limit,
  against: `>= ${short(limit)} ${unit}`,
});

/** Less is better. @example atMost('acknowledgement, p99', 10, 'ms', 50) // ratio 5, against '< 50 ms' */
export const atMost = (name: string, value: number, unit: string, limit: number): Measurement => ({
  name,
  value,
  unit,
  ratio: limit / value,
  against: `< ${short(limit)} ${unit}`,
});

/** A peer's figure, measured where `against` says. */
export const versus = (name: string, ms: number, peerMs: number, peer: string): Measurement => ({
  name,
  value: ms,
  unit: 'ms',
  ratio: peerMs / ms,
  against: `${peer}, ${peerMs} ms on a 2-core Linux x64`,
});

/** Best of several timings, in ms: the machine has other work. */
export function best(times: number, work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** Of values in any order, by the nearest rank; 0 of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Measurement by measurement: the median of the values, and of the ratios, which a peer measured beside it makes differ. */
export function medianOfRounds(rounds: readonly Measurement[][]): Measurement[] {
  const [first = []] = rounds;
  return first.map((measurement) => {
    const same = rounds.flatMap((round) => round.filter((each) => each.name === measurement.name));
    const ratios = same.flatMap((each) => each.ratio ?? []);
    return {
      ...measurement,
      value: significant(median(same.map((each) => each.value))),
      ...(ratios.length > 0 && { ratio: significant(median(ratios)) }),
    };
  });
}

/** Nothing measured here is worth more digits. */
const significant = (value: number): number => Number(value.toPrecision(5));

const shared = process.env.AXIOM47_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));

/** A file of real data beside the checkout, where AXIOM47_SHARED points else ../shared; null when it is not there. */
export function sharedFile(...parts: string[]): string | null {
  const path = join(shared, ...parts);
  return existsSync(path) ? path : null;
}
