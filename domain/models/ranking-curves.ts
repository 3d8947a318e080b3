// The curves behind the ranking figures: ROC, precision and recall, gain and lift, profit of an offer. All areas are of the whole curve; only
// the points handed out are thinned.
import { eachTie, type Measured, measured, ONE_CLASS, type ScoredRows, unmeasured } from './scored-rows.ts';

/** What lies at or above each distinct score, from the highest down; index 0 is "nobody". */
interface Cumulative {
  threshold: Float64Array;
  events: Float64Array;
  others: Float64Array;
  /** Entries used. */
  length: number;
}

function cumulative(rows: ScoredRows): Cumulative {
  const n = rows.order.length;
  const [threshold, events, others] = [new Float64Array(n + 1), new Float64Array(n + 1), new Float64Array(n + 1)];
  let at = n + 1;
  // Ascending, so filled from the back with the weights at each score, then summed from the front.
  eachTie(rows, (p, q, from) => {
    if (p + q === 0) return;
    at--;
    threshold[at] = rows.score[rows.order[from]!]!;
    events[at] = p;
    others[at] = q;
  });
  const length = n + 2 - at;
  threshold.copyWithin(1, at);
  events.copyWithin(1, at);
  others.copyWithin(1, at);
  threshold[0] = Number.POSITIVE_INFINITY;
  events[0] = others[0] = 0;
  for (let i = 1; i < length; i++) {
    events[i]! += events[i - 1]!;
    others[i]! += others[i - 1]!;
  }
  return { threshold, events, others, length };
}

/**
 * Indices to draw of a monotone curve: corners always, when there are at most `most`; else one each time the curve has gone 2/`most` of its way
 * in x and y together, so that no dropped point is further than that from the line drawn.
 */
function thinned(x: Float64Array, y: Float64Array, length: number, most: number): number[] {
  const last = length - 1;
  const corners: number[] = [];
  for (let i = 0; i < length; i++) {
    const before = corners.at(-1);
    const straight =
      before !== undefined &&
      i < last &&
      (x[i]! - x[before]!) * (y[i + 1]! - y[i]!) === (x[i + 1]! - x[i]!) * (y[i]! - y[before]!);
    if (!straight) corners.push(i);
  }
  if (corners.length <= most) return corners;
  const way = (i: number) => x[i]! / (x[last] || 1) + y[i]! / (y[last] || 1);
  const kept: number[] = [];
  let next = Number.NEGATIVE_INFINITY;
  for (const i of corners) {
    if (way(i) < next && i !== last) continue;
    kept.push(i);
    next = way(i) + 2 / most;
  }
  return kept;
}

export interface RocPoint {
  /** Flagged are scores ≥ threshold; null for nobody. */
  threshold: number | null;
  falsePositiveRate: number;
  truePositiveRate: number;
}

/** ROC curve from (0, 0) to (1, 1) and its exact area (the AUC). @param most points at most, about. @returns null with one class. */
export function rocCurve(rows: ScoredRows, most = 200): Measured<{ area: number; points: RocPoint[] }> {
  const { positives, negatives } = rows;
  if (!(positives > 0 && negatives > 0)) return unmeasured(ONE_CLASS);
  const { threshold, events, others, length } = cumulative(rows);
  let twice = 0;
  for (let i = 1; i < length; i++) twice += (others[i]! - others[i - 1]!) * (events[i]! + events[i - 1]!);
  const points = thinned(others, events, length, most).map((i) => ({
    threshold: i === 0 ? null : threshold[i]!,
    falsePositiveRate: others[i]! / negatives,
    truePositiveRate: events[i]! / positives,
  }));
  return measured({ area: twice / (2 * positives * negatives), points });
}

export interface PrecisionRecallPoint {
  threshold: number;
  recall: number;
  precision: number;
}

/** Precision and recall from the highest threshold down. Drawn as steps: precision holds back to the recall before. @returns null without events. */
export function precisionRecallCurve(rows: ScoredRows, most = 200): Measured<PrecisionRecallPoint[]> {
  const { positives } = rows;
  if (!(positives > 0)) return unmeasured('no events: recall is not defined');
  const { threshold, events, others, length } = cumulative(rows);
  const all = events.map((p, i) => p + others[i]!);
  return measured(
    thinned(all, events, length, most)
      .filter((i) => i > 0)
      .map((i) => ({ threshold: threshold[i]!, recall: events[i]! / positives, precision: events[i]! / all[i]! })),
  );
}

export interface Gain {
  /** Share of all rows reached, from the highest scores down. */
  share: number;
  /** Lowest score reached. */
  threshold: number;
  /** Share of all events among them. */
  captured: number;
  /** captured / share: how many times better than by chance. */
  lift: number;
  /** Event rate in this step alone. */
  rate: number;
}

/** Cumulative gain and lift at 1/steps, 2/steps, … of the rows. Rows of one score are shared out in proportion. @returns null without events. */
export function gainTable(rows: ScoredRows, steps = 10): Measured<Gain[]> {
  const { positives, total } = rows;
  if (!(positives > 0)) return unmeasured('no events: the overall rate is 0');
  const { threshold, events, others, length } = cumulative(rows);
  const gains: Gain[] = [];
  let [at, before] = [1, 0];
  for (let step = 1; step <= steps; step++) {
    const wanted = (total * step) / steps;
    while (at < length - 1 && events[at]! + others[at]! < wanted) at++;
    const [low, high] = [events[at - 1]! + others[at - 1]!, events[at]! + others[at]!];
    const part = Math.min(1, (wanted - low) / (high - low));
    const reached = step === steps ? positives : events[at - 1]! + part * (events[at]! - events[at - 1]!);
    const share = step / steps;
    gains.push({
      share,
      threshold: threshold[at]!,
      captured: reached / positives,
      lift: reached / positives / share,
      rate: ((reached - before) * steps) / total,
    });
    before = reached;
  }
  return measured(gains);
}

/** What reaching a customer costs and what an event among those reached is worth, in one currency: benefit = value kept × share of events averted. */
export interface Offer {
  cost: number;
  benefit: number;
}

export interface ProfitPoint {
  /** Reached are scores ≥ threshold; null for nobody. */
  threshold: number | null;
  /** Share of all rows reached. */
  share: number;
  profit: number;
}

export interface ProfitCurve {
  points: ProfitPoint[];
  /** The most profitable cut; on the rows it was found on, so it flatters itself a little. */
  best: ProfitPoint;
  /** Profit of reaching everyone; reaching nobody is 0. */
  everyone: number;
  /** Where cost meets expected benefit, cost / benefit: the cut to take when the score is a calibrated probability. Null without a benefit. */
  breakEven: number | null;
}

/** Profit = benefit · events reached − cost · rows reached, by cut. @throws RangeError for a cost or benefit that is not a finite number ≥ 0. */
export function profitCurve(rows: ScoredRows, { cost, benefit }: Offer, most = 200): Measured<ProfitCurve> {
  for (const [name, value] of Object.entries({ cost, benefit }))
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`${name} ${value} is not a finite number ≥ 0`);
  if (!(rows.total > 0)) return unmeasured('no rows with weight');
  const { threshold, events, others, length } = cumulative(rows);
  const point = (i: number): ProfitPoint => ({
    threshold: i === 0 ? null : threshold[i]!,
    share: (events[i]! + others[i]!) / rows.total,
    profit: benefit * events[i]! - cost * (events[i]! + others[i]!),
  });
  let best = point(0);
  for (let i = 1; i < length; i++) {
    const each = point(i);
    if (each.profit > best.profit) best = each;
  }
  const points = thinned(others, events, length, most).map(point);
  if (!points.some(({ threshold: at }) => at === best.threshold)) {
    points.push(best);
    points.sort((a, b) => a.share - b.share);
  }
  return measured({ points, best, everyone: point(length - 1).profit, breakEven: benefit > 0 ? cost / benefit : null });
}
