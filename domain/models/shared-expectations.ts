// What customers of equal x and T share: the expected purchases of one who is alive, over the horizon and at the end of each period of discounting.
// A base of a million daily histories has a few thousand such pairs, and these expectations are nearly all a value costs. Digit for digit what
// `expectedFuture` and `discountedPurchases` answer customer by customer: the same operations in the same order.
import { expectedOfAlive, type Posterior } from './future-purchases.ts';
import type { DiscountPeriods } from './lifetime-value.ts';

export interface SharedExpectations {
  /** E[purchases] over the horizon. @param x repeat purchases. @param T age in days. */
  purchases(state: Posterior, x: number, T: number): number;
  /** The same, discounted period by period. */
  discounted(state: Posterior, x: number, T: number): number;
}

/** Pairs kept; beyond, all are forgotten: 7 MB of a year of months. */
const MOST_PAIRS = 65_536;
/** Days up to which pairs have a number of their own: 89 years. */
const DAYS = 2 ** 15;

/** For ONE model. @param t horizon in its unit. */
export function createSharedExpectations(t: number, { ends, divisors }: DiscountPeriods): SharedExpectations {
  const times = Float64Array.of(t, ...ends);
  const width = times.length;
  /** By pair: of each of the times. The first place is for pairs that are not kept. */
  let values = new Float64Array(256 * width);
  const known = new Map<number, number>();
  function compute(state: Posterior, at: number): number {
    for (let k = 0; k < width; k++) values[at + k] = expectedOfAlive(state, times[k]!);
    return at;
  }
  function placeOf(state: Posterior, x: number, T: number): number {
    if (!(T < DAYS && Number.isInteger(T) && x < DAYS)) return compute(state, 0);
    const pair = x * DAYS + T;
    const found = known.get(pair);
    if (found !== undefined) return found;
    if (known.size === MOST_PAIRS) known.clear();
    const at = (known.size + 1) * width;
    if (at === values.length) {
      const wider = new Float64Array(2 * at);
      wider.set(values);
      values = wider;
    }
    known.set(pair, at);
    return compute(state, at);
  }
  return {
    purchases(state, x, T) {
      // First the place: finding one may put others' values into a larger array.
      const at = placeOf(state, x, T);
      return state.pAlive * values[at]!;
    },
    discounted(state, x, T) {
      const { pAlive } = state;
      const first = placeOf(state, x, T) + 1;
      let sum = 0;
      let before = 0;
      for (let k = 0; k < ends.length; k++) {
        const upTo = pAlive * values[first + k]!;
        sum += (upTo - before) / divisors[k]!;
        before = upTo;
      }
      return sum;
    },
  };
}
