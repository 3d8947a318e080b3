// Versions side by side: what differs beyond the rounding of a sum, and what one of them lacks.
import { expect, test } from 'vitest';
import { compareModels } from '#api/model-compare.ts';
import type { ModelFacts } from '#api/model-facts.ts';

/** Of a version's facts only what is compared. */
const facts = (id: string, values: Record<string, number | null>): ModelFacts =>
  ({
    id,
    parameters: Object.entries(values).map(([name, value]) => ({ name, value, standard_error: null })),
    metrics: {},
    features: [{ name: 'recency_days', version: 1 }],
  }) as unknown as ModelFacts;

test('a parameter differs beyond rounding, or where one version has none', () => {
  const one = facts('m@1', { same: 0.1 + 0.2, zero: 0, moved: 0.3, small: 1e-7, gone: 1 });
  const other = facts('m@2', { same: 0.3, zero: 0, moved: 0.300001, small: 2e-7 });
  const { parameters, features, why } = compareModels([one, other], null);
  expect(Object.fromEntries(parameters.map(({ name, differs }) => [name, differs]))).toEqual({
    same: false,
    zero: false,
    moved: true,
    small: true,
    gone: true,
  });
  expect(parameters.at(-1)!.values).toEqual([1, null]);
  expect(features).toEqual([{ name: 'recency_days', values: [1, 1], differs: false }]);
  expect(why).toContain('axiom47 model compare m@1 m@2');
});
