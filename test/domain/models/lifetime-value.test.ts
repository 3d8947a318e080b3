// Discounting of expected purchases: the sum written out period by period, for both conventions, and where it has no answer.
import { expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { expectedFuture } from '#domain/models/future-purchases.ts';
import { discountedPurchases } from '#domain/models/lifetime-value.ts';
import { expectClose } from '../../support/close.ts';

const state = bgNbd.posterior({ r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 }, 3, 20, 30);
const between = (from: number, to: number) => expectedFuture(state, to) - expectedFuture(state, from);

test.each([
  ['month-end', 0],
  ['mid-month', 0.5],
] as const)('%s: each period at its own end or middle, the shorter last one at its own', (discounting, middle) => {
  const [period, d] = [4.345, 0.02];
  let sum = 0;
  for (let k = 1; k <= 12; k++) sum += between((k - 1) * period, k * period) / (1 + d) ** (k - middle);
  expectClose(discountedPurchases(state, 12 * period, period, d, discounting), sum, 1e-13);
  // A quarter of a period more, which ends at 12.25 and has its middle at 12.125.
  const last = between(12 * period, 12.25 * period) / (1 + d) ** (12.25 - 0.25 * middle);
  expectClose(discountedPurchases(state, 12.25 * period, period, d, discounting), sum + last, 1e-12);
  const alone = between(0, 0.25 * period) / (1 + d) ** (0.25 - 0.25 * middle);
  expectClose(discountedPurchases(state, 0.25 * period, period, d, discounting), alone, 1e-13);
});

test('whole periods that do not divide evenly in doubles count as whole', () => {
  // 3·0.1 is 0.30000000000000004, and 1.1/0.1 rounds below 11.
  for (const [k, period] of [
    [3, 0.1],
    [11, 0.1],
    [12, 4.345],
    [7, 1 / 3],
  ] as const) {
    let sum = 0;
    for (let j = 1; j <= k; j++) sum += between((j - 1) * period, j * period) / 1.5 ** j;
    expectClose(discountedPurchases(state, k * period, period, 0.5), sum, 1e-11, `${k} × ${period}`);
  }
});

test('no discount is the plain expectation, a negative one makes later purchases worth more', () => {
  expect(discountedPurchases(state, 10, 1, 0)).toBe(expectedFuture(state, 10));
  expect(discountedPurchases(state, 10, 1, -0.5)).toBeGreaterThan(expectedFuture(state, 10));
  expect(discountedPurchases(state, 0, 1, 0.1)).toBe(0);
});

test('outside the domain there is no answer', () => {
  for (const [t, period, discount] of [
    [-1, 1, 0.1],
    [Number.NaN, 1, 0.1],
    [10, 0, 0.1],
    [10, -1, 0.1],
    [10, 1, -1],
    [10, 1, -2],
    [10, 1, Number.NaN],
  ] as const)
    expect(discountedPurchases(state, t, period, discount)).toBeNaN();
});
