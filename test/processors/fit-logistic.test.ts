// The same fit on one thread and on several: to the last bit, whatever the number of threads.
import { afterAll, describe, expect, test } from 'vitest';
import { fitLogistic, type LogisticColumns, type LogisticOptions } from '#domain/models/logistic.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { createPool } from '#processors/pool.ts';
import { fitLogisticOn } from '#processors/training/fit-logistic.ts';

/** Three chunks and a bit, two features, some rows counting twice. */
function rows(n = 100_000): LogisticColumns {
  const random = createRandom(7);
  const [a, b] = [new Float64Array(n), new Float64Array(n)];
  const [label, weight] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    a[i] = random.uniform();
    b[i] = random.below(5);
    weight[i] = 1 + random.below(2);
    label[i] = random.uniform() < 1 / (1 + Math.exp(1 - 2 * a[i]! - 0.3 * b[i]!)) ? 1 : 0;
  }
  return { names: ['a', 'b'], features: [a, b], label, weight };
}

describe('on a pool', () => {
  const pools = [1, 2].map((threads) => createPool(threads));
  afterAll(() => Promise.all(pools.map((pool) => pool[Symbol.asyncDispose]())));
  const data = rows();
  test.each<LogisticOptions>([{ penalty: 'none' }, { penalty: 'elastic-net', lambda: 0.01 }])(
    '$penalty',
    async (how) => {
      const alone = fitLogistic(data, how);
      expect(alone).toMatchObject({ ok: true, n: 100_000 });
      for (const pool of pools) expect(await fitLogisticOn(pool, data, how)).toEqual(alone);
    },
  );
  test('what cannot be fitted says so as on one thread', async () => {
    const bad = { ...data, label: data.label.map((y, i) => (i === 70_000 ? 2 : y)) };
    await expect(fitLogisticOn(pools[1]!, bad, { penalty: 'none' })).rejects.toThrow('row 70001, column label');
    const one = { ...data, label: data.label.map(() => 1) };
    expect(await fitLogisticOn(pools[1]!, one, { penalty: 'none' })).toMatchObject({ ok: false, reason: 'one-class' });
  });
});
