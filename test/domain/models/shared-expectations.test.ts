// Expectations shared by customers of one x and T: no digit may differ from a customer asked about alone.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ClvModel,
  type ClvOptions,
  type CustomerHistory,
  expectClv,
  predictClv,
  sharedExpectations,
} from '#domain/models/clv-model.ts';

const gammaGamma = { p: 6.25, q: 3.74, v: 15.44 };
const MODELS: ClvModel[] = [
  { model: 'clv', unit: 'week', bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 }, gammaGamma },
  { model: 'clv', unit: 'day', mbgNbd: { r: 0.525, alpha: 43.3, a: 0.891, b: 1.614 }, gammaGamma },
  { model: 'clv', unit: 'week', paretoNbd: { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }, gammaGamma },
  // z close to 1: quadrature instead of the series.
  { model: 'clv', unit: 'week', bgNbd: { r: 2, alpha: 0.001, a: 0.5, b: 1.5 }, gammaGamma },
];
const customer: fc.Arbitrary<CustomerHistory> = fc
  .record({
    frequency: fc.integer({ min: 0, max: 6 }),
    age: fc.integer({ min: 0, max: 60 }),
    last: fc.double({ min: 0, max: 1, noNaN: true }),
    // A day and a half: pairs that have no number of their own.
    part: fc.constantFrom(0, 0, 0, 0.5),
    monetaryValue: fc.constantFrom(null, 0, 12.5, 80),
    leftTruncated: fc.boolean(),
  })
  .map(({ frequency, age, last, part, ...rest }) => {
    const T = age + frequency + part;
    const recency = frequency === 0 ? 0 : Math.max(1, Math.round(last * Math.floor(T)));
    return { frequency, recency, T, ...rest };
  });
const options: fc.Arbitrary<ClvOptions> = fc.record(
  {
    months: fc.constantFrom(0.5, 1, 3, 12, 13.3),
    horizonDays: fc.constantFrom(7, 90, 364.98),
    discountMonthly: fc.constantFrom(0, 0.01, 0.2),
    discounting: fc.constantFrom('month-end' as const, 'mid-month' as const),
  },
  { requiredKeys: [] },
);

test('whatever was asked before of whomever, an answer is bit for bit that of the customer asked about alone', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MODELS),
      options,
      fc.array(customer, { minLength: 1, maxLength: 40 }),
      (model, asked, people) => {
        const shared = sharedExpectations(model, asked);
        for (const each of [...people, ...people.toReversed()])
          expect(expectClv(model, each, asked, shared)).toEqual(expectClv(model, each, asked));
        const [first] = people as [CustomerHistory];
        expect(predictClv(model, first, asked, shared)).toEqual(predictClv(model, first, asked));
      },
    ),
  );
});

test('more pairs than are kept: those computed again are the same', () => {
  const [model] = MODELS as [ClvModel];
  const asked = { months: 1 };
  const shared = sharedExpectations(model, asked)!;
  const alone = (T: number) => expectClv(model, { frequency: 1, recency: 1, T, monetaryValue: 9 }, asked);
  const together = (T: number) => expectClv(model, { frequency: 1, recency: 1, T, monetaryValue: 9 }, asked, shared);
  const before = together(100);
  for (let x = 2; x < 12; x++)
    for (let T = 20; T < 8_020; T++)
      expectClv(model, { frequency: x, recency: 12, T, monetaryValue: 9 }, asked, shared);
  expect(together(100)).toEqual(before);
  for (const T of [1, 20, 8_000, 40_000]) expect(together(T)).toEqual(alone(T));
});

test('a question without an answer shares nothing', () => {
  const [model] = MODELS as [ClvModel];
  expect(sharedExpectations(model, { discountMonthly: -1 })).toBeNull();
  expect(sharedExpectations(model, { horizonDays: -3 })).toBeNull();
});
