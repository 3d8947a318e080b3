// Newton's method for partial likelihoods on functions whose way up is known: where it steps back, where it gives up, what it then says.
import { describe, expect, test } from 'vitest';
import { createDesign } from '#domain/models/survival/cox-design.ts';
import type { PartialLikelihood } from '#domain/models/survival/cox-likelihood.ts';
import { walkRiskSets } from '#domain/models/survival/cox-likelihood.ts';
import { climb, independent, MAX_ITERATIONS } from '#domain/models/survival/cox-newton.ts';

const point = (value: number, gradient: number[], curvature: number[]): PartialLikelihood => ({
  value,
  gradient,
  information: curvature.map((each, j) => curvature.map((_, k) => (j === k ? each : 0))),
  jumps: new Float64Array(0),
});

/** Climbs from 0 and counts what was asked. */
function climbed(f: (beta: number[]) => PartialLikelihood, p = 1) {
  let asked = 0;
  const top = climb(
    (beta) => {
      asked += 1;
      return f(beta);
    },
    f(new Array<number>(p).fill(0)),
  );
  return { top, asked };
}

describe('climb', () => {
  test('a parabola takes one step, and one to see that it has settled', () => {
    const { top } = climbed(([b]) => point(-((b! - 1) ** 2) / 2, [1 - b!], [1]));
    expect(top).toMatchObject({ beta: [1], iterations: 2, converged: true, drifting: [] });
  });

  test('steps that lead down are halved until they lead up: −ln cosh(β − 3), from where Newton would jump to 100', () => {
    const { top } = climbed(([b]) =>
      point(-Math.log(Math.cosh(b! - 3)), [-Math.tanh(b! - 3)], [Math.cosh(b! - 3) ** -2]),
    );
    expect(top?.beta[0]).toBeCloseTo(3, 10);
    expect(top).toMatchObject({ converged: true, drifting: [] });
    expect(top?.at.value).toBeCloseTo(0, 12);
  });

  test('where no step leads up the place it stands is given: settled only if there was nothing left to gain', () => {
    const lowAround = (gradient: number) => climbed(([b]) => point(b === 0 ? 0 : -1, [gradient], [1]));
    const far = lowAround(1);
    expect(far.top).toMatchObject({ beta: [0], iterations: 0, converged: false, drifting: [] });
    // The start, a whole step, and its halves down to 1e-8.
    expect(far.asked).toBe(2 + Math.ceil(Math.log2(1e8)) - 1);
    expect(lowAround(1e-6).top).toMatchObject({ beta: [0], converged: true, drifting: [] });
  });

  test('on a plateau it names the coefficients whose steps stay long: −ln(1 + e^−β₀) beside a parabola', () => {
    const { top } = climbed(([a, b]) => {
      const s = 1 / (1 + Math.exp(-a!));
      return point(Math.log(s) - (b! - 1) ** 2 / 2, [1 - s, 1 - b!], [s * (1 - s), 1]);
    }, 2);
    expect(top).toMatchObject({ converged: false, drifting: [0] });
    expect(top?.iterations).toBeGreaterThan(5);
    expect(top?.at.gradient[0]).toBeLessThan(1e-5);
  });

  test('information lost on the way: the place before, and the coefficients that led there', () => {
    const { top } = climbed(([a]) => (a === 0 ? point(0, [10, 5, -6], [1, 1, 1]) : point(1, [1, 1, 1], [0, 0, 0])), 3);
    expect(top).toMatchObject({ beta: [0, 0, 0], iterations: 0, converged: false, drifting: [0, 2] });
    expect(top?.at.value).toBe(0);
  });

  test('no information at the start: nothing', () => {
    expect(climbed(() => point(0, [1], [0])).top).toBeUndefined();
  });

  test('a rise without end and without flattening stops after the most steps', () => {
    const { top } = climbed(([b]) => point(b!, [1], [1]));
    expect(top).toMatchObject({ beta: [MAX_ITERATIONS], iterations: MAX_ITERATIONS, converged: false, drifting: [] });
  });
});

describe('independent', () => {
  test.each([
    {
      why: 'what varies',
      information: [
        [1, 0],
        [0, 1],
      ],
      events: 1,
      kept: [0, 1],
    },
    {
      why: 'nothing of a column left',
      information: [
        [1, 1],
        [1, 1],
      ],
      events: 1,
      kept: [0],
    },
    {
      why: 'a part in 10¹² left of a column',
      information: [
        [1, 1],
        [1, 1 + 1e-12],
      ],
      events: 1e-3,
      kept: [0],
    },
    {
      why: 'a part in 10¹⁰ left of a column',
      information: [
        [1, 1],
        [1, 1 + 1e-10],
      ],
      events: 1,
      kept: [0, 1],
    },
    { why: 'less information than rounding of so many events makes', information: [[2e-12]], events: 3, kept: [] },
    { why: 'none at all', information: [[0]], events: 1, kept: [] },
    {
      why: 'the third of three whose second goes',
      information: [
        [1, 1, 0],
        [1, 1, 0],
        [0, 0, 1],
      ],
      events: 1,
      kept: [0, 2],
    },
  ])('$why', ({ information, events, kept }) => {
    expect(independent(information, events)).toEqual(kept);
  });
});

describe('walkRiskSets', () => {
  test('once everybody who came late is out, nothing of their sums is left: risks of 10¹⁵ before risks of 1', () => {
    const columns = {
      duration: Float64Array.of(1, 2, 3, 11, 12, 13),
      eventObserved: Uint8Array.of(1, 1, 1, 1, 1, 1),
      entry: Float64Array.of(0, 0, 0, 9, 9.5, 10),
    };
    const design = createDesign(columns, [{ values: Float64Array.of(1, 2, 3, 4, 5, 6), mean: 0, deviation: 1 }]);
    // By time from the last on; thirds, so that sums round.
    const risk = Float64Array.of(1e15 / 3, 1e15 / 7, 1e15 / 11, 0.3, 0.2, 0.1);
    const seen: number[][] = [];
    walkRiskSets(design, risk, 'efron', (_block, _part, _share, total, mean) => seen.push([total, mean[0]!]));
    expect(seen.slice(3).map(([total]) => total)).toEqual([0.3, 0.3 + 0.2, 0.3 + 0.2 + 0.1]);
    expect(seen[3]![1]).toBeCloseTo(3, 14);
    expect(seen[5]![1]).toBeCloseTo((0.9 + 0.4 + 0.1) / 0.6, 13);
  });
});
