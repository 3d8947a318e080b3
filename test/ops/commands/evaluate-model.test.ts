// `evaluate --model`: what its words ask for, and what a comparison says of whom.
import { expect, test } from 'vitest';
import { UsageError } from '#ops/commands/command.ts';
import { describePairs, readEvaluate } from '#ops/commands/evaluate-model.ts';

test('its words as a job is asked with', () => {
  const { body } = readEvaluate([
    '--model',
    'm@1,m@champion',
    '--model',
    'n@2',
    '--horizon',
    '12w',
    '--offer-cost',
    '4',
  ]);
  expect(body).toEqual({ models: ['m@1', 'm@champion', 'n@2'], horizon_days: 84, offer_cost: 4 });
  expect(() => readEvaluate(['--seed', '1'])).toThrow(UsageError);
  expect(() => readEvaluate(['--model', 'm@1', '--at', 'soon'])).toThrow('--at soon');
});

test('a refit is not the version itself, and a tie is a tie', () => {
  const value = {
    first: 0.2,
    second: 0.1,
    difference: -0.1,
    lower: -0.2,
    upper: -0.05,
    standardError: 0.04,
    p: 0.01,
    draws: 500,
  };
  const pair = { first: 'm@1', second: 'm@2', metric: 'brier', better: 'lower' as const };
  const odds = { probabilityAbove: 0.07, probabilitySecondBetter: 0.93 };
  const bases = new Map([
    ['m@1', 'refitted'],
    ['m@2', 'realised'],
  ]);
  const said = describePairs([{ ...pair, value: { ...value, ...odds } }], bases);
  expect(said).toMatch(/m@2 better than a refit of m@1's kind +brier .*93 %/);
  const same = { ...value, difference: 0, lower: 0, upper: 0, probabilityAbove: 0.5, probabilitySecondBetter: 0.5 };
  const tie = describePairs([{ ...pair, value: same }], bases);
  expect(tie).toMatch(/m@2 and a refit of m@1's kind: a tie/);
  expect(tie).not.toContain('50 %');
});
