// What a judged churn model leans on: permutation importance and partial dependence on the rows it was judged on.
import type { ChurnCox, ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { coxImportance, coxPrediction } from '#domain/models/explanation/cox-importance.ts';
import { logisticImportance } from '#domain/models/explanation/logistic-importance.ts';
import { type Dependence, partialDependence } from '#domain/models/explanation/partial-dependence.ts';
import type { Importance } from '#domain/models/explanation/permutation-importance.ts';
import type { Predict } from '#domain/models/explanation/predict.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, scoreColumns } from '#domain/models/logistic-model.ts';
import { sampleOf } from '../backtest/leakage.ts';
import type { ChurnRows } from '../training/churn-rows.ts';

export interface Explained {
  /** The loss is the Brier score of a classifier, of a Cox model the same of its foretold curve, over the days on which contracts ended. */
  importance: { measure: 'brier' | 'integrated-brier'; loss: number; rows: number; importances: Importance[] } | null;
  /** Of the features it leans on most: P(lost within the horizon). */
  dependence: Omit<Dependence, 'ice'>[];
  /** Why a part is missing, by its name. */
  undefined: Record<string, string>;
}

/** Who was judged, and what became of them. */
export interface Judged {
  /** By the features the model reads. */
  rows: ChurnRows;
  label: Float64Array;
  horizonDays: number;
  /** Of subscribers: days under contract by the definition, and from the cut-off to the end that came within the horizon (else Infinity). */
  subscriber(row: number): { age: number; lostAfter: number };
}

/** Importance is exact over all pairs of rows; an isotonic calibration has to go through them one by one, a Cox model day by day. */
const ROWS = { smooth: 20_000, isotonic: 1_000, cox: 2_000, dependence: 2_000 };
const MOST_CURVES = 6;

export const WHY_NO_IMPORTANCE =
  'a purchase model reads frequency, recency and age, which cannot be dealt out apart: an age below a recency is nobody’s';

export function explainedBy(model: ChurnModel | ClvModel, judged: Judged, seed: number): Explained {
  if (model.model === 'clv') {
    const dependence = 'how its forecast moves with what it reads is told where it is judged by value';
    return { importance: null, dependence: [], undefined: { importance: WHY_NO_IMPORTANCE, dependence } };
  }
  const n = judged.label.length;
  const { importance, predict } =
    model.model === 'churn-cox' ? ofCox(model, judged, seed) : ofLogistic(model.logistic, judged, seed);
  const sorted = [...importance.importances].sort((a, b) => b.importance - a.importance);
  const chosen = sampleOf(n, ROWS.dependence, seed);
  const table = tableFor(model.model === 'churn-cox' ? model : model.logistic, judged.rows, chosen);
  const dependence = sorted.slice(0, MOST_CURVES).map(({ feature }) => {
    const { ice: _, ...curve } = partialDependence(predict(chosen), table, feature);
    return curve;
  });
  return { importance: { ...importance, importances: sorted }, dependence, undefined: {} };
}

interface Leaning {
  importance: NonNullable<Explained['importance']>;
  /** Of these rows. */
  predict(chosen: readonly number[]): Predict;
}

function ofLogistic(logistic: LogisticArtefact, { rows, label }: Judged, seed: number): Leaning {
  const most = logistic.calibration.method === 'isotonic' ? ROWS.isotonic : ROWS.smooth;
  const chosen = sampleOf(label.length, most, seed);
  const { loss, importances } = logisticImportance(
    logistic,
    tableFor(logistic, rows, chosen),
    Float64Array.from(chosen, (i) => label[i]!),
    { loss: 'brier' },
  );
  return {
    importance: { measure: 'brier', loss, rows: chosen.length, importances },
    predict: () => (changed) => probabilities(logistic, changed),
  };
}

function ofCox(model: ChurnCox, { rows, label, horizonDays, subscriber }: Judged, seed: number): Leaning {
  const chosen = sampleOf(label.length, ROWS.cox, seed);
  const agesOf = (these: readonly number[]) => Float64Array.from(these, (i) => subscriber(i).age);
  const { loss, importances } = coxImportance(
    model,
    {
      table: tableFor(model, rows, chosen),
      age: agesOf(chosen),
      lostAfter: Float64Array.from(chosen, (i) => subscriber(i).lostAfter),
    },
    horizonDays,
  );
  return {
    importance: { measure: 'integrated-brier', loss, rows: chosen.length, importances },
    predict: (these) => coxPrediction(model, agesOf(these), horizonDays),
  };
}

function probabilities(logistic: LogisticArtefact, table: FeatureTable): Float64Array {
  const scored = scoreColumns(logistic, table);
  if (!scored.ok) throw new RangeError(`${scored.reason.column}: ${scored.reason.message}`);
  return scored.value.probability;
}

/** The columns the model reads, typed as it wants them. */
function tableFor(
  { encoding }: Pick<LogisticArtefact, 'encoding'>,
  rows: ChurnRows,
  chosen: readonly number[],
): FeatureTable {
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
