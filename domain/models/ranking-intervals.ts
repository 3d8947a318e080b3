// Intervals of ranking metrics that stay honest when one customer has several rows: rows of one group move together.
import { type AucInterval, auc, averagePrecision, Z95 } from './ranking-metrics.ts';
import { eachTie, type Measured, measured, type ScoredRows, unmeasured } from './scored-rows.ts';

/** Which rows belong together, e.g. the snapshots of one customer. */
export interface Grouping {
  /** Group of each row, 0 … groups − 1. */
  group: Uint32Array;
  groups: number;
}

/** Groups in the order in which their names first appear. */
export function groupBy(names: readonly string[]): Grouping {
  const codes = new Map<string, number>();
  const group = Uint32Array.from(names, (name) => {
    const code = codes.get(name) ?? codes.size;
    codes.set(name, code);
    return code;
  });
  return { group, groups: codes.size };
}

/**
 * 95 % interval of the AUC for rows in groups, by Obuchowski (1997), Biometrics 53, 567–578: the placements of DeLong are summed within a
 * group, and a group that has both labels adds their covariance:
 *
 *   Var = S₁₀/m + S₀₁/n + 2 S₁₁/(mn),   S₁₀ = I₁₀/((I₁₀ − 1) m) · Σ (V₁₀ᵢ − mᵢ·AUC)², … over the I₁₀ groups with an event.
 *
 * With one row a group it is DeLong's. Weights repeat a row within its group.
 * @returns null with fewer than two groups that have an event, or an other; or when no placement varies.
 */
export function clusteredAucInterval(rows: ScoredRows, { group, groups }: Grouping): Measured<AucInterval> {
  const area = auc(rows);
  if (area.value === null) return area;
  const { label, weight, order, positives, negatives } = rows;
  sameRows(group, label);
  const [ofEvents, ofOthers] = [new Float64Array(groups), new Float64Array(groups)];
  const [hasEvent, hasOther] = [new Uint8Array(groups), new Uint8Array(groups)];
  const centre = area.value;
  let [below, passed] = [0, 0];
  eachTie(rows, (events, others, from, to) => {
    const eventPlacement = (below + others / 2) / negatives - centre;
    const otherPlacement = (positives - passed - events / 2) / positives - centre;
    for (let at = from; at < to; at++) {
      const row = order[at]!;
      const w = weight[row]!;
      if (w === 0) continue;
      const g = group[row]!;
      if (label[row] === 1) {
        ofEvents[g]! += w * eventPlacement;
        hasEvent[g] = 1;
      } else {
        ofOthers[g]! += w * otherPlacement;
        hasOther[g] = 1;
      }
    }
    below += others;
    passed += events;
  });
  let [s10, s01, s11, withEvent, withOther, all] = [0, 0, 0, 0, 0, 0];
  for (let g = 0; g < groups; g++) {
    s10 += ofEvents[g]! ** 2;
    s01 += ofOthers[g]! ** 2;
    s11 += ofEvents[g]! * ofOthers[g]!;
    withEvent += hasEvent[g]!;
    withOther += hasOther[g]!;
    all += hasEvent[g]! | hasOther[g]!;
  }
  if (withEvent < 2 || withOther < 2) return unmeasured('an interval needs more than one group of each label');
  const variance =
    (withEvent / (withEvent - 1)) * (s10 / positives ** 2) +
    (withOther / (withOther - 1)) * (s01 / negatives ** 2) +
    (all / (all - 1)) * ((2 * s11) / (positives * negatives));
  // Below this the sums are rounding.
  if (!(variance > 1e-24))
    return unmeasured('the score separates the labels perfectly, or not at all: the interval has no width');
  const standardError = Math.sqrt(variance);
  return measured({
    standardError,
    lower: Math.max(0, centre - Z95 * standardError),
    upper: Math.min(1, centre + Z95 * standardError),
  });
}

/**
 * 95 % interval of average precision: standard error from the influence of each row (infinitesimal jackknife, Efron 1982), ends on the
 * log-odds scale, so that they stay inside (0, 1) (the form Boyd, Eng & Page 2013 found to cover best).
 *
 * With A(t) = P(event, S ≥ t), B(t) = P(S ≥ t), π = P(event) the estimate is θ = E[Y·A(S)/B(S)]/π, and the influence of a row (y, s) is
 * (y·A(s)/B(s) + y·G(s) − H(s) − θy)/π, with G(s) = E[Y·1{S ≤ s}/B(S)] and H(s) = E[Y·1{S ≤ s}·A(S)/B(S)²]. O(n) after the sort.
 * @param grouping rows that belong together; without it rows are independent and weights are repetitions.
 */
export function averagePrecisionInterval(rows: ScoredRows, grouping?: Grouping): Measured<AucInterval> {
  const precision = averagePrecision(rows);
  if (precision.value === null) return precision;
  const theta = precision.value.averagePrecision;
  const { label, weight, order, positives, total } = rows;
  if (grouping) sameRows(grouping.group, label);
  const sums = grouping && new Float64Array(grouping.groups);
  const seen = grouping && new Uint8Array(grouping.groups);
  const prevalence = positives / total;
  let [above, aboveEvents] = [total, positives];
  let [g, h, squares] = [0, 0, 0];
  eachTie(rows, (events, others, from, to) => {
    if (events + others === 0) return;
    g += events / above;
    h += (events * aboveEvents) / above ** 2;
    const ofEvent = (aboveEvents / above + g - h - theta) / prevalence;
    const ofOther = -h / prevalence;
    above -= events + others;
    aboveEvents -= events;
    if (!sums || !seen) {
      squares += events * ofEvent ** 2 + others * ofOther ** 2;
      return;
    }
    for (let at = from; at < to; at++) {
      const row = order[at]!;
      if (weight[row] === 0) continue;
      const code = grouping.group[row]!;
      sums[code]! += weight[row]! * (label[row] === 1 ? ofEvent : ofOther);
      seen[code] = 1;
    }
  });
  let units = total;
  if (sums && seen) {
    squares = sums.reduce((sum, value) => sum + value * value, 0);
    units = seen.reduce((sum, value) => sum + value, 0);
  }
  if (!(units > 1)) return unmeasured('an interval needs more than one row or group');
  const variance = (squares / total ** 2) * (units / (units - 1));
  if (!(variance > 1e-24) || theta >= 1)
    return unmeasured('average precision does not vary here: the interval has no width');
  const standardError = Math.sqrt(variance);
  const centre = Math.log(theta / (1 - theta));
  const half = (Z95 * standardError) / (theta * (1 - theta));
  return measured({
    standardError,
    lower: 1 / (1 + Math.exp(half - centre)),
    upper: 1 / (1 + Math.exp(-half - centre)),
  });
}

function sameRows(group: Uint32Array, label: Float64Array): void {
  if (group.length !== label.length)
    throw new RangeError(`${group.length} groups for ${label.length} rows: one group a row`);
}
