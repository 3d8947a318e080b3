// The past as the log held it: nothing imported later changes it, and nobody erased since has one.
import { expect, test } from 'vitest';
import type { Fact } from '#domain/envelope.ts';
import { createRefold } from '#ops/refold.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { summarize } from '#projections/memory/summary.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createWriter, order, sidOf } from '../projections/memory/scenario.ts';

const coverage = (day: number): Fact => ({
  type: 'import.started',
  run: `from-${day}`,
  source: 'shop',
  digest: 'd',
  backfill: true,
  amend: false,
  startedAt: 0,
  coverage: day,
});

test('an erasure reaches the past, also one that is at hand already; a later import’s coverage does not', async () => {
  const store = createMemoryStore();
  const writer = createWriter();
  const append = async (bytes: Uint8Array, lane = '0') => (await store.append(`evt.${lane}.main`, bytes)).seq;
  await append(writer.pack([order('ann', 'a', 10, 1000), order('ann', 'b', 20, 1000), order('bob', 'c', 15, 500)]));
  const seq = await append(writer.fact({ type: 'customer.linked', anonymous: sidOf('x'), known: sidOf('ann') }), 'all');
  await append(writer.pack([order('bob', 'd', 30, 700)]));

  const refold = createRefold(store, 'EUR');
  const before = await refold.at(seq);
  expect(before.entries(sidOf('ann'))).toMatchObject({ erased: false, orders: [{ day: 10 }, { day: 20 }] });
  expect(before.entries(sidOf('bob'))!.orders).toHaveLength(1);
  expect(summarize(before, 40).histories.weight.reduce((a, b) => a + b)).toBe(2);

  await append(writer.fact(coverage(18)), 'all');
  await append(writer.fact({ type: 'customer.erased', sids: [sidOf('ann'), sidOf('x')], at: 1 }), 'all');
  for (const past of [await refold.at(seq), await createRefold(store, 'EUR').at(seq)]) {
    for (const id of ['ann', 'x']) expect(past.entries(sidOf(id))).toMatchObject({ erased: true, orders: [] });
    expect(past.flags(sidOf('ann'))).toBe(COLUMN_FLAG.erased);
    expect(past.flags(sidOf('bob'))).toBe(0);
    expect(past.position).toBe(seq);
    expect(past.customers).toBe(1);
    expect(summarize(past, 40).histories.weight.reduce((a, b) => a + b)).toBe(1);
  }
});
