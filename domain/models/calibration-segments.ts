// Is the score right within each segment? Right on average can hide too high here and too low there.
import { chiSquareUpper } from '../numerics/incomplete-gamma.ts';
import { brierScore, type LogitCalibration, logitCalibration, wilson } from './calibration-metrics.ts';
import { type ScoredColumns, type ScoredRows, scoredRows } from './scored-rows.ts';

export interface SegmentCalibration {
  segment: string;
  /** Weight of its rows. */
  n: number;
  /** Events per row expected by the score and observed, the latter with its 95 % Wilson interval. */
  expected: number;
  observed: number;
  lower: number;
  upper: number;
  /**
   * P of a gap as large when the scores are right: (O − E)²/variance against χ²₁. The variance is Σ p(1 − p), with groups G/(G − 1) Σ (O − E)² of
   * the groups. Null when nothing is left to chance, or with one group.
   */
  pValue: number | null;
  /** Off by more than chance, the number of segments allowed for (Bonferroni, 5 %). */
  off: boolean;
  brier: number;
  /** Slope and intercept with standard errors (1 and 0 are perfect); null with the reason. */
  line: LogitCalibration | null;
  reason: string | null;
}

/**
 * Calibration by segment, in ASCII order of their names.
 *
 * @param columns score: probabilities in [0, 1]; weights are repetitions.  @param segment the segment of each row.
 * @param group a whole number per row: rows of one customer go together in what is called chance.
 * @throws RangeError or RowError on misuse; a score outside [0, 1] too.
 */
export function calibrationBySegment(
  { label, score, weight }: ScoredColumns,
  segment: readonly string[],
  group?: ArrayLike<number>,
): SegmentCalibration[] {
  if (segment.length !== label.length) throw new RangeError(`${segment.length} segments for ${label.length} rows`);
  const members = new Map<string, number[]>();
  segment.forEach((name, row) => {
    const rows = members.get(name);
    if (rows) rows.push(row);
    else members.set(name, [row]);
  });
  const found = [...members.keys()].sort().flatMap((name): Omit<SegmentCalibration, 'off'>[] => {
    const at = members.get(name)!;
    const pick = (column: Float64Array) => Float64Array.from(at, (row) => column[row]!);
    const rows = scoredRows({ label: pick(label), score: pick(score), weight: weight && pick(weight) });
    if (!(rows.total > 0)) return [];
    const brier = brierScore(rows);
    if (brier.value === null) throw new RangeError(`segment ${name}: ${brier.reason}`);
    const codes = group && at.map((row) => group[row]!);
    const { expected, variance } = expectation(rows, codes);
    const line = logitCalibration(rows, codes);
    const observed = rows.positives / rows.total;
    return [
      {
        segment: name,
        n: rows.total,
        expected: expected / rows.total,
        observed,
        ...wilson(observed, rows.total),
        pValue: variance > 0 ? chiSquareUpper((rows.positives - expected) ** 2 / variance, 1) : null,
        brier: brier.value,
        line: line.value,
        reason: line.value === null ? line.reason : null,
      },
    ];
  });
  return found.map((each) => ({ ...each, off: each.pValue !== null && each.pValue * found.length < 0.05 }));
}

/** Events that the scores expect, and the variance of their number. */
function expectation({ label, score, weight }: ScoredRows, group?: readonly number[]) {
  const gaps = new Map<number, number>();
  let [expected, variance] = [0, 0];
  for (let i = 0; i < label.length; i++) {
    const [p, w] = [score[i]!, weight[i]!];
    expected += w * p;
    if (group === undefined) variance += w * p * (1 - p);
    else if (w > 0) gaps.set(group[i]!, (gaps.get(group[i]!) ?? 0) + w * (label[i]! - p));
  }
  if (group !== undefined && gaps.size > 1)
    for (const gap of gaps.values()) variance += (gap * gap * gaps.size) / (gaps.size - 1);
  return { expected, variance };
}
