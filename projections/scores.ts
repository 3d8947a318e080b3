// Scores in bulk: the last score of each customer by each model, for lists, BI and exports. Single predictions are not stored (they can be
// recomputed from the log at any position).
import { sql } from 'kysely';
import type { ClientBase } from 'pg';
import type { Database, Tables } from './catalogue.ts';
import { type CopyBuffer, copyInto } from './copy-binary.ts';

/** Columns of one length; NaN stands for "no answer" and becomes null. */
export interface ScoreBatch {
  modelId: string;
  horizonDays: number;
  /** Log position the scores were computed at. */
  seq: number;
  /** Workspace clock they were computed at, ms. */
  at: number;
  /** Whether that clock was the log's (largest event time) or the wall's (facts §4). */
  clock: 'log' | 'wall';
  /** 16 bytes a customer. */
  sids: Uint8Array;
  pChurn: Float64Array;
  pAlive: Float64Array;
  clvMean: Float64Array;
  clvP05: Float64Array;
  clvP50: Float64Array;
  clvP95: Float64Array;
  expectedPurchases: Float64Array;
}

const STAGE = 'stage_scores';
const COLUMNS =
  'sid_key, model_id, p_churn, p_alive, clv_mean, clv_p05, clv_p50, clv_p95, expected_purchases, horizon_days, seq, ts, clock';
/** What a score says, and all that changes with it. */
export const SCORE_VALUES = COLUMNS.split(', ').slice(2, 9);
export const SCORE_SET = COLUMNS.split(', ')
  .slice(2)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ');
const COLUMN_COUNT = 13;
export const stageTable = `create temp table if not exists ${STAGE} (
  sid_key bigint, model_id text collate "C", p_churn double precision, p_alive double precision, clv_mean double precision,
  clv_p05 double precision, clv_p50 double precision, clv_p95 double precision, expected_purchases double precision,
  horizon_days integer, seq bigint, ts timestamptz, clock text) on commit delete rows`;

/**
 * The last by position stays. A later clock is later too: steps of a round over everybody end where their last customer has changed, which may lie before
 * where the last step of an earlier round ended.
 */
const MERGE = `insert into rm.scores as t (${COLUMNS})
select distinct on (sid_key) ${COLUMNS} from ${STAGE} s
where not exists (select from rm.erasures e where e.sid_key = s.sid_key)
  and not exists (select from rm.links l where l.sid_key = s.sid_key and l.canonical_key <> l.sid_key and l.seq > s.seq)
order by sid_key
on conflict (sid_key, model_id) do update set ${SCORE_SET}
where excluded.seq >= t.seq or excluded.ts > t.ts`;

/** @throws RangeError when the columns are not of one length. */
export function scoreCount(batch: ScoreBatch): number {
  const count = batch.sids.length / 16;
  const { pChurn, pAlive, clvMean, clvP05, clvP50, clvP95, expectedPurchases } = batch;
  for (const column of [pChurn, pAlive, clvMean, clvP05, clvP50, clvP95, expectedPurchases])
    if (column.length !== count)
      throw new RangeError(`scores: a column has ${column.length} values for ${count} customers`);
  return count;
}

/** Rows [from, to) of the batch; those of sids linked or erased meanwhile are left out. */
export async function mergeScores(
  client: ClientBase,
  out: CopyBuffer,
  batch: ScoreBatch,
  from: number,
  to: number,
): Promise<void> {
  const sids = new DataView(batch.sids.buffer, batch.sids.byteOffset, batch.sids.byteLength);
  out.clear();
  for (let i = from; i < to; i++) {
    out.row(COLUMN_COUNT);
    out.words2(sids.getUint32(i * 16, true), sids.getUint32(i * 16 + 4, true));
    out.text(batch.modelId);
    out.float8(batch.pChurn[i]!);
    out.float8(batch.pAlive[i]!);
    out.float8(batch.clvMean[i]!);
    out.float8(batch.clvP05[i]!);
    out.float8(batch.clvP50[i]!);
    out.float8(batch.clvP95[i]!);
    out.float8(batch.expectedPurchases[i]!);
    out.int4(batch.horizonDays);
    out.int8(batch.seq);
    out.timestamp(batch.at);
    out.text(batch.clock);
  }
  await copyInto(client, STAGE, out);
  await client.query({ name: 'merge-scores', text: MERGE });
}

/**
 * What is in the table of one model. Scores are written in the order of the customers' last change, so everybody who has not changed since the
 * largest position is there, of a model that was never a canary; the oldest clock (ms) says since when.
 */
export async function scoresLeft(
  db: Tables,
  modelId: string,
): Promise<{ rows: number; seq: number | null; at: number | null }> {
  const row = await db
    .selectFrom('rm.scores')
    .where('model_id', '=', modelId)
    .select([
      sql<string>`count(*)`.as('rows'),
      sql<string | null>`max(seq)`.as('seq'),
      sql<string | null>`extract(epoch from min(ts)) * 1000`.as('at'),
    ])
    .executeTakeFirstOrThrow();
  return {
    rows: Number(row.rows),
    seq: row.seq === null ? null : Number(row.seq),
    at: row.at === null ? null : Number(row.at),
  };
}

/** Mean of P(churn) over whom the model has a score for; null without any. */
export async function meanChurn(db: Tables, modelId: string): Promise<{ mean: number | null; customers: number }> {
  const row = await db
    .selectFrom('rm.scores')
    .where('model_id', '=', modelId)
    .select([sql<number | null>`avg(p_churn)`.as('mean'), sql<string>`count(p_churn)`.as('customers')])
    .executeTakeFirstOrThrow();
  return { mean: row.mean, customers: Number(row.customers) };
}

export type StoredScore = Pick<
  Database['rm.scores'],
  | 'model_id'
  | 'p_churn'
  | 'p_alive'
  | 'clv_mean'
  | 'clv_p05'
  | 'clv_p50'
  | 'clv_p95'
  | 'expected_purchases'
  | 'horizon_days'
  | 'seq'
  | 'ts'
> & { sid: string };

/** At most `limit` rows with the sids they are of, in the order of their sids. */
export async function storedScores(db: Tables, limit: number): Promise<StoredScore[]> {
  return await db
    .selectFrom('rm.scores as s')
    .innerJoin('rm.customers as c', 'c.sid_key', 's.sid_key')
    .select([
      'c.sid',
      's.model_id',
      's.p_churn',
      's.p_alive',
      's.clv_mean',
      's.clv_p05',
      's.clv_p50',
      's.clv_p95',
      's.expected_purchases',
      's.horizon_days',
      's.seq',
      's.ts',
    ])
    .orderBy('s.sid_key')
    .orderBy('s.model_id')
    .limit(limit)
    .execute();
}
