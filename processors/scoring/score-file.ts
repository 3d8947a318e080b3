// Scores as lines of a file. Who somebody is never stands in it: `ref` does, and names are put in when it is read out (api/job-file.ts), so that an
// erasure reaches files that were written before it.
import { DAYS_PER_MONTH } from '#domain/models/duration.ts';
import type { ScoreCoordinates } from '#streams/keyring/score-id.ts';
import type { ParquetColumn, ParquetLayout } from '../parquet-rows.ts';
import type { CustomerScore, ScoreAsked } from './score-customer.ts';

/** parquet lies on disk as ndjson: its names and its erased are put in and left out when it is read out (../parquet-rows.ts). */
export const SCORE_FORMATS = ['csv', 'ndjson', 'parquet'] as const;
export type ScoreFormat = (typeof SCORE_FORMATS)[number];

/** What every line of a file shares. */
export interface ScoreMoment {
  seq: number;
  /** ms */
  at: number;
  clock: 'log' | 'wall';
}

export const COLUMNS = [
  'p_churn',
  'p_alive',
  'lower',
  'upper',
  'horizon_days',
  'band',
  'clv_mean',
  'clv_p05',
  'clv_p50',
  'clv_p95',
  'expected_purchases',
  'value_days',
  'basis',
  'currency',
  'model',
  'clv_model',
  'as_of_seq',
  'as_of_at',
  'not_scored',
  'no_value',
  'no_interval',
  'score_id',
  'clv_score_id',
] as const;

const TEXTS: ReadonlySet<string> = new Set([
  'band',
  'basis',
  'currency',
  'model',
  'clv_model',
  'not_scored',
  'no_value',
  'no_interval',
  'score_id',
  'clv_score_id',
]);
const columnOf = (name: string): ParquetColumn => {
  if (name === 'as_of_seq') return { name, type: 'integer', required: true };
  if (name === 'as_of_at') return { name, type: 'time', required: true };
  return { name, type: TEXTS.has(name) ? 'text' : 'double' };
};
/** Of the lines as Parquet. */
export const scoreLayout = (identified: boolean): ParquetLayout => ({
  name: 'scores',
  columns: [{ name: identified ? 'customer_id' : 'ref', type: 'text', required: true }, ...COLUMNS.map(columnOf)],
});

/** The first line of a CSV; NDJSON has none. */
export const headOf = (format: ScoreFormat): string => (format === 'csv' ? `ref,${COLUMNS.join(',')}\n` : '');

/**
 * @param currency of money, ISO 4217.
 * @returns a function of one customer's sid and score: a line with its end. Numbers stand in the shortest form that reads back to the same
 * double; what is not known is empty in CSV and null in NDJSON.
 */
export function createLines(
  format: ScoreFormat,
  moment: ScoreMoment,
  asked: ScoreAsked,
  currency: string,
  sign: (score: ScoreCoordinates) => string,
): (sid: Uint8Array, sidHex: string, score: CustomerScore) => string {
  const asOf = new Date(moment.at).toISOString();
  const { discountMonthly } = asked;
  const { horizonDays, months = 12 } = asked.value;
  const worth = horizonDays === undefined ? { months, discountMonthly } : { horizonDays, discountMonthly };
  const valueDays = horizonDays ?? months * DAYS_PER_MONTH;
  const clvQuestion = { kind: 'clv', ...worth } as const;
  return (sid, sidHex, score) => {
    const { pChurn, churnModel, clvMean, clvModel } = score;
    const at = { sid, ...moment };
    const days = score.horizonDays;
    const values: (string | number | null)[] = [
      pChurn,
      score.pAlive,
      score.lower,
      score.upper,
      days,
      score.band,
      clvMean,
      score.clvP05,
      score.clvP50,
      score.clvP95,
      score.expectedPurchases,
      score.expectedPurchases === null ? null : valueDays,
      'history',
      score.clvMean === null ? null : currency,
      churnModel?.id ?? null,
      clvModel?.id ?? null,
      moment.seq,
      asOf,
      score.reason,
      score.valueReason,
      score.pChurn !== null && score.lower === null ? 'parameter-uncertainty-not-estimated' : null,
      churnModel && days !== null
        ? sign({ ...at, digest: churnModel.digest, question: { kind: 'churn', horizonDays: days } })
        : null,
      clvModel && sign({ ...at, digest: clvModel.digest, question: clvQuestion }),
    ];
    if (format === 'csv') return `sid:${sidHex},${values.join(',')}\n`;
    let line = `{"ref":"sid:${sidHex}"`;
    for (let i = 0; i < COLUMNS.length; i++) {
      const value = values[i]!;
      line += `,"${COLUMNS[i]}":${typeof value === 'string' ? JSON.stringify(value) : value}`;
    }
    return `${line}}\n`;
  };
}
