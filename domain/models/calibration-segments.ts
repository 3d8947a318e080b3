// Is the score right within each segment? Right on average can hide too high here and too low there.
import { chiSquareUpper } from '../numerics/incomplete-gamma.ts';
import { brierScore, type LogitCalibration, logitCalibration, wilson } from './calibration-metrics.ts';
import { type ScoredColumns, scoredRows } from './scored-rows.ts';

export interface SegmentCalibration {
  segment: string;
  /** Weight of its rows. */
  n: number;
  /** Events per row expected by the score and observed, the latter with its 95 % Wilson interval. */
  expected: number;
  observed: number;
  lower: number;
  upper: number;
  /** P of a gap as large when the scores are right: ((O − E)/√Σ p(1 − p))² against χ²₁; null when no score leaves anything to chance. */
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
 * @throws RangeError or RowError on misuse; a score outside [0, 1] too.
 */
export function calibrationBySegment(
  { label, score, weight }: ScoredColumns,
  segment: readonly string[],
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
    let [expected, variance] = [0, 0];
    for (let i = 0; i < at.length; i++) {
      const [p, w] = [rows.score[i]!, rows.weight[i]!];
      expected += w * p;
      variance += w * p * (1 - p);
    }
    const line = logitCalibration(rows);
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
