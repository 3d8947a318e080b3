// The predictive law of spend: right where its assumptions hold, by simulation; and the page that says how far off it is on real customers.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CASES, type Case, calibrationOf, calibrationTable, KNOWN, simulate } from '../../support/calibration.ts';
import { describeShared, sharedPath } from '../../support/shared.ts';

describe('at known parameters', () => {
  const classes = calibrationOf(KNOWN, 39, simulate(KNOWN, 30_000, 39, 39, 1));
  const all = classes.at(-1)!;

  test('the randomised PIT of 30,000 simulated customers is uniform: χ² p > .01 in all, and in each frequency class', () => {
    for (const { name, pitP } of classes) expect(pitP, name).toBeGreaterThan(0.01);
  });

  test('95 ± 0.5 % of those whose p95 is above 0 spend no more than it', () => {
    expect(all.within.n).toBeGreaterThan(29_000);
    expect(Math.abs(all.within.share - 0.95)).toBeLessThan(0.005);
  });

  test('as many buy, and spend as much, as was forecast', () => {
    const share = all.bought.predicted;
    expect(Math.abs(all.bought.actual - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / all.n));
    expect(Math.abs(all.mean.actual / all.mean.predicted - 1)).toBeLessThan(0.05);
  });

  test('a law that is off by a quarter is found out', () => {
    const off = { ...KNOWN, money: { ...KNOWN.money, v: KNOWN.money.v * 1.25 } };
    const wrong = calibrationOf(off, 39, simulate(KNOWN, 30_000, 39, 39, 1)).at(-1)!;
    expect(wrong.pitP).toBeLessThan(1e-4);
    expect(wrong.within.share).toBeGreaterThan(0.955);
  });
});

const page = readFileSync(new URL('../../../ops/calibration.md', import.meta.url), 'utf8');

const suite = (each: Case) => () => {
  test('stands in ops/calibration.md as it is computed', () => {
    const classes = each.judge((file) => sharedPath('data', file));
    expect(page).toContain(`### ${each.title}\n\n${calibrationTable(classes).join('\n')}\n`);
  });
};
for (const each of CASES)
  describeShared(
    each.title,
    each.files.map((file) => `data/${file}`),
    suite(each),
  );
