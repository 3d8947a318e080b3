// The customers page in the order of a score: filtered, page by page with a keyset cursor (a page costs the same wherever it is). Customers are
// named by sid; whoever may see ids asks the keyring for them. The orders of what customers did come from memory (memory/ordered-rows.ts).
import { type SelectQueryBuilder, sql } from 'kysely';
import type { Database, Tables } from './catalogue.ts';
import { COLUMN_SORTS } from './memory/ordered-rows.ts';

export const SCORE_SORTS = ['clv', 'p_churn'] as const;
export const CUSTOMER_SORTS = [...SCORE_SORTS, ...COLUMN_SORTS] as const;
export type CustomerSort = (typeof CUSTOMER_SORTS)[number];

interface CustomerFilter {
  /** Only these (a search by id, resolved by the keyring). */
  sidKeys?: readonly bigint[];
  anonymous?: boolean;
  ordersMin?: number;
  /** Days since 1970, both included. */
  lastDayFrom?: number;
  lastDayTo?: number;
  currency?: string;
  /** These leave out customers the model gave no score. */
  pChurnMin?: number;
  pChurnMax?: number;
  clvMin?: number;
  clvMax?: number;
}

/** Where a page ended; opaque to the outside (`encodeCursor`). */
export interface CustomerCursor {
  /** Null: the page ended among the customers that have no value to sort by. */
  value: string | null;
  sidKey: string;
}

export interface CustomerPage {
  sort: (typeof SCORE_SORTS)[number];
  limit: number;
  filter?: CustomerFilter;
  cursor?: CustomerCursor | null;
  /** Model whose scores are shown and sorted by; null: none. */
  modelId: string | null;
  /** Models of churn that go before it in the sort by churn, for whoever has a score of theirs, be it none; the first of them goes first. */
  churnModelIds?: readonly string[];
}

export interface CustomerListRow {
  /** uuid text; `sidBytes` gives its bytes. */
  sid: string;
  sidKey: string;
  anonymous: boolean;
  firstDay: number | null;
  lastDay: number | null;
  orders: number;
  frequency: number;
  netMinor: number;
  currency: string | null;
  seq: number;
  score: {
    pChurn: number | null;
    pAlive: number | null;
    clvMean: number | null;
    clvP05: number | null;
    clvP50: number | null;
    clvP95: number | null;
    expectedPurchases: number | null;
    horizonDays: number;
    at: Date;
  } | null;
}

export const encodeCursor = (cursor: CustomerCursor): string =>
  Buffer.from(JSON.stringify([cursor.value, cursor.sidKey])).toString('base64url');

/** Null for a text that is no cursor of ours. */
export function decodeCursor(text: string): CustomerCursor | null {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(parsed)) return null;
    const [value, sidKey] = parsed;
    if (typeof sidKey !== 'string' || !/^-?\d{1,19}$/.test(sidKey)) return null;
    if (value !== null && (typeof value !== 'string' || !Number.isFinite(Number(value)))) return null;
    return { value, sidKey };
  } catch {
    return null; // not JSON: not ours
  }
}

// Each is the leading column of an index of the same order: see migrations/0001-tables.ts.
const VALUE = { clv: 's.clv_mean', p_churn: 's.p_churn' } as const;

interface Read {
  value: string | null;
  sid: string;
  sid_key: string;
  anonymous: boolean;
  first_day: number | null;
  last_day: number | null;
  orders: number;
  frequency: number;
  net_minor: string;
  currency: string | null;
  seq: string;
  p_churn: number | null;
  p_alive: number | null;
  clv_mean: number | null;
  clv_p05: number | null;
  clv_p50: number | null;
  clv_p95: number | null;
  expected_purchases: number | null;
  horizon_days: number | null;
  ts: Date | null;
}

/** Highest first; customers without a value come last, in the order of their key. */
export async function customerPage(
  db: Tables,
  page: CustomerPage,
): Promise<{ rows: CustomerListRow[]; next: CustomerCursor | null }> {
  const wanted = page.limit + 1;
  const rows: Read[] = [];
  if (page.cursor?.value !== null) rows.push(...(await valuedQuery(db, page, wanted).execute()));
  if (rows.length < wanted) rows.push(...(await valuelessQuery(db, page, wanted - rows.length).execute()));
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    rows: shown.map(toRow),
    next: rows.length > page.limit && last ? { value: last.value, sidKey: last.sid_key } : null,
  };
}

type Query = SelectQueryBuilder<Database, 'rm.customers', Read>;

export function valuedQuery(db: Tables, page: CustomerPage, limit: number): Query {
  const value = sql.ref(VALUE[page.sort]);
  // Within one model scores_clv and scores_churn hold the order; the join then follows it row by row.
  const key = sql.ref('s.sid_key');
  let query = filtered(db, page, limit).where(sql<boolean>`${value} is not null`);
  const { cursor } = page;
  if (cursor && cursor.value !== null) {
    const at = sql`${cursor.value}::double precision`;
    query = query.where(sql<boolean>`${value} <= ${at} and (${value} < ${at} or ${key} > ${cursor.sidKey}::bigint)`);
  }
  return query
    .select(sql<string>`${value}::text`.as('value'))
    .orderBy(value, (order) => order.desc().nullsLast())
    .orderBy(key)
    .limit(limit) as unknown as Query;
}

function valuelessQuery(db: Tables, page: CustomerPage, limit: number): Query {
  let query = filtered(db, page).where(sql<boolean>`${sql.ref(VALUE[page.sort])} is null`);
  if (page.cursor?.value === null) query = query.where(sql<boolean>`c.sid_key > ${page.cursor.sidKey}::bigint`);
  return query.select(sql<null>`null`.as('value')).orderBy(sql`c.sid_key`).limit(limit) as unknown as Query;
}

/**
 * The row of each customer's own model: of the first of `models` that has one.
 *
 * @param first only so many of each model, highest first: what a page can show. Then each part follows its model's index and stops, where the
 *   planner would put whole tables together (it knows nothing of the page's limit inside a union).
 */
function ownScores(models: readonly string[], first: { limit: number; cursor: CustomerCursor | null } | null) {
  const parts = models.map((model, i) => {
    const own = models
      .slice(0, i)
      .map(
        (earlier) =>
          sql` and not exists (select from rm.scores o where o.sid_key = m.sid_key and o.model_id = ${earlier})`,
      );
    const all = sql`select m.* from rm.scores m where m.model_id = ${model}${sql.join(own, sql``)}`;
    if (first === null) return all;
    const { value = null, sidKey = '0' } = first.cursor ?? {};
    const after =
      value === null
        ? sql``
        : sql` and m.p_churn <= ${value}::double precision and (m.p_churn < ${value}::double precision or m.sid_key > ${sidKey}::bigint)`;
    return sql`(${all} and m.p_churn is not null${after} order by m.p_churn desc nulls last, m.sid_key limit ${first.limit})`;
  });
  return sql<Database['rm.scores']>`(${sql.join(parts, sql` union all `)})`;
}

/** @param first of the sort by churn: how many rows will be read, when nothing but the cursor leaves any out. */
function filtered(
  db: Tables,
  { filter: given, modelId, churnModelIds = [], sort, cursor }: CustomerPage,
  first: number | null = null,
) {
  const customers = db.selectFrom('rm.customers as c');
  const models = [...churnModelIds, ...(modelId === null ? [] : [modelId])];
  const bounds = first === null || given !== undefined ? null : { limit: first, cursor: cursor ?? null };
  const scored =
    sort === 'p_churn' && churnModelIds.length > 0
      ? customers.leftJoin(ownScores(models, bounds).as('s'), (join) => join.onRef('s.sid_key', '=', 'c.sid_key'))
      : customers.leftJoin('rm.scores as s', (join) =>
          join.onRef('s.sid_key', '=', 'c.sid_key').on('s.model_id', '=', modelId ?? ''),
        );
  const filter = given ?? {};
  let query = scored
    .select([
      'c.sid',
      'c.sid_key',
      'c.anonymous',
      'c.first_day',
      'c.last_day',
      'c.orders',
      'c.frequency',
      'c.net_minor',
    ])
    .select(['c.currency', 'c.seq', 's.p_churn', 's.p_alive', 's.clv_mean', 's.clv_p05', 's.clv_p50', 's.clv_p95'])
    .select(['s.expected_purchases', 's.horizon_days', 's.ts']);
  if (filter.sidKeys) query = query.where(sql<boolean>`c.sid_key = any(${filter.sidKeys.map(String)}::bigint[])`);
  if (filter.anonymous !== undefined) query = query.where('c.anonymous', '=', filter.anonymous);
  if (filter.ordersMin !== undefined) query = query.where('c.orders', '>=', filter.ordersMin);
  if (filter.lastDayFrom !== undefined) query = query.where('c.last_day', '>=', filter.lastDayFrom);
  if (filter.lastDayTo !== undefined) query = query.where('c.last_day', '<=', filter.lastDayTo);
  if (filter.currency !== undefined) query = query.where('c.currency', '=', filter.currency);
  if (filter.pChurnMin !== undefined) query = query.where('s.p_churn', '>=', filter.pChurnMin);
  if (filter.pChurnMax !== undefined) query = query.where('s.p_churn', '<=', filter.pChurnMax);
  if (filter.clvMin !== undefined) query = query.where('s.clv_mean', '>=', filter.clvMin);
  if (filter.clvMax !== undefined) query = query.where('s.clv_mean', '<=', filter.clvMax);
  return query;
}

const toRow = (row: Read): CustomerListRow => ({
  sid: row.sid,
  sidKey: row.sid_key,
  anonymous: row.anonymous,
  firstDay: row.first_day,
  lastDay: row.last_day,
  orders: row.orders,
  frequency: row.frequency,
  netMinor: Number(row.net_minor),
  currency: row.currency,
  seq: Number(row.seq),
  score:
    row.ts === null || row.horizon_days === null
      ? null
      : {
          pChurn: row.p_churn,
          pAlive: row.p_alive,
          clvMean: row.clv_mean,
          clvP05: row.clv_p05,
          clvP50: row.clv_p50,
          clvP95: row.clv_p95,
          expectedPurchases: row.expected_purchases,
          horizonDays: row.horizon_days,
          at: row.ts,
        },
});
