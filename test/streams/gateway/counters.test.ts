// The rate of arrival is what arrived in the last five seconds, however often it is asked for.
import { beforeEach, describe, expect, test } from 'vitest';
import { type Counters, createCounters } from '#streams/gateway/counters.ts';

let now = 0;
let counters: Counters;
beforeEach(() => {
  now = 1_000_000;
  counters = createCounters(() => now);
});
/** @param each events a second, in ten portions. */
const steady = (seconds: number, each: number) => {
  for (let i = 0; i < seconds * 10; i++) {
    counters.events += each / 10;
    now += 100;
  }
};

describe('events per second', () => {
  test('nothing yet is 0, and a steady stream is its rate', () => {
    expect(counters.rate(now)).toBe(0);
    steady(20, 50);
    expect(counters.events).toBe(1_000);
    expect(counters.rate(now)).toBeGreaterThanOrEqual(49);
    expect(counters.rate(now)).toBeLessThanOrEqual(50);
  });

  test('is 0 when nothing arrived for longer than the window, whoever asked meanwhile or nobody', () => {
    steady(10, 500);
    const asked = createCounters(() => now);
    asked.events += 2_000;
    for (let i = 0; i < 40; i++) {
      now += 1_000;
      if (i < 4) expect(asked.rate(now)).toBe(400);
      else expect(asked.rate(now)).toBe(0);
    }
    expect(counters.rate(now)).toBe(0);
    expect(counters.events).toBe(5_000);
  });

  test('what arrived long after the last question is not spread over the silence', () => {
    counters.events += 10;
    counters.rate(now);
    now += 3_600_000;
    counters.events += 100;
    expect(counters.rate(now)).toBe(20);
  });

  test('a clock that was set back leaves nothing behind', () => {
    counters.events += 100;
    now -= 60_000;
    expect(counters.rate(now)).toBe(0);
    counters.events += 5;
    expect(counters.rate(now)).toBe(1);
  });
});
