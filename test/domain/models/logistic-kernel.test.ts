// The blocked sums against the sums written down row by row.
import { expect, test } from 'vitest';
import {
  addChunks,
  chunkSums,
  chunksOf,
  type LogisticRows,
  MARGINS,
  passHere,
  type Scale,
} from '#domain/models/logistic-kernel.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { worst, zip } from '../../support/close.ts';

/** Rows over two chunks and a bit, so the last tile is short; feature 1 is left out of the scale. */
function made(n: number, k: number): { rows: LogisticRows; scale: Scale; beta: number[] } {
  const random = createRandom(n + k);
  const column = (draw: () => number) => Float64Array.from({ length: n }, draw);
  const features = Array.from({ length: k }, (_, j) => column(() => 10 * j + random.uniform()));
  const label = column(() => random.below(2));
  const weight = column(() => random.below(3));
  const columns = [...features.keys()].filter((j) => j !== 1);
  const scale = { columns, mean: features.map((_, j) => 10 * j + 0.5), inverseSd: features.map((_, j) => 1 + j) };
  return { rows: { features, label, weight }, scale, beta: [0.3, ...columns.map((j) => (j - 2) / 5)] };
}

function naive({ features, label, weight }: LogisticRows, { columns, mean, inverseSd }: Scale, beta: number[]) {
  const k = beta.length;
  let loss = 0;
  const etas: number[] = [];
  const gradient = new Array<number>(k).fill(0);
  const hessian = Array.from({ length: k }, () => new Array<number>(k).fill(0));
  for (let i = 0; i < label.length; i++) {
    const z = [1, ...columns.map((j) => (features[j]![i]! - mean[j]!) * inverseSd[j]!)];
    const eta = z.reduce((sum, value, j) => sum + value * beta[j]!, 0);
    etas.push(eta);
    const p = 1 / (1 + Math.exp(-eta));
    loss -= weight[i]! * Math.log(label[i] === 1 ? p : 1 - p);
    z.forEach((a, j) => {
      gradient[j]! += weight[i]! * (p - label[i]!) * a;
      z.forEach((b, l) => {
        hessian[j]![l]! += weight[i]! * p * (1 - p) * a * b;
      });
    });
  }
  return { loss, gradient, hessian, eta: etas };
}

test.each([
  [70_001, 4],
  [300, 7],
  [1, 2],
  [129, 1],
])('%d rows of %d features', (n, k) => {
  const { rows, scale, beta } = made(n, k);
  const sums = passHere(rows, { kind: 'derivatives', scale, beta, curvature: true });
  const { loss, gradient, hessian, eta } = naive(rows, scale, beta);
  const triangle = hessian.flatMap((row, j) => row.slice(0, j + 1));
  const size = Math.max(1, n);
  const margins = [1, 0].map((y) => {
    const seen = eta.filter((_, i) => rows.label[i] === y && rows.weight[i]! > 0).map((e) => (y === 1 ? -e : e));
    return seen.reduce((most, e) => Math.max(most, e), Number.NEGATIVE_INFINITY);
  });
  margins.forEach((margin, at) => {
    if (Number.isFinite(margin)) worst([[sums[at], margin]], 1e-9);
    else expect(sums[at]).toBe(margin);
  });
  worst(
    zip(
      sums.subarray(MARGINS).map((s) => s / size),
      [loss, ...gradient, ...triangle].map((s) => s / size),
    ),
    1e-12,
  );
  const flat = passHere(rows, { kind: 'derivatives', scale, beta, curvature: false });
  expect([...flat]).toEqual([...sums.slice(0, MARGINS + 1 + beta.length)]);
});

test('means and squares of chunks give those of the whole; far from 0 too', () => {
  const n = 80_000;
  const random = createRandom(3);
  const x = Float64Array.from({ length: n }, () => 1e8 + random.uniform());
  const weight = Float64Array.from({ length: n }, (_, i) => (i < 40_000 ? 0 : 1 + (i % 2)));
  const [total, events, counted, mean, squares] = passHere(
    { features: [x], label: new Float64Array(n).fill(1), weight },
    { kind: 'moments' },
  );
  expect([total, events, counted]).toEqual([60_000, 60_000, 40_000]);
  const centre = x.reduce((sum, value, i) => sum + weight[i]! * (value - 1e8), 0) / 60_000;
  const spread = x.reduce((sum, value, i) => sum + weight[i]! * (value - 1e8 - centre) ** 2, 0);
  worst([[mean, 1e8 + centre]], 1e-14);
  worst([[squares, spread]], 1e-9);
});

test('stretches of chunks add up to the same bits however they are cut', () => {
  const { rows, scale, beta } = made(140_000, 3);
  const pass = { kind: 'derivatives', scale, beta, curvature: true } as const;
  const whole = passHere(rows, pass);
  const chunks = chunksOf(rows);
  expect(chunks).toBe(5);
  for (const cut of [1, 3])
    expect(addChunks(rows, pass, [chunkSums(rows, pass, 0, cut), chunkSums(rows, pass, cut, chunks)])).toEqual(whole);
});

test('how far a direction moves the log-odds, of the rows with weight', () => {
  const rows = {
    features: [Float64Array.of(0, 1, 50, -3)],
    label: new Float64Array(4),
    weight: Float64Array.of(1, 1, 0, 1),
  };
  const scale = { columns: [0], mean: [0], inverseSd: [1] };
  expect([...passHere(rows, { kind: 'reach', scale, direction: [0.5, 1] })]).toEqual([2.5]);
});
