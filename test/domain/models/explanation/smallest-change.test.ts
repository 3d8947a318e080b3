// The cheapest change against trying every combination, and that it does cross the edge of the band.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cheapestChange, type Lever } from '#domain/models/explanation/cheapest-change.ts';
import {
  type Actionable,
  smallestLogisticChange,
  smallestSingleChange,
} from '#domain/models/explanation/smallest-change.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, score } from '#domain/models/logistic-model.ts';
import { expectClose } from '../../../support/close.ts';

const stepped = fc.record({
  kind: fc.constant('amount' as const),
  current: fc.constant(10),
  direction: fc.constantFrom(1 as const, -1 as const),
  gainPerUnit: fc.integer({ min: 0, max: 7 }),
  costPerUnit: fc.integer({ min: 1, max: 7 }),
  room: fc.integer({ min: 0, max: 4 }),
  step: fc.constant(1),
});
const choice = fc.record({
  kind: fc.constant('choice' as const),
  current: fc.constant('now'),
  options: fc.array(fc.record({ gain: fc.integer({ min: -3, max: 9 }), cost: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 3,
  }),
});
const levers = fc
  .array(fc.oneof(stepped, choice), { minLength: 1, maxLength: 4 })
  .map((all) =>
    all.map(
      (lever, i): Lever =>
        lever.kind === 'amount'
          ? { ...lever, feature: `f${i}` }
          : { ...lever, feature: `f${i}`, options: lever.options.map((option, k) => ({ ...option, value: `v${k}` })) },
    ),
  );

/** Every combination of whole steps and levels. */
function cheapestByTrying(all: readonly Lever[], needed: number): number {
  let best = Number.POSITIVE_INFINITY;
  const go = (at: number, gain: number, cost: number): void => {
    const lever = all[at];
    if (lever === undefined) {
      if (gain >= needed) best = Math.min(best, cost);
      return;
    }
    go(at + 1, gain, cost);
    if (lever.kind === 'choice') for (const option of lever.options) go(at + 1, gain + option.gain, cost + option.cost);
    else for (let k = 1; k <= lever.room; k++) go(at + 1, gain + k * lever.gainPerUnit, cost + k * lever.costPerUnit);
  };
  go(0, 0, 0);
  return best;
}

describe('cheapest combination', () => {
  test('costs what the best of all combinations costs', () => {
    fc.assert(
      fc.property(levers, fc.integer({ min: 1, max: 25 }), (all, needed) => {
        const found = cheapestChange(all, needed);
        const best = cheapestByTrying(all, needed);
        expect(found.ok).toBe(Number.isFinite(best));
        if (!found.ok) return;
        expect(found.value.cost).toBeCloseTo(best, 9);
        expect(found.value.gain).toBeGreaterThanOrEqual(needed - 1e-9);
        expect(new Set(found.value.changes.map(({ feature }) => feature)).size).toBe(found.value.changes.length);
      }),
      { numRuns: 300 },
    );
  });
  test('continuous amounts come no dearer than their whole steps, and reach the goal to the last bit', () => {
    fc.assert(
      fc.property(levers, fc.integer({ min: 1, max: 25 }), (all, needed) => {
        const smooth = all.map((lever) => (lever.kind === 'amount' ? { ...lever, step: null } : lever));
        const [found, whole] = [cheapestChange(smooth, needed), cheapestChange(all, needed)];
        expect(found.ok).toBe(whole.ok);
        if (!found.ok || !whole.ok) return;
        expect(found.value.cost).toBeLessThanOrEqual(whole.value.cost + 1e-9);
        expect(found.value.gain).toBeGreaterThanOrEqual(needed - 1e-9);
      }),
    );
  });
  const amount = (
    feature: string,
    gainPerUnit: number,
    costPerUnit: number,
    room: number,
    step: number | null,
  ): Lever => ({
    feature,
    kind: 'amount',
    current: 10,
    direction: -1,
    gainPerUnit,
    costPerUnit,
    room,
    step,
  });
  test('by hand: the best ratio first, the next as far as it must, the rest untouched', () => {
    const [strong, weak] = [amount('strong', 2, 1, 3, null), amount('weak', 1, 1, 10, null)];
    expect(cheapestChange([weak, strong], 8)).toEqual({
      ok: true,
      value: {
        changes: [
          { feature: 'strong', from: 10, to: 7, gain: 6, cost: 3 },
          { feature: 'weak', from: 10, to: 8, gain: 2, cost: 2 },
        ],
        cost: 5,
        gain: 8,
      },
    });
    const easy = cheapestChange([weak, strong], 4);
    expect(easy.ok && easy.value.changes).toEqual([{ feature: 'strong', from: 10, to: 8, gain: 4, cost: 2 }]);
  });
  test('by hand: a level and half a unit are cheaper than three units; half steps are half steps', () => {
    const level: Lever = {
      feature: 'level',
      kind: 'choice',
      current: 'a',
      options: [{ value: 'b', gain: 5, cost: 2 }],
    };
    const mixed = cheapestChange([level, amount('use', 2, 1, 3, null)], 6);
    expect(mixed.ok && mixed.value).toEqual({
      changes: [
        { feature: 'level', from: 'a', to: 'b', gain: 5, cost: 2 },
        { feature: 'use', from: 10, to: 9.5, gain: 1, cost: 0.5 },
      ],
      cost: 2.5,
      gain: 6,
    });
    const stepped = cheapestChange([amount('use', 2, 3, 2, 0.5)], 2.5);
    expect(stepped.ok && stepped.value.changes).toEqual([{ feature: 'use', from: 10, to: 8.5, gain: 3, cost: 4.5 }]);
  });
  test('a search without end is refused', () => {
    // Even gains at even costs never make an odd goal exactly, so that the bound never prunes.
    const even = Array.from({ length: 40 }, (_, i): Lever => {
      const size = 2 * (1000 + 17 * i);
      return { feature: `f${i}`, kind: 'choice', current: 'a', options: [{ value: 'b', gain: size, cost: size }] };
    });
    expect(cheapestChange(even, 26_001)).toMatchObject({ ok: false, reason: { reason: 'too-many-combinations' } });
  });
  test('nothing needed costs nothing; too little says how much there is', () => {
    expect(cheapestChange([], 0)).toEqual({ ok: true, value: { changes: [], cost: 0, gain: 0 } });
    expect(cheapestChange([], 1)).toMatchObject({ ok: false, reason: { reason: 'impossible', most: 0 } });
  });
});

const model = (calibration: LogisticArtefact['calibration'] = { method: 'identity' }): LogisticArtefact => ({
  model: 'logistic',
  encoding: [
    { column: 'price', kind: 'numeric', blank: null },
    { column: 'tickets', kind: 'numeric', blank: 0 },
    { column: 'contract', kind: 'categorical', levels: ['biennial', 'monthly', 'yearly'] },
  ],
  intercept: -3,
  coefficients: (
    [
      ['price', 0.04, 20],
      ['tickets', 0.5, 2],
      ['contract=monthly', 1.2, 0.5],
      ['contract=yearly', 0.5, 0.4],
    ] as const
  ).map(([name, coef, sd]) => ({ name, coef, sd, mean: 0, standardised: coef * sd })),
  calibration,
});
const row = { price: 80, tickets: 4, contract: 'monthly' };
const allowed: Actionable[] = [
  { feature: 'price', lower: 40, upper: 120 },
  { feature: 'tickets', lower: 0, upper: 20, step: 1 },
  { feature: 'contract', levels: ['yearly', 'biennial'], cost: 3 },
];

describe.each([
  { method: 'identity' } as const,
  { method: 'platt', A: -0.9, B: 0.1 } as const,
  { method: 'isotonic' as const, x: [-4, 0, 4], y: [0.02, 0.4, 0.97] },
])('a logistic customer, calibration $method', (calibration) => {
  const artefact = model(calibration);
  test('crosses the edge, by no more than it must', () => {
    for (const probability of [0.6, 0.35, 0.5]) {
      const found = smallestLogisticChange(artefact, row, { side: 'below', probability }, allowed);
      if (!found.ok) throw new Error(found.reason.message);
      expect(found.value.probability).toBeLessThan(probability);
      const changed = { ...row, ...Object.fromEntries(found.value.changes.map(({ feature, to }) => [feature, to])) };
      const after = score(artefact, changed);
      expect(after.ok && after.value.probability).toBe(found.value.probability);
      expect(changed.price).toBeGreaterThanOrEqual(40);
      expect(Number.isInteger(changed.tickets)).toBe(true);
      const alone = smallestLogisticChange(artefact, row, { side: 'below', probability }, allowed.slice(1, 2));
      if (alone.ok) expect(alone.value.cost).toBeGreaterThanOrEqual(found.value.cost - 1e-9);
    }
  });
  test('price alone ends just under the edge', () => {
    const found = smallestLogisticChange(artefact, row, { side: 'below', probability: 0.8 }, [
      { feature: 'price', lower: 0, upper: 200 },
    ]);
    if (!found.ok) throw new Error(found.reason.message);
    expect(found.value.probability).toBeLessThan(0.8);
    expectClose(found.value.probability, 0.8, 1e-6, 'probability');
  });
  test('upwards too; and a customer who is there already changes nothing', () => {
    const calm = { price: 20, tickets: 0, contract: 'biennial' };
    const found = smallestLogisticChange(artefact, calm, { side: 'above', probability: 0.35 }, allowed);
    if (!found.ok) throw new Error(found.reason.message);
    expect(found.value.probability).toBeGreaterThanOrEqual(0.35);
    expect(smallestLogisticChange(artefact, calm, { side: 'below', probability: 0.35 }, allowed)).toMatchObject({
      value: { changes: [], cost: 0 },
    });
  });
});

test('refuses what the bounds, the calibration or the data do not allow', () => {
  const goal = { side: 'below', probability: 0.05 } as const;
  const ask = (actionable: Actionable[], of = row as Record<string, unknown>) =>
    smallestLogisticChange(model(), of as typeof row, goal, actionable);
  expect(ask([{ feature: 'price', lower: 79, upper: 90 }])).toMatchObject({
    ok: false,
    reason: { reason: 'impossible' },
  });
  const high = model({ method: 'isotonic', x: [-1, 1], y: [0.2, 0.8] });
  expect(smallestLogisticChange(high, row, goal, allowed)).toMatchObject({
    reason: { reason: 'impossible', message: expect.stringMatching(/no score is below 0.05/) },
  });
  expect(ask(allowed, { ...row, tickets: null })).toMatchObject({ reason: { reason: 'unreadable' } });
  expect(ask(allowed, { ...row, price: null })).toMatchObject({ reason: { reason: 'unreadable' } });
  expect(() => ask([{ feature: 'ghost', lower: 0, upper: 1 }])).toThrow(/no feature 'ghost'/);
  expect(() => ask([{ feature: 'contract', levels: ['weekly'] }])).toThrow(/no level 'weekly'/);
  expect(() => ask([{ feature: 'contract', lower: 0, upper: 1 }])).toThrow(/has levels/);
  expect(() => ask([{ feature: 'price', levels: ['1'] }])).toThrow(/is a number/);
  expect(() => ask([{ feature: 'price', lower: 2, upper: 1 }])).toThrow(/bounds 2 to 1/);
  expect(() => ask([{ feature: 'price', lower: 0, upper: 100, cost: 0 }])).toThrow(/cost of 0/);
  expect(() => ask([{ feature: 'price', lower: 0, upper: 100, step: 1e-9 }])).toThrow(/more than 10000 steps/);
  expect(() => ask([{ feature: 'price', lower: 100, upper: 10_101, step: 1 }])).toThrow(/more than 10000 steps/);
  for (const step of [0, -1])
    expect(() => ask([{ feature: 'price', lower: 0, upper: 100, step }])).toThrow(/not above 0/);
  expect(() => ask([{ feature: 'price', lower: 0, upper: Infinity }])).toThrow(/bounds 0 to Infinity/);
  expect(() => ask([{ feature: 'price', lower: Number.NaN, upper: 1 }])).toThrow(/bounds NaN to 1/);
  expect(ask(allowed, { ...row, price: '  ' })).toMatchObject({ reason: { reason: 'unreadable' } });
  for (const probability of [0, 1, -0.5, 1.5, Number.NaN])
    expect(() => smallestLogisticChange(model(), row, { side: 'below', probability }, allowed)).toThrow(
      `probability ${probability} is not between 0 and 1`,
    );
  expect(smallestLogisticChange(high, row, { side: 'above', probability: 0.9 }, allowed)).toMatchObject({
    reason: { message: expect.stringMatching(/no score is above 0.9/) },
  });
});

describe('what a change costs and how far it may go', () => {
  const below = { side: 'below', probability: 0.5 } as const;
  // Log-odds −3 + 3.2 + 2 + 1.2 = 3.4, 85 of price above the edge.
  const priced = (price: object) =>
    smallestLogisticChange(model(), row, below, [{ feature: 'price', lower: -50, upper: 200, ...price }]);

  test('without a cost, a standard deviation costs 1; with one, a unit costs that', () => {
    const [free, dear] = [priced({}), priced({ cost: 2 })];
    if (!free.ok || !dear.ok) throw new Error('not reached');
    expectClose(free.value.cost, 85 / 20, 1e-6, 'by deviation');
    expectClose(dear.value.cost, 2 * 85, 1e-6, 'by unit');
    expect(free.value.changes).toMatchObject([{ feature: 'price', from: 80 }]);
  });

  test('a feature that never varied costs 1 a unit', () => {
    const flat = model();
    flat.coefficients[0]!.sd = 0;
    const found = smallestLogisticChange(flat, row, below, [{ feature: 'price', lower: -50, upper: 200 }]);
    expect(found.ok && Math.abs(found.value.cost - 85)).toBeLessThan(1e-5);
  });

  test('bounds end it on the side that helps: down to the lower one, up to the upper one', () => {
    expect(priced({ lower: -4 }).ok).toBe(false);
    expect(priced({ lower: -6 }).ok).toBe(true);
    const calm = { price: 20, tickets: 0, contract: 'biennial' };
    // −2.2 to ln(0.5/0.5): 55 of price upwards.
    const up = (upper: number) =>
      smallestLogisticChange(model(), calm, { side: 'above', probability: 0.5 }, [
        { feature: 'price', lower: -100, upper },
      ]);
    expect([up(74), up(76)].map(({ ok }) => ok)).toEqual([false, true]);
    // Who stands outside the bounds has no way on that side.
    expect(priced({ lower: 90 }).ok).toBe(false);
  });

  test('a level is read without the space around it, is no change to itself, and costs 1 when nothing is said', () => {
    const levels = (contract: string, ...allowed: string[]) =>
      smallestLogisticChange(model(), { price: 20, tickets: 0, contract }, { side: 'below', probability: 0.1 }, [
        { feature: 'contract', levels: allowed },
      ]);
    const found = levels(' monthly ', 'monthly', 'biennial');
    expect(found).toMatchObject({ ok: true, value: { cost: 1, changes: [{ to: 'biennial' }] } });
    expect(levels('monthly', 'monthly')).toMatchObject({ ok: false, reason: { reason: 'impossible' } });
  });
});

describe('any model, one feature', () => {
  // Falls to 4, then rises: the nearest crossing is below.
  const predict = (table: FeatureTable) => (table.get('x') as Float64Array).map((x) => Math.abs(x - 4) / 10);
  const table: FeatureTable = new Map([['x', Float64Array.of(9)]]);
  test('the nearest candidate across the edge, narrowed down to it', () => {
    const found = smallestSingleChange(predict, table, 'x', [0, 2, 4, 6, 8, 12], { side: 'below', probability: 0.3 });
    if (!found.ok) throw new Error(found.reason.message);
    expect(found.value.to).toBeCloseTo(7, 9);
    expect(found.value.prediction).toBeLessThan(0.3);
  });
  test.each([
    {
      from: 9,
      candidates: [12, 10, 0, 2],
      side: 'below',
      probability: 0.3,
      to: 7,
      why: 'beyond the present value nothing crosses',
    },
    {
      from: 9,
      candidates: [2, 6, 7.5],
      side: 'below',
      probability: 0.3,
      to: 7,
      why: 'the last candidate that does not cross is where narrowing starts',
    },
    { from: 4, candidates: [9, -20], side: 'above', probability: 0.3, to: 7, why: 'upwards, to the nearer one' },
    {
      from: 4,
      candidates: [9, 0],
      side: 'above',
      probability: 0.3,
      to: 1,
      why: 'and to the other side when that is nearer',
    },
    { from: 0, candidates: [3, 2, 1, 8], side: 'below', probability: 0.15, to: 2.5, why: 'rising towards the middle' },
  ] as const)('$why: from $from to $to', ({ from, candidates, side, probability, to }) => {
    const asked: number[] = [];
    const watched = (of: FeatureTable) => {
      asked.push((of.get('x') as Float64Array)[0]!);
      return predict(of);
    };
    const own: FeatureTable = new Map([['x', Float64Array.of(from)]]);
    const found = smallestSingleChange(watched, own, 'x', candidates, { side, probability });
    if (!found.ok) throw new Error(found.reason.message);
    expect(found.value.from).toBe(from);
    expect(found.value.to).toBeCloseTo(to, 9);
    expect(found.value.prediction).toBeCloseTo(probability, 9);
    expect(side === 'below' ? found.value.prediction < probability : found.value.prediction >= probability).toBe(true);
    // Narrowed between two neighbours: everything asked after the candidates lies between the crossing one and the one before it.
    const tried = new Set<number>([from, ...candidates]);
    const crossing = asked.findLast((x) => tried.has(x) && Math.abs(x - from) > 0)!;
    const beside =
      [from, ...candidates]
        .filter((x) => (x - from) * (crossing - x) > 0)
        .sort((a, b) => Math.abs(b - from) - Math.abs(a - from))[0] ?? from;
    const narrowed = asked.filter((x) => !tried.has(x));
    for (const x of narrowed) expect((x - beside) * (crossing - x)).toBeGreaterThanOrEqual(0);
    expect(narrowed.length).toBeLessThanOrEqual(61);
  });
  test('exactly on the edge is above it', () => {
    const own: FeatureTable = new Map([['x', Float64Array.of(7)]]);
    const on = predict(own)[0]!;
    expect(smallestSingleChange(predict, own, 'x', [0], { side: 'above', probability: on })).toMatchObject({
      value: { to: 7 },
    });
  });
  test('levels in their order; what does not cross is refused', () => {
    const byPlan = (of: FeatureTable) =>
      Float64Array.from(of.get('plan') as string[], (plan) => ({ a: 0.9, b: 0.5, c: 0.1 })[plan]!);
    const own: FeatureTable = new Map([['plan', ['a']]]);
    expect(smallestSingleChange(byPlan, own, 'plan', ['b', 'c'], { side: 'below', probability: 0.4 })).toMatchObject({
      value: { from: 'a', to: 'c', prediction: 0.1 },
    });
    expect(smallestSingleChange(byPlan, own, 'plan', ['b'], { side: 'below', probability: 0.4 })).toMatchObject({
      reason: { reason: 'impossible' },
    });
    expect(smallestSingleChange(byPlan, own, 'plan', ['b'], { side: 'above', probability: 0.4 })).toMatchObject({
      value: { to: 'a' },
    });
    expect(() => smallestSingleChange(byPlan, own, 'ghost', ['b'], { side: 'below', probability: 0.4 })).toThrow(
      /ghost/,
    );
  });
});
