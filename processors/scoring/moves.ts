// Who moved from one scoring of the base to the next, and why: each difference is split by computing the score again with one thing changed at a
// time, in a declared order. Values stand on a binary grid finer than anything a reader sees, so that the parts sum to the difference exactly.
import type { ChurnBand } from '#domain/models/clv-model.ts';
import type { CustomerScore } from './score-customer.ts';

/** First the day moves on, then what the customer did counts, then another model (or definition of churn) judges. */
export const MOVE_ORDER = ['clock', 'events', 'model'] as const;

/** none: without a score. new, gone: only there after, or before (joined with another customer). */
export type Place = ChurnBand | 'none' | 'new' | 'gone';

export interface Split {
  before: number;
  clock: number;
  events: number;
  model: number;
  /** = before + clock + events + model, exactly. */
  after: number;
}
export interface Mover {
  ref: string;
  from: Place;
  to: Place;
  p_churn: Split;
  clv_mean: Split | null;
}
/** Customers, and the sums of their lifetime value before and after, as far as they have one. */
export type Transitions = Record<string, { customers: number; clv_before: number; clv_after: number }>;
export interface Moves {
  /** By `from>to`. */
  transitions: Transitions;
  /** By how far P(churn) moved, largest first. */
  by_churn: Mover[];
  /** By how far lifetime value moved. */
  by_value: Mover[];
}

export type Scored = Pick<CustomerScore, 'pChurn' | 'clvMean' | 'band'>;
/** The four corners of the path. */
export interface Path {
  before: Scored;
  clock: Scored;
  events: Scored;
  after: Scored;
}

const MOVERS = 20;
/** Multiples of 2⁻⁴⁰ up to 1 and their differences are exact in a double … */
const PROBABILITY_GRID = 2 ** 40;
/** … and those of 2⁻²⁰ up to 8·10⁹ of money. */
const MONEY_GRID = 2 ** 20;

function splitOf(path: Path, name: 'pChurn' | 'clvMean', grid: number): Split | null {
  const [before, clock, events, after] = [path.before, path.clock, path.events, path.after].map((at) => {
    const value = at[name];
    return value === null ? Number.NaN : Math.round(value * grid) / grid;
  }) as [number, number, number, number];
  if (Number.isNaN(before + clock + events + after)) return null;
  return { before, clock: clock - before, events: events - clock, model: after - events, after };
}

const placeOf = ({ band }: Scored): Place => band ?? 'none';
const farther = (name: 'p_churn' | 'clv_mean') => {
  const far = (mover: Mover) => Math.abs((mover[name]?.after ?? 0) - (mover[name]?.before ?? 0));
  return (a: Mover, b: Mover) => far(b) - far(a) || (a.ref < b.ref ? -1 : 1);
};

export const noMoves = (): Moves => ({ transitions: {}, by_churn: [], by_value: [] });

function count({ transitions }: Moves, from: Place, to: Place, before: number | null, after: number | null): void {
  transitions[`${from}>${to}`] ??= { customers: 0, clv_before: 0, clv_after: 0 };
  const cell = transitions[`${from}>${to}`]!;
  cell.customers++;
  cell.clv_before += before ?? 0;
  cell.clv_after += after ?? 0;
}
function keep(list: Mover[], mover: Mover, by: ReturnType<typeof farther>): void {
  list.push(mover);
  if (list.length < 4 * MOVERS) return;
  list.sort(by);
  list.length = MOVERS;
}

export function addNew(moves: Moves, after: Scored): void {
  count(moves, 'new', placeOf(after), null, after.clvMean);
}
export function addGone(moves: Moves, before: Scored): void {
  count(moves, placeOf(before), 'gone', before.clvMean, null);
}
export function addMove(moves: Moves, ref: () => string, path: Path): void {
  const [from, to] = [placeOf(path.before), placeOf(path.after)];
  count(moves, from, to, path.before.clvMean, path.after.clvMean);
  if (path.before.pChurn === path.after.pChurn && path.before.clvMean === path.after.clvMean) return;
  const churn = splitOf(path, 'pChurn', PROBABILITY_GRID);
  if (churn === null) return;
  const mover: Mover = { ref: ref(), from, to, p_churn: churn, clv_mean: splitOf(path, 'clvMean', MONEY_GRID) };
  keep(moves.by_churn, mover, farther('p_churn'));
  if (mover.clv_mean !== null) keep(moves.by_value, mover, farther('clv_mean'));
}

/** Of several parts of a base, in their order. */
export function mergeMoves(parts: readonly Moves[]): Moves {
  const all = noMoves();
  for (const { transitions } of parts)
    for (const [key, cell] of Object.entries(transitions)) {
      all.transitions[key] ??= { customers: 0, clv_before: 0, clv_after: 0 };
      const sum = all.transitions[key]!;
      sum.customers += cell.customers;
      sum.clv_before += cell.clv_before;
      sum.clv_after += cell.clv_after;
    }
  const best = (name: 'by_churn' | 'by_value', by: ReturnType<typeof farther>) =>
    parts
      .flatMap((part) => part[name])
      .sort(by)
      .slice(0, MOVERS);
  all.by_churn = best('by_churn', farther('p_churn'));
  all.by_value = best('by_value', farther('clv_mean'));
  return all;
}
