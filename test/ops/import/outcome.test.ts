import { describe, expect, test } from 'vitest';
import { REASON_CODES } from '#domain/events.ts';
import { cameToNothing, describe as describeImport, nothingCameIn, partlyRefused } from '#ops/import/outcome.ts';
import type { ImportSummary } from '#ops/import/run-import.ts';

const summary = (more: Partial<ImportSummary> = {}): ImportSummary => ({
  run: 'abc-1',
  rows: 10,
  events: 0,
  accepted: 0,
  duplicates: 0,
  quarantined: 10,
  customers: 0,
  gross: {},
  refunds: {},
  reasons: { 'bad-time': 3, 'bad-amount': 7 },
  settled: 0,
  warnings: [],
  seconds: 0.1,
  asOf: { seq: 1, at: null },
  ...more,
});

describe('what an import came to', () => {
  test('nothing: one sentence with the most frequent reason, the option that cures it, and where the rows are', () => {
    expect(nothingCameIn(summary())).toBe(
      'nothing came in: all 10 rows are in the quarantine, most often for bad-amount (7); say how amounts are written with ' +
        '--decimal point or comma, or which column holds them with --amount COL; see each with axiom47 quarantine list --run abc-1',
    );
    for (const reason of REASON_CODES)
      expect(nothingCameIn(summary({ reasons: { [reason]: 10 } }))).toMatch(
        new RegExp(`most often for ${reason} \\(10\\); .*axiom47 quarantine list --run abc-1$`),
      );
  });

  test('a file whose rows all are known, or that has none, did not fail', () => {
    expect(cameToNothing(summary())).toBe(true);
    expect(cameToNothing(summary({ duplicates: 1 }))).toBe(false);
    expect(cameToNothing(summary({ accepted: 1 }))).toBe(false);
    expect(cameToNothing(summary({ quarantined: 0 }))).toBe(false);
    const headerOnly = summary({ quarantined: 0, rows: 0 });
    expect([cameToNothing(headerOnly), nothingCameIn(headerOnly)]).toEqual([
      true,
      'nothing came in: no rows below the header',
    ]);
  });

  test('the summary says where the refused rows are, when there are any', () => {
    expect(describeImport('a.csv', summary())).toContain('row by row: axiom47 quarantine list --run abc-1');
    expect(describeImport('a.csv', summary({ quarantined: 0, reasons: {} }))).not.toContain('row by row');
  });
});

test('rows partly refused: how many, the most frequent reason, what to do, and where to see each', () => {
  const summary = {
    run: 'r-1',
    rows: 100,
    accepted: 90,
    duplicates: 4,
    quarantined: 6,
    reasons: { 'bad-time': 5, future: 1 },
  };
  const advice = partlyRefused(summary as unknown as ImportSummary);
  expect(advice).toMatch(
    /^6 of 100 rows .* bad-time \(5\); .*--date-order.*; see each with axiom47 quarantine list --run r-1$/,
  );
  // One broken cell of many is cured by no option.
  const cell = { ...summary, quarantined: 1, reasons: { 'bad-time': 1 } };
  expect(partlyRefused(cell as unknown as ImportSummary)).toBe(
    '1 of 100 rows are in the quarantine, most often for bad-time (1); see each with axiom47 quarantine list --run r-1',
  );
  expect(partlyRefused({ ...summary, quarantined: 0, reasons: {} } as unknown as ImportSummary)).toBeNull();
  expect(partlyRefused({ ...summary, accepted: 0, duplicates: 0 } as unknown as ImportSummary)).toBeNull();
});
