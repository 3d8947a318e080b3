// Cox's discrete likelihood against the definition: the chance of just these events among all sets of as many of those at risk.
import { describe, expect, test } from 'vitest';
import { createDesign } from '#domain/models/survival/cox-design.ts';
import { checkExact, exactLikelihood } from '#domain/models/survival/cox-exact.ts';

const columns = {
  duration: Float64Array.of(1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 2, 2, 4),
  eventObserved: Uint8Array.of(1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0),
  entry: Float64Array.of(0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 1, 0),
  strata: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
};
const x = [
  [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9],
  [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9],
];
const scales = x.map((values) => ({ values: Float64Array.from(values), mean: 4, deviation: 2 }));
const rowsAt = (i: number) => x.map((values) => (values[i]! - 4) / 2);

function subsetsOf(members: number[], size: number): number[][] {
  if (size === 0) return [[]];
  return members.flatMap((first, i) => subsetsOf(members.slice(i + 1), size - 1).map((rest) => [first, ...rest]));
}

type Given = typeof columns | Omit<typeof columns, 'entry' | 'strata'>;

/** ln of the product, over strata and times, of the chance of the set that had the event. */
function definition(given: Given, beta: readonly number[]): number {
  const risk = Array.from(given.duration, (_, i) => Math.exp(rowsAt(i).reduce((sum, v, j) => sum + v * beta[j]!, 0)));
  const stratumOf = (i: number) => ('strata' in given ? given.strata[i]! : 0);
  let value = 0;
  for (const stratum of new Set(Array.from(given.duration, (_, i) => stratumOf(i))))
    for (const time of new Set(given.duration)) {
      const under = [...given.duration.keys()].filter(
        (i) =>
          stratumOf(i) === stratum && given.duration[i]! >= time && (!('entry' in given) || given.entry[i]! < time),
      );
      const dead = under.filter((i) => given.duration[i] === time && given.eventObserved[i] === 1);
      const chance = (set: number[]) => set.reduce((product, i) => product * risk[i]!, 1);
      const all = subsetsOf(under, dead.length).reduce((sum, set) => sum + chance(set), 0);
      value += Math.log(chance(dead) / all);
    }
  return value;
}

const { entry: _entry, strata: _strata, ...plain } = columns;

describe.each([
  { what: 'late entry and strata', given: columns as Given },
  { what: 'neither', given: plain as Given },
])('$what', ({ given }) => {
  const design = createDesign(given, scales);
  test.each([{ beta: [0, 0] }, { beta: [0.4, -0.7] }, { beta: [-2, 1] }])('at $beta', ({ beta }) => {
    const { value, gradient, information } = exactLikelihood(design, beta);
    expect(value).toBeCloseTo(definition(given, beta), 11);
    const h = 1e-3;
    const at = (j: number, a: number, k = 0, b = 0) =>
      definition(
        given,
        beta.map((each, m) => each + (m === j ? a * h : 0) + (m === k ? b * h : 0)),
      );
    for (const j of [0, 1]) {
      expect(gradient[j]).toBeCloseTo((at(j, 1) - at(j, -1)) / (2 * h), 4);
      for (const k of [0, 1]) {
        const second = (at(j, 1, k, 1) - at(j, 1, k, -1) - at(j, -1, k, 1) + at(j, -1, k, -1)) / (4 * h * h);
        expect(information[j]![k]).toBeCloseTo(-second, 3);
      }
    }
  });
});

describe('what is too large', () => {
  const tied = (events: number, others: number, strata = 1) => {
    const n = (events + others) * strata;
    const event = Uint8Array.from({ length: n }, (_, i) => (i % (events + others) < events ? 1 : 0));
    const strataOf = Array.from({ length: n }, (_, i) => Math.floor(i / (events + others)));
    return createDesign({ duration: new Float64Array(n).fill(1), eventObserved: event, strata: strataOf }, []);
  };
  test('more than 600 events at once, or 2·10⁷ steps; a stratum is counted by itself', () => {
    expect(() => checkExact(tied(601, 0))).toThrow('too many tied events');
    expect(() => checkExact(tied(600, 0))).not.toThrow();
    expect(() => checkExact(tied(500, 39_501))).toThrow('too many tied events');
    expect(() => checkExact(tied(500, 39_500))).not.toThrow();
    expect(() => checkExact(tied(100, 49_900, 4))).not.toThrow();
  });
  test('weights', () => {
    const design = createDesign({ ...plain, weight: new Float64Array(13).fill(2) }, scales);
    expect(() => checkExact(design)).toThrow('do not take weights');
  });
});
