// What a judged version leans on: permutation importance and partial dependence on the rows it was judged on.
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { logisticImportance } from '#domain/models/explanation/logistic-importance.ts';
import { type Dependence, partialDependence } from '#domain/models/explanation/partial-dependence.ts';
import type { Importance } from '#domain/models/explanation/permutation-importance.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, scoreColumns } from '#domain/models/logistic-model.ts';
import { sampleOf } from '../backtest/leakage.ts';
import type { ChurnRows } from '../training/churn-rows.ts';

export interface Explained {
  importance: { loss: number; rows: number; importances: Importance[] } | null;
  /** Of the features it leans on most. */
  dependence: Omit<Dependence, 'ice'>[];
  /** Why a part is missing, by its name. */
  undefined: Record<string, string>;
}

/** Importance is exact over all pairs of rows; an isotonic calibration has to go through them one by one. */
const ROWS = { smooth: 20_000, isotonic: 1_000, dependence: 2_000 };
const MOST_CURVES = 6;

export function explainedBy(
  model: ChurnModel | ClvModel,
  rows: ChurnRows,
  label: Float64Array,
  seed: number,
): Explained {
  if (model.model !== 'churn-logistic') {
    const why =
      model.model === 'clv'
        ? 'a purchase model reads frequency, recency and age, which cannot be dealt out apart: an age below a recency is nobody’s'
        : 'a Cox model says its effects as hazard ratios (parameters)';
    return { importance: null, dependence: [], undefined: { importance: why, dependence: why } };
  }
  const { logistic } = model;
  const most = logistic.calibration.method === 'isotonic' ? ROWS.isotonic : ROWS.smooth;
  const chosen = sampleOf(label.length, most, seed);
  const { loss, importances } = logisticImportance(
    logistic,
    tableFor(logistic, rows, chosen),
    Float64Array.from(chosen, (i) => label[i]!),
    { loss: 'brier' },
  );
  const sorted = [...importances].sort((a, b) => b.importance - a.importance);
  const table = tableFor(logistic, rows, sampleOf(label.length, ROWS.dependence, seed));
  const dependence = sorted.slice(0, MOST_CURVES).map(({ feature }) => {
    const { ice: _, ...curve } = partialDependence((changed) => probabilities(logistic, changed), table, feature);
    return curve;
  });
  return { importance: { loss, rows: chosen.length, importances: sorted }, dependence, undefined: {} };
}

function probabilities(logistic: LogisticArtefact, table: FeatureTable): Float64Array {
  const scored = scoreColumns(logistic, table);
  if (!scored.ok) throw new RangeError(`${scored.reason.column}: ${scored.reason.message}`);
  return scored.value.probability;
}

/** The columns the model reads, typed as it wants them. */
function tableFor({ encoding }: LogisticArtefact, rows: ChurnRows, chosen: readonly number[]): FeatureTable {
  const table = new Map<string, readonly string[] | Float64Array>();
  for (const { column, kind } of encoding) {
    const values = chosen.map((i) => rows.features[i]![column] ?? null);
    table.set(
      column,
      kind === 'numeric'
        ? Float64Array.from(values, (value) => (value === null ? Number.NaN : Number(value)))
        : values.map((value) => (value === null ? '' : String(value))),
    );
  }
  return table;
}
