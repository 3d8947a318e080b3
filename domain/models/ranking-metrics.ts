// How well a score ranks: AUC with its interval, average precision, Kolmogorov–Smirnov distance, lift. One pass over the ordered rows each.
import { eachTie, type Measured, measured, ONE_CLASS, type ScoredRows, unmeasured } from './scored-rows.ts';

/** 97.5 % point of the standard normal. */
export const Z95 = 1.959963984540054;

export interface AucInterval {
  standardError: number;
  lower: number;
  upper: number;
}

/**
 * Area under the ROC curve: P(score of an event > score of a non-event) + ½ P(equal), by mid-ranks.
 *
 * Hanley & McNeil (1982). With weights each row counts `weight` times.
 * @returns in [0, 1]; null when all labels are equal.
 * @example auc(scoredRows({ label: Float64Array.of(0, 1, 1), score: Float64Array.of(0.2, 0.2, 0.7) })).value // 0.75
 */
export function auc(rows: ScoredRows): Measured {
  const { positives, negatives } = rows;
  if (!(positives > 0 && negatives > 0)) return unmeasured(ONE_CLASS);
  let below = 0;
  let area = 0;
  eachTie(rows, (events, others) => {
    area += events * (below + others / 2);
    below += others;
  });
  return measured(area / (positives * negatives));
}

/**
 * 95 % interval of the AUC by DeLong, DeLong & Clarke-Pearson (1988): Var = S₁₀/m + S₀₁/n, S the sample variances of each row's placement
 * among the rows of the other class; AUC ± 1.96 √Var, cut to [0, 1]. Sun & Xu (2014) for the mid-rank form, O(n log n).
 *
 * Rows are taken as independent: several rows of one customer make it too narrow. Weights are repetitions.
 * @returns null when a class has one row or fewer, or when no placement varies (a perfect or constant score), where the normal interval is void.
 */
export function aucInterval(rows: ScoredRows): Measured<AucInterval> {
  const { positives, negatives } = rows;
  const area = auc(rows);
  if (area.value === null) return area;
  if (!(positives > 1 && negatives > 1)) return unmeasured('an interval needs more than one row of each label');
  let below = 0;
  let passed = 0;
  let ofEvents = 0;
  let ofOthers = 0;
  const centre = area.value;
  eachTie(rows, (events, others) => {
    ofEvents += events * ((below + others / 2) / negatives - centre) ** 2;
    ofOthers += others * ((positives - passed - events / 2) / positives - centre) ** 2;
    below += others;
    passed += events;
  });
  const variance = ofEvents / (positives - 1) / positives + ofOthers / (negatives - 1) / negatives;
  if (!(variance > 0))
    return unmeasured('the score separates the labels perfectly, or not at all: the interval has no width');
  const standardError = Math.sqrt(variance);
  return measured({
    standardError,
    lower: Math.max(0, centre - Z95 * standardError),
    upper: Math.min(1, centre + Z95 * standardError),
  });
}

/**
 * Average precision Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores from the highest down, and the trapezoid area under (recall, precision) from the
 * anchor (0, 1), which is optimistic: a constant score at prevalence ½ gives ¾ there and ½ by average precision.
 *
 * @returns null without events.
 */
export function averagePrecision(rows: ScoredRows): Measured<{ averagePrecision: number; trapezoid: number }> {
  const { positives, total } = rows;
  if (!(positives > 0)) return unmeasured('no events: recall is not defined');
  let [above, aboveEvents] = [total, positives];
  let [sum, trapezoid] = [0, 0];
  // Of the next lower threshold.
  let [lowerShare, lowerPrecision] = [0, 0];
  // Ascending: each step knows precision at its own threshold; the trapezoid pairs it with the next higher one.
  eachTie(rows, (events, others) => {
    if (events + others === 0) return;
    const precision = aboveEvents / above;
    sum += (events / positives) * precision;
    trapezoid += (lowerShare * (lowerPrecision + precision)) / 2;
    lowerShare = events / positives;
    lowerPrecision = precision;
    above -= events + others;
    aboveEvents -= events;
  });
  trapezoid += (lowerShare * (lowerPrecision + 1)) / 2;
  return measured({ averagePrecision: sum, trapezoid });
}

/** Largest distance between the score distributions of events and others (Kolmogorov–Smirnov), in [0, 1]; null when all labels are equal. */
export function ksDistance(rows: ScoredRows): Measured {
  const { positives, negatives } = rows;
  if (!(positives > 0 && negatives > 0)) return unmeasured(ONE_CLASS);
  let [events, others, distance] = [0, 0, 0];
  eachTie(rows, (p, n) => {
    events += p;
    others += n;
    distance = Math.max(distance, Math.abs(events / positives - others / negatives));
  });
  return measured(distance);
}

/**
 * Lift: the event rate among the highest-scored `share` of the weight (rounded up to a whole row), over the rate among all.
 *
 * Rows of one score are taken in file order. @param share in (0, 1].  @returns null without events.
 */
export function lift(rows: ScoredRows, share = 0.1): Measured {
  const { label, score, weight, order, positives, total } = rows;
  if (!(positives > 0)) return unmeasured('no events: the overall rate is 0');
  const wanted = Math.min(total, Math.ceil(Number((total * share).toPrecision(14))));
  let [taken, events] = [0, 0];
  for (let to = order.length; to > 0 && taken < wanted; ) {
    let from = to;
    while (from > 0 && score[order[from - 1]!] === score[order[to - 1]!]) from--;
    for (let at = from; at < to && taken < wanted; at++) {
      const row = order[at]!;
      const part = Math.min(weight[row]!, wanted - taken);
      taken += part;
      events += part * label[row]!;
    }
    to = from;
  }
  return measured(events / taken / (positives / total));
}
