// The cheapest set of changes that adds enough to a linear score: continuous amounts, amounts in steps, and choices between levels. Exact.
import { ok, type Result, refuse } from '../../result.ts';

/** Something that can be changed, and what it brings. Gains count towards the goal; costs are above 0, in one unit. */
export type Lever =
  | {
      feature: string;
      kind: 'amount';
      current: number;
      /** Where it may go from here: +1 up, −1 down; gain and cost per unit, and how far. */
      direction: 1 | -1;
      gainPerUnit: number;
      costPerUnit: number;
      room: number;
      /** Whole steps only, e.g. 1 for a count; null for any amount. */
      step: number | null;
    }
  | { feature: string; kind: 'choice'; current: string; options: { value: string; gain: number; cost: number }[] };

export interface Change {
  feature: string;
  from: number | string;
  to: number | string;
  gain: number;
  cost: number;
}

export interface CheapestChange {
  changes: Change[];
  cost: number;
  gain: number;
}

export type ChangeRefusal =
  | { reason: 'impossible'; message: string /** The most that all levers together bring. */; most: number }
  | { reason: 'too-many-combinations'; message: string };

interface Option {
  to: number | string;
  gain: number;
  cost: number;
}
interface Discrete {
  lever: Lever;
  /** Cheapest first; the first is "as it is". */
  options: Option[];
}
interface Continuous {
  lever: Extract<Lever, { kind: 'amount' }>;
  gain: number;
  cost: number;
}

/** Beyond this many partial combinations the search stops. */
const MOST_NODES = 1_000_000;

/**
 * Minimises Σ cost subject to Σ gain ≥ needed.
 *
 * Continuous amounts alone are a fractional knapsack: best gain per cost first is optimal (Dantzig 1957). Steps and choices go by branch and bound
 * with that as the bound, each discrete lever relaxed to its best ratio. Ties go to the earlier lever.
 * @returns refused when all levers together do not reach it, or after a million partial combinations.
 */
export function cheapestChange(levers: readonly Lever[], needed: number): Result<CheapestChange, ChangeRefusal> {
  if (!(needed > 0)) return ok({ changes: [], cost: 0, gain: 0 });
  const continuous: Continuous[] = [];
  const discrete: Discrete[] = [];
  for (const lever of levers) {
    if (lever.kind === 'amount' && lever.step === null) {
      if (lever.gainPerUnit > 0 && lever.room > 0)
        continuous.push({ lever, gain: lever.gainPerUnit * lever.room, cost: lever.costPerUnit * lever.room });
    } else discrete.push({ lever, options: optionsOf(lever) });
  }
  const best = discrete.map(({ options }) => options.reduce((most, { gain }) => Math.max(most, gain), 0));
  const most = best.reduce((sum, gain) => sum + gain, 0) + continuous.reduce((sum, { gain }) => sum + gain, 0);
  if (most < needed)
    return refuse({
      reason: 'impossible',
      most,
      message: `the changes allowed bring at most ${most.toPrecision(4)} of the ${needed.toPrecision(4)} needed`,
    });
  const byRatio = (a: { gain: number; cost: number }, b: { gain: number; cost: number }) =>
    b.gain / b.cost - a.gain / a.cost;
  continuous.sort(byRatio);
  // What is left from each depth on, relaxed: a straight line to the best ratio, as far as the best gain.
  const relaxed = discrete.map((_, depth) =>
    [
      ...continuous,
      ...discrete.slice(depth).flatMap(({ options }, i) => {
        const ratio = options.reduce((top, { gain, cost }) => (gain > 0 ? Math.max(top, gain / cost) : top), 0);
        return ratio > 0 ? [{ gain: best[depth + i]!, cost: best[depth + i]! / ratio }] : [];
      }),
    ].sort(byRatio),
  );
  let nodes = 0;
  let found: { cost: number; picks: Option[] } | undefined;
  const picks: Option[] = [];
  const search = (depth: number, cost: number, rest: number): boolean => {
    if (++nodes > MOST_NODES) return false;
    const bound = cost + lineCost(relaxed[depth] ?? continuous, rest);
    if (bound === Number.POSITIVE_INFINITY || (found !== undefined && bound >= found.cost)) return true;
    if (depth === discrete.length) {
      found = { cost: bound, picks: [...picks] };
      return true;
    }
    for (const option of discrete[depth]!.options) {
      picks.push(option);
      const whole = search(depth + 1, cost + option.cost, rest - option.gain);
      picks.pop();
      if (!whole) return false;
      // Cheapest first: more than enough of this lever alone is never cheaper than just enough.
      if (rest - option.gain <= 0) break;
    }
    return true;
  };
  if (!search(0, 0, needed))
    return refuse({
      reason: 'too-many-combinations',
      message: `more than ${MOST_NODES} combinations: allow fewer levers, or larger steps`,
    });
  return ok(assemble(found!.picks, discrete, continuous, needed));
}

/** Cost of reaching `rest` along lines sorted by ratio; Infinity when they do not. */
function lineCost(lines: readonly { gain: number; cost: number }[], rest: number): number {
  let [cost, left] = [0, rest];
  for (const line of lines) {
    if (left <= 0) break;
    const part = Math.min(1, left / line.gain);
    cost += part * line.cost;
    left -= part * line.gain;
  }
  return left <= 1e-12 * Math.abs(rest) ? cost : Number.POSITIVE_INFINITY;
}

function optionsOf(lever: Lever): Option[] {
  const none = { to: lever.current, gain: 0, cost: 0 };
  if (lever.kind === 'choice') {
    const better = lever.options.filter(({ gain }) => gain > 0).sort((a, b) => a.cost - b.cost || b.gain - a.gain);
    return [none, ...better.map(({ value, gain, cost }) => ({ to: value, gain, cost }))];
  }
  const step = lever.step!;
  // 0.3 / 0.1 must count as three steps.
  const steps = lever.gainPerUnit > 0 ? Math.floor((lever.room / step) * (1 + 1e-12)) : 0;
  return Array.from({ length: Math.max(0, steps) + 1 }, (_, k) => ({
    to: lever.current + lever.direction * k * step,
    gain: k * step * lever.gainPerUnit,
    cost: k * step * lever.costPerUnit,
  }));
}

function assemble(picks: Option[], discrete: Discrete[], continuous: Continuous[], needed: number): CheapestChange {
  const changes: Change[] = [];
  let left = needed;
  picks.forEach(({ to, gain, cost }, i) => {
    const { feature, current } = discrete[i]!.lever;
    if (gain > 0) changes.push({ feature, from: current, to, gain, cost });
    left -= gain;
  });
  for (const { lever, gain, cost } of continuous) {
    if (left <= 0) break;
    const part = Math.min(1, left / gain);
    const to = lever.current + lever.direction * part * lever.room;
    changes.push({ feature: lever.feature, from: lever.current, to, gain: part * gain, cost: part * cost });
    left -= part * gain;
  }
  return {
    changes,
    cost: changes.reduce((sum, { cost }) => sum + cost, 0),
    gain: changes.reduce((sum, { gain }) => sum + gain, 0),
  };
}
