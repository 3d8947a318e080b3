// Sums of products in pairs of doubles and in TypeScript against the sums written down.
import { describe, expect, test } from 'vitest';
import { gramWorkspace } from '#domain/numerics/gram.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { worst } from '../../support/close.ts';

const ROWS = 16;

describe.each([
  ['f64x2', true],
  ['TypeScript', false],
] as const)('%s', (_, simd) => {
  test.each([1, 3, 4, 8, 21])('%d columns, tile after tile, odd and even heights', (columns) => {
    const random = createRandom(columns);
    const { tile, gram, padded, add } = gramWorkspace(columns, ROWS, simd);
    expect(padded % 3).toBe(0);
    const expected = new Float64Array(padded * padded);
    for (const size of [16, 7, 1, 2, 15]) {
      for (let j = 0; j < columns; j++) for (let i = 0; i < size; i++) tile[j * ROWS + i] = random.uniform() - 0.5;
      for (let a = 0; a < columns; a++)
        for (let b = 0; b <= a; b++)
          for (let i = 0; i < size; i++) expected[a * padded + b]! += tile[a * ROWS + i]! * tile[b * ROWS + i]!;
      add(size);
    }
    for (let a = 0; a < columns; a++)
      for (let b = 0; b <= a; b++) worst([[gram[a * padded + b], expected[a * padded + b]!]], 1e-12);
  });
});

test('both agree to rounding', () => {
  const [pairs, plain] = [gramWorkspace(30, 128), gramWorkspace(30, 128, false)];
  const random = createRandom(9);
  for (const workspace of [pairs, plain]) expect(workspace.tile).toHaveLength(30 * 128);
  for (let i = 0; i < pairs.tile.length; i++) pairs.tile[i] = plain.tile[i] = random.uniform();
  pairs.add(128);
  plain.add(128);
  worst(
    Array.from(pairs.gram, (sum, at) => [sum, plain.gram[at]!] as const),
    1e-12,
  );
});
