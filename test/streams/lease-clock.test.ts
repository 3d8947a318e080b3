// The clock a lease is believed by: it goes on while the machine is suspended, and runs slow for nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createUnstoppedClock } from '#streams/jetstream/lease.ts';

test('suspended for an hour, the steady clock does not know of it: the hour has passed', () => {
  const at = { steady: 5, wall: 1_000_000 };
  const now = createUnstoppedClock(
    () => at.steady,
    () => at.wall,
  );
  at.steady += 700;
  at.wall += 3_600_700;
  expect(now()).toBe(3_600_700);
  // Somebody sets the wall's clock back: the steady one says how long it was.
  at.steady += 400;
  at.wall -= 86_400_000;
  expect(now()).toBe(3_601_100);
});

test('never slower than either clock between two readings, and never back', () => {
  const step = fc.record({ steady: fc.nat(1e6), wall: fc.integer({ min: -1e6, max: 1e6 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const at = { steady: 0, wall: 0 };
      const now = createUnstoppedClock(
        () => at.steady,
        () => at.wall,
      );
      let before = now();
      for (const each of steps) {
        at.steady += each.steady;
        at.wall += each.wall;
        const after = now();
        expect(after - before).toBe(Math.max(0, each.steady, each.wall));
        before = after;
      }
    }),
  );
});
