// Where the purchase models have an answer at all: each parameter alone, and each number of a history alone, outside its domain.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';

/** P(alive) of a history with some parameters replaced. */
type Alive = (x: number, tx: number, T: number, replaced?: Record<string, number>) => number;
const betaGeometric = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const pareto = { r: 0.55, alpha: 10.58, s: 0.61, beta: 11.67 };
const models: [string, string[], Alive][] = [
  [
    'BG/NBD',
    Object.keys(betaGeometric),
    (x, tx, T, replaced) => bgNbd.probabilityAlive({ ...betaGeometric, ...replaced }, x, tx, T),
  ],
  [
    'MBG/NBD',
    Object.keys(betaGeometric),
    (x, tx, T, replaced) => mbgNbd.probabilityAlive({ ...betaGeometric, ...replaced }, x, tx, T),
  ],
  [
    'Pareto/NBD',
    Object.keys(pareto),
    (x, tx, T, replaced) => paretoNbd.probabilityAlive({ ...pareto, ...replaced }, x, tx, T),
  ],
];

describe.each(models)('%s', (_, names, pAlive) => {
  test.each(names)('%s must be above 0', (name) => {
    expect(pAlive(2, 30, 39)).toBeGreaterThan(0);
    for (const value of [0, -1, Number.NaN]) expect(pAlive(2, 30, 39, { [name]: value })).toBeNaN();
    expect(pAlive(2, 30, 39, { [name]: 1e-3 })).toBeGreaterThan(0);
  });

  test('a history that cannot be has no answer, the youngest possible ones do', () => {
    for (const [x, tx, T] of [
      [-1, 0, 10],
      [1.5, 3, 10],
      [Number.POSITIVE_INFINITY, 3, 10],
      [2, 11, 10],
      [0, 3, 10],
      [2, 0, 10],
      [2, -3, 10],
      [0, 0, Number.POSITIVE_INFINITY],
      [0, 0, -1],
    ] as const)
      expect(pAlive(x, tx, T)).toBeNaN();
    expect(pAlive(0, 0, 0)).toBeGreaterThan(0);
    expect(pAlive(1, 10, 10)).toBeGreaterThan(0);
  });
});
