import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChurnDefinition,
  churnDefinition,
  DEFAULT_CHURN,
  DEFAULT_CONTRACTUAL,
  definitionOf,
  hasChurned,
  isEligible,
  lastSettledDay,
  lostAfter,
} from '#domain/churn-definition.ts';
import type { CustomerEntries, SubscriptionEntry } from '#domain/ledger.ts';
import { specification } from '#test/support/decider.ts';

const { given, isIdempotent } = specification(churnDefinition);

const NOBODY: CustomerEntries = {
  sid: 'aa',
  linked: [],
  erased: false,
  anonymous: false,
  seq: 1,
  orders: [],
  refunds: [],
  activities: [],
  subscriptions: [],
  consents: [],
  attributes: [],
};
const buyer = (...days: number[]): CustomerEntries => ({
  ...NOBODY,
  orders: days.map((day) => ({ key: String(day), day, minor: 1, currency: 'EUR', revision: 0, channel: null })),
});
const subscriber = (...marks: [number, SubscriptionEntry['step'], string?][]): CustomerEntries => ({
  ...NOBODY,
  subscriptions: marks.map(([day, step, key = 's']) => ({
    day,
    step,
    key,
    plan: null,
    minor: null,
    currency: null,
    revision: 0,
  })),
});

describe('the aggregate', () => {
  const define = (definition: ChurnDefinition) => ({ type: 'DefineChurn' as const, definition });
  const defined = (data: ChurnDefinition) => ({ type: 'churn.defined' as const, data });
  test('a definition is set, set again for nothing, and changed', () => {
    given([])
      .when(define(DEFAULT_CHURN))
      .then([defined(DEFAULT_CHURN)]);
    given([defined(DEFAULT_CHURN)])
      .when(define({ ...DEFAULT_CHURN }))
      .thenNothing();
    const sixty = { ...DEFAULT_CHURN, horizonDays: 60 };
    given([defined(DEFAULT_CHURN)])
      .when(define(sixty))
      .then([defined(sixty)]);
    isIdempotent([define(DEFAULT_CHURN), define(sixty)]);
  });
  test('what belongs to the other kind of business is refused', () => {
    given([defined(DEFAULT_CHURN)])
      .when(define(DEFAULT_CONTRACTUAL))
      .thenRefused('other-kind');
    given([])
      .when(define({ ...DEFAULT_CHURN, graceDays: 3 }))
      .thenRefused('grace-without-contract');
    given([])
      .when(define({ ...DEFAULT_CONTRACTUAL, activeWithinDays: 30 }))
      .thenRefused('activity-with-contract');
  });
});

describe('whom it is about', () => {
  test('a subscriber belongs to the contractual definition from the first subscription on, everybody else to the other', () => {
    const both = [DEFAULT_CHURN, DEFAULT_CONTRACTUAL];
    const customer = { ...subscriber([10, 'started']), orders: buyer(1).orders };
    expect(definitionOf(both, customer, 9).kind).toBe('non-contractual');
    expect(definitionOf(both, customer, 10).kind).toBe('contractual');
    expect(definitionOf([DEFAULT_CHURN], customer, 10).kind).toBe('non-contractual');
    expect(definitionOf([], buyer(1), 10)).toBe(DEFAULT_CHURN);
  });
  test('buyers of late enough; open subscriptions; nobody erased or anonymous', () => {
    const active = { ...DEFAULT_CHURN, activeWithinDays: 30 };
    expect(isEligible(active, buyer(10), 40)).toBe(true);
    expect(isEligible(active, buyer(10), 41)).toBe(false);
    expect(isEligible(DEFAULT_CHURN, buyer(10), 9)).toBe(false);
    expect(isEligible(DEFAULT_CHURN, NOBODY, 99)).toBe(false);
    const left = subscriber([10, 'started'], [20, 'cancelled']);
    expect([9, 10, 19, 20].map((day) => isEligible(DEFAULT_CONTRACTUAL, left, day))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isEligible(DEFAULT_CHURN, { ...buyer(10), erased: true }, 40)).toBe(false);
    expect(isEligible(DEFAULT_CHURN, { ...buyer(10), anonymous: true }, 40)).toBe(false);
  });
});

describe('what is churn', () => {
  test('no purchase within (day, day + horizon]', () => {
    const on = (...days: number[]) => hasChurned({ ...DEFAULT_CHURN, horizonDays: 10 }, buyer(5, ...days), 20);
    expect(on(20)).toBe(true);
    expect(on(21)).toBe(false);
    expect(on(30)).toBe(false);
    expect(on(31)).toBe(true);
  });
  test('a subscription that ends within the horizon and is not taken up again within the grace', () => {
    const definition = { ...DEFAULT_CONTRACTUAL, horizonDays: 30, graceDays: 5 };
    /** After how many days; null: not lost. */
    const lost = (...marks: Parameters<typeof subscriber>) => {
      const ledger = subscriber([0, 'started'], ...marks);
      const after = lostAfter(definition, ledger, 100);
      expect(hasChurned(definition, ledger, 100)).toBe(after !== null);
      return after;
    };
    expect(lost()).toBeNull();
    expect(lost([101, 'cancelled'])).toBe(1);
    expect(lost([130, 'cancelled'])).toBe(30);
    expect(lost([131, 'cancelled'])).toBeNull();
    expect(lost([110, 'cancelled'], [115, 'started', 'again'])).toBeNull();
    expect(lost([110, 'cancelled'], [116, 'started', 'again'])).toBe(10);
    // Another one still runs: not gone.
    expect(lost([90, 'started', 'second'], [110, 'cancelled'])).toBeNull();
    expect(lost([90, 'started', 'second'], [110, 'cancelled'], [120, 'cancelled', 'second'])).toBe(20);
  });
  test('nothing after the settled day changes a label', () => {
    const mark = fc.tuple(
      fc.integer({ min: 0, max: 80 }),
      fc.constantFrom<SubscriptionEntry['step']>('started', 'renewed', 'cancelled'),
      fc.constantFrom('a', 'b'),
    );
    fc.assert(
      fc.property(
        fc.array(mark, { maxLength: 12 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 9 }),
        (marks, day, graceDays) => {
          const definition = { ...DEFAULT_CONTRACTUAL, horizonDays: 20, graceDays };
          const today = 70;
          fc.pre(day <= lastSettledDay(definition, today, 0));
          const known = subscriber(...marks.filter(([at]) => at <= today));
          expect(hasChurned(definition, subscriber(...marks), day)).toBe(hasChurned(definition, known, day));
        },
      ),
    );
  });
});
