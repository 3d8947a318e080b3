// Our special functions and solver against two packages written by others: agreement to what those packages can do
// (jStat's incomplete beta is good to 2e-7, its log-gamma to 1e-12).
import jstat from 'jstat';
import { CholeskyDecomposition, inverse, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { regularizedBeta } from '#domain/numerics/beta.ts';
import { cholesky, choleskyInverse, choleskySolve } from '#domain/numerics/cholesky.ts';
import { lnGamma } from '#domain/numerics/gamma.ts';
import { createRandom } from '#domain/numerics/random.ts';

const random = createRandom(4747);
const relative = (ours: number, theirs: number) => Math.abs(ours - theirs) / Math.max(Math.abs(theirs), 1e-12);

describe('numerics against jStat 1.9 and ml-matrix 6', () => {
  it('ln Γ agrees with jStat to 1e-11 on 1,000 draws', () => {
    for (let i = 0; i < 1_000; i++) {
      const x = 2.5 + random.exponential(0.02);
      expect(relative(lnGamma(x), jstat.gammaln(x))).toBeLessThan(1e-11);
    }
  });

  it('the regularised incomplete beta agrees with jStat to 1e-6 on 1,000 draws', () => {
    for (let i = 0; i < 1_000; i++) {
      const [a, b, x] = [0.3 + random.exponential(0.3), 0.3 + random.exponential(0.3), random.uniform()];
      expect(Math.abs(regularizedBeta(a, b, x) - jstat.ibeta(x, a, b))).toBeLessThan(1e-6);
    }
  });

  it('Cholesky solves and inverts like ml-matrix', () => {
    for (let n = 1; n <= 6; n++) {
      const root = Array.from({ length: n }, () => Array.from({ length: n }, () => random.normal()));
      const product = new Matrix(root).mmul(new Matrix(root).transpose()).add(Matrix.eye(n));
      const rhs = Array.from({ length: n }, () => random.normal());
      const lower = cholesky(product.to2DArray())!;
      const theirs = new CholeskyDecomposition(product).solve(Matrix.columnVector(rhs)).to1DArray();
      for (const [i, value] of choleskySolve(lower, rhs).entries()) expect(value).toBeCloseTo(theirs[i]!, 11);
      const flat = choleskyInverse(lower).flat();
      for (const [i, value] of inverse(product).to1DArray().entries()) expect(flat[i]).toBeCloseTo(value, 11);
    }
  });
});
