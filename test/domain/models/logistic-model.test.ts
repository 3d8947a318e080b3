// The stored model: what is written can be read, one row scores as its table does, and what cannot be read says why.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Calibration } from '#domain/models/calibration.ts';
import { encodeFeatures, type FeatureRow, type FeatureTable, learnEncoding } from '#domain/models/feature-encoding.ts';
import { fitLogistic } from '#domain/models/logistic.ts';
import { type LogisticArtefact, parseLogisticModel, score, scoreColumns } from '#domain/models/logistic-model.ts';
import { worst } from '../../support/close.ts';

const table: FeatureTable = new Map<string, string[] | Float64Array>([
  ['tenure', Float64Array.of(1, Number.NaN, 30, 4, 12, 7, 2, 20)],
  ['plan', ['month', 'year', 'year', '', 'month', 'month', 'year', 'month']],
  ['price', ['9.5', '20', '', '11', '30', '8', '12', '']],
]);
const label = Float64Array.of(1, 0, 0, 1, 0, 1, 1, 0);

function artefact(calibration?: Calibration): LogisticArtefact {
  const encoding = learnEncoding(table, ['tenure', 'plan', 'price'], { missingIndicator: true });
  const fitted = fitLogistic({ ...encodeFeatures(table, encoding), label }, { penalty: 'l2', lambda: 0.1 });
  if (!fitted.ok) throw new Error(fitted.message);
  const parsed = parseLogisticModel(JSON.parse(JSON.stringify({ ...fitted, encoding, calibration })));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}
const rowOf = (i: number): FeatureRow =>
  Object.fromEntries([...table].map(([name, cells]) => [name, cells[i] as string | number]));

test('what was written is read, without what scoring does not need', () => {
  const model = artefact();
  expect(model.calibration).toEqual({ method: 'identity' });
  expect(model.coefficients.map(({ name }) => name)).toEqual([
    'tenure',
    'tenure=missing',
    'plan=month',
    'plan=year',
    'price',
    'price=missing',
  ]);
  expect(parseLogisticModel(JSON.parse(JSON.stringify(model)))).toEqual({ ok: true, value: model });
});

test.each<Calibration>([
  { method: 'identity' },
  { method: 'platt', A: -0.8, B: 0.1 },
  { method: 'isotonic', x: [-1, 0, 2], y: [0, 0.25, 1] },
])('a row scores as its table does: $method', (calibration) => {
  const model = artefact(calibration);
  const columns = scoreColumns(model, table);
  if (!columns.ok) throw new Error(columns.reason.message);
  for (let i = 0; i < label.length; i++) {
    const one = score(model, rowOf(i));
    if (!one.ok) throw new Error(one.reason.message);
    worst(
      [
        [one.value.logOdds, columns.value.logOdds[i]!],
        [one.value.raw, columns.value.raw[i]!],
        [one.value.probability, columns.value.probability[i]!],
      ],
      1e-14,
    );
  }
});

test('a missing cell stands at its median and is told; a level never seen counts as the first and is told', () => {
  const model = artefact();
  const told = score(model, { tenure: null, plan: 'decade', price: 9 });
  if (!told.ok) throw new Error(told.reason.message);
  expect(told.value).toMatchObject({ blank: ['tenure'], unknown: ['plan'] });
  const [tenure, missing] = model.coefficients;
  // The median of 1, 2, 4, 7, 12, 20, 30 is 7; ASCII order makes the blank level `missing` the first one.
  const price = model.coefficients[4]!;
  expect(told.value.logOdds).toBeCloseTo(model.intercept + 7 * tenure!.coef + missing!.coef + 9 * price.coef, 12);
  const columns = scoreColumns(model, new Map([...table, ['plan', new Array<string>(8).fill('decade')]]));
  expect(columns).toMatchObject({ ok: true, value: { unknown: { plan: 8 } } });
});

describe('refused by name', () => {
  test('a cell that is no number', () => {
    expect(score(artefact(), { tenure: 1, plan: 'year', price: 'much' })).toEqual({
      ok: false,
      reason: { column: 'price', message: "'much' is not a finite number" },
    });
    const bad = new Map([...table, ['price', ['1', '2', 'x', '4', '5', '6', '7', '8']]]);
    expect(scoreColumns(artefact(), bad)).toMatchObject({ ok: false, reason: { row: 2, column: 'price' } });
    expect(() => scoreColumns(artefact(), new Map([['plan', ['year']]]))).toThrow("no column 'tenure'");
  });
  test.each<[string, (file: LogisticArtefact) => unknown, RegExp]>([
    ['another model', (file) => ({ ...file, model: 'clv' }), /^model: /],
    ['no encoding', ({ encoding: _, ...file }) => file, /^encoding: /],
    ['a coefficient that is null', (file) => ({ ...file, intercept: null }), /^intercept: /],
    ['too few coefficients', (file) => ({ ...file, coefficients: file.coefficients.slice(1) }), /makes 6 features/],
    [
      'coefficients in another order',
      (file) => ({ ...file, coefficients: file.coefficients.toReversed() }),
      /number 0/,
    ],
    [
      'a falling calibration',
      (file) => ({ ...file, calibration: { method: 'isotonic', x: [0, 1], y: [1, 0] } }),
      /asc/,
    ],
  ])('%s', (_, spoil, problem) => {
    const answer = parseLogisticModel(spoil(artefact()));
    if (answer.ok) throw new Error('it was read');
    expect(answer.reason).toMatch(problem);
  });
});

test('any row of JSON gets a probability or a refusal, never NaN', () => {
  const model = artefact({ method: 'platt', A: -1, B: 0 });
  const cell = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null), fc.constant(undefined));
  fc.assert(
    fc.property(fc.record({ tenure: cell, plan: cell, price: cell }, { requiredKeys: [] }), (row) => {
      const answer = score(model, row);
      if (!answer.ok) return answer.reason.message !== '';
      const { probability, raw } = answer.value;
      return probability >= 0 && probability <= 1 && raw >= 0 && raw <= 1;
    }),
  );
});
