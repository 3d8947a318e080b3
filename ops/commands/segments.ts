// Calibration by segment, as lines for people.
import type { SegmentCalibration } from '#domain/models/calibration-segments.ts';
import { table } from './options.ts';

/** The segment of rows whose cell is blank. */
export const NO_SEGMENT = '(blank)';

export function describeSegments(segments: readonly SegmentCalibration[]): string[] {
  const short = (value: number) => Number(value.toFixed(4));
  const error = (value: number, standardError: number) => `${value.toFixed(2)} ± ${standardError.toPrecision(2)}`;
  return [
    '',
    table(
      ['segment', 'n', 'expected', 'observed', 'lower', 'upper', 'Brier', 'slope', 'intercept', ''],
      segments.map(({ segment, n, expected, observed, lower, upper, brier, line, off }) => [
        segment,
        n,
        ...[expected, observed, lower, upper, brier].map(short),
        line === null ? null : error(line.slope, line.slopeSe),
        line === null ? null : error(line.intercept, line.interceptSe),
        off ? 'off by more than chance' : '',
      ]),
    ),
  ];
}
