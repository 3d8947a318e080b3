// `axiom47 predict churn` with a logistic model: what `fit logistic --json` printed, applied to a table with the same columns.
import { churnBand } from '#domain/models/clv-model.ts';
import { type LogisticArtefact, parseLogisticModel, score } from '#domain/models/logistic-model.ts';
import { columnIndex, guessColumn, readTable } from '../table.ts';
import { UsageError } from './command.ts';

/** Is this parsed parameter file a logistic model? */
export const isLogistic = (file: unknown): boolean =>
  typeof file === 'object' && file !== null && 'model' in file && file.model === 'logistic';

/** @throws UsageError naming the file and the field. */
export function readLogisticModel(path: string, file: unknown): LogisticArtefact {
  const model = parseLogisticModel(file);
  if (!model.ok) throw new UsageError(`--params ${path}: ${model.reason}`);
  return model.value;
}

/** One answer a row; a row with a cell that cannot be read has `reason` and `message` instead. @throws UsageError for a column that is missing. */
export function logisticAnswers(model: LogisticArtefact, path: string): object[] {
  const table = readTable(path);
  const columns = model.encoding.map(({ column }) => ({ column, at: columnIndex(table, column) }));
  const id = guessColumn(table, ['customer_id', 'customerID', 'customer', 'id']);
  const idAt = id === undefined ? -1 : columnIndex(table, id);
  return table.rows.map((row, i) => {
    const name = idAt < 0 ? { row: i + 1 } : { customer_id: row[idAt] ?? '' };
    const answer = score(model, Object.fromEntries(columns.map(({ column, at }) => [column, row[at]])));
    if (!answer.ok) {
      const { column, message } = answer.reason;
      return { ...name, reason: 'invalid-features', message: `${column} ${message}`.trim() };
    }
    const { probability, raw, logOdds, blank, unknown } = answer.value;
    return {
      ...name,
      p_churn: probability,
      p_churn_raw: raw,
      log_odds: logOdds,
      band: churnBand(probability),
      missing: blank.join(' '),
      unknown_levels: unknown.join(' '),
    };
  });
}
