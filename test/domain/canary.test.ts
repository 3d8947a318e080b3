// Who is in a canary: always the same customers, more of them as it grows, as many as it says.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inCanary, placeOf } from '#domain/canary.ts';

const sid = fc.uint8Array({ minLength: 16, maxLength: 16 });
const percent = fc.double({ min: 0, max: 100, noNaN: true });
/** Numerical Recipes' generator: sids that scatter, the same everywhere. */
function* sids(count: number): Generator<Uint8Array> {
  let state = 47;
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(16);
    for (let k = 0; k < 16; k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[k] = state >>> 24;
    }
    yield bytes;
  }
}

test('a customer’s place is one, wherever their sid lies in memory', () => {
  fc.assert(
    fc.property(sid, fc.string(), fc.nat(9), (bytes, name, offset) => {
      const elsewhere = new Uint8Array(32);
      elsewhere.set(bytes, offset);
      const place = placeOf(bytes, name);
      expect(placeOf(elsewhere.subarray(offset, offset + 16), name)).toBe(place);
      expect(place >= 0 && place < 1).toBe(true);
    }),
  );
});

test('a canary that grows only adds customers', () => {
  fc.assert(
    fc.property(sid, percent, percent, (bytes, a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      if (inCanary(bytes, 'clv_model', less)) expect(inCanary(bytes, 'clv_model', more)).toBe(true);
    }),
  );
});

test.each([0.5, 1, 5, 10, 50, 90])(
  '%d percent of 100,000 customers are in it, within five binomial standard errors',
  (p) => {
    const n = 100_000;
    let inside = 0;
    for (const bytes of sids(n)) if (inCanary(bytes, 'clv_model', p)) inside++;
    const error = Math.sqrt((p / 100) * (1 - p / 100) * n);
    expect(Math.abs(inside - (p / 100) * n)).toBeLessThan(5 * error);
  },
);

test('canaries of two models fall on customers independently', () => {
  const n = 100_000;
  let [both, one, other] = [0, 0, 0];
  for (const bytes of sids(n)) {
    const [a, b] = [inCanary(bytes, 'clv_model', 20), inCanary(bytes, 'churn_model', 20)];
    if (a) one++;
    if (b) other++;
    if (a && b) both++;
  }
  const expected = (one * other) / n;
  expect(Math.abs(both - expected)).toBeLessThan(5 * Math.sqrt(expected));
});

test('places are kept for ever: a change of the hash would move customers between versions', () => {
  expect(placeOf(new Uint8Array(16), 'clv_model')).toBe(PLACES[0]);
  expect(
    placeOf(
      Uint8Array.from({ length: 16 }, (_, i) => i),
      'clv_model',
    ),
  ).toBe(PLACES[1]);
  expect(placeOf(new Uint8Array(16).fill(255), 'churn_model')).toBe(PLACES[2]);
});
// Computed by a second implementation, in Python's integers.
const PLACES = [0.7584116503130645, 0.6142130352091044, 0.4195758602581918];
