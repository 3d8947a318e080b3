// Totals and weekly series for the console's home page and reports. Whole-table figures read whole tables: ask once, keep the answer.
import { sql } from 'kysely';
import { ORDER, REFUND, type Tables } from './catalogue.ts';
import type { TableCounts } from './protocol.ts';

interface MoneyTotal {
  currency: string;
  orders: number;
  /** Σ of orders, minor units, as text: it may exceed 2⁵³. */
  grossMinor: string;
  refunds: number;
  refundsMinor: string;
}

export interface Totals {
  customers: number;
  /** With at least one purchase day after the first. */
  repeaters: number;
  orders: number;
  refunds: number;
  /** By currency; documents without money stand under ''. */
  money: MoneyTotal[];
  eventsInWindow: number;
  /** First day of the window, days since 1970; null before the first event. */
  windowStart: number | null;
  clockAt: number | null;
}

export async function totals(db: Tables): Promise<Totals> {
  const [people, money, meta] = await Promise.all([
    db
      .selectFrom('rm.customers')
      .where('orders', '>', 0)
      .select([
        sql<string>`count(*)`.as('customers'),
        sql<string>`count(*) filter (where frequency > 0)`.as('repeaters'),
      ])
      .executeTakeFirstOrThrow(),
    db
      .selectFrom('rm.transactions')
      .groupBy('currency')
      .orderBy('currency')
      .select([
        'currency',
        sql<string>`count(*) filter (where kind = ${ORDER})`.as('orders'),
        sql<string>`coalesce(sum(minor) filter (where kind = ${ORDER}), 0)`.as('gross'),
        sql<string>`count(*) filter (where kind = ${REFUND})`.as('refunds'),
        sql<string>`coalesce(sum(minor) filter (where kind = ${REFUND}), 0)`.as('refunded'),
      ])
      .execute(),
    db.selectFrom('rm.meta').selectAll().executeTakeFirstOrThrow(),
  ]);
  const rows = money.map((row) => ({
    currency: row.currency ?? '',
    orders: Number(row.orders),
    grossMinor: row.gross,
    refunds: Number(row.refunds),
    refundsMinor: row.refunded,
  }));
  return {
    customers: Number(people.customers),
    repeaters: Number(people.repeaters),
    orders: rows.reduce((sum, row) => sum + row.orders, 0),
    refunds: rows.reduce((sum, row) => sum + row.refunds, 0),
    money: rows,
    eventsInWindow: await eventsInWindow(db, meta.window_start),
    windowStart: meta.clock_day === null ? null : meta.window_start,
    clockAt: meta.clock_at === null ? null : Number(meta.clock_at),
  };
}

/** Events of every type from `day` on: transactions_day and the window's partitions. */
export async function eventsInWindow(db: Tables, day: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`select
    (select count(*) from rm.transactions where day >= ${day}) + (select count(*) from rm.events where day >= ${day}) as count`.execute(
    db,
  );
  return Number(rows[0]!.count);
}

export interface WeekOfPurchases {
  /** First day of the week, days since 1970. */
  day: number;
  /** Customer-days with a purchase, other than a customer's first one. */
  repeatPurchases: number;
}

/**
 * Repeat purchase days a week, for the tracking plot of a cohort: customers whose first purchase day lies in [from, to], followed until
 * `until` (included). Weeks count from `from`; weeks without a purchase are 0.
 */
export async function weeklyRepeatPurchases(
  db: Tables,
  cohort: { from: number; to: number; until: number },
): Promise<WeekOfPurchases[]> {
  const { rows } = await weeklyRepeatQuery(cohort).execute(db);
  const counts = new Map(rows.map((row) => [row.week, Number(row.repeats)]));
  const weeks = Math.max(0, Math.floor((cohort.until - cohort.from) / 7) + 1);
  return Array.from({ length: weeks }, (_, week) => ({
    day: cohort.from + week * 7,
    repeatPurchases: counts.get(week) ?? 0,
  }));
}

export const weeklyRepeatQuery = ({ from, to, until }: { from: number; to: number; until: number }) => sql<{
  week: number;
  repeats: string;
}>`select (day - ${from}::integer) / 7 as week, count(*) as repeats from (
    select distinct t.sid_key, t.day from rm.transactions t
    join rm.customers c on c.sid_key = t.sid_key
    where t.kind = ${ORDER} and t.day between ${from}::integer and ${until}::integer
      and c.first_day between ${from}::integer and ${to}::integer and t.day > c.first_day) d
  group by week order by week`;

export interface ErasedTotal {
  /** YYYY-MM of the documents' own days. */
  month: string;
  kind: 'order' | 'refund';
  /** '' = documents without money. */
  currency: string;
  rows: number;
  minor: string;
}

/** What is left of erased customers. */
export async function erasedTotals(db: Tables): Promise<ErasedTotal[]> {
  const rows = await db
    .selectFrom('rm.erased_totals')
    .select([sql<string>`to_char(month, 'YYYY-MM')`.as('label'), 'kind', 'currency', 'rows', 'minor'])
    .orderBy('month')
    .orderBy('kind')
    .orderBy('currency')
    .execute();
  return rows.map(({ label, kind, currency, rows: count, minor }) => ({
    month: label,
    kind: kind === ORDER ? 'order' : 'refund',
    currency,
    rows: Number(count),
    minor,
  }));
}

export async function tableCounts(db: Tables): Promise<TableCounts> {
  const { rows } = await sql<Record<keyof TableCounts, string>>`select
    (select count(*) from rm.customers) as customers,
    (select count(*) from rm.transactions where kind = ${ORDER}) as orders,
    (select count(*) from rm.transactions where kind = ${REFUND}) as refunds,
    (select count(*) from rm.events) as events,
    (select count(*) from rm.scores) as scores,
    (select count(*) from rm.links where canonical_key <> sid_key) as linked,
    (select count(*) from rm.erasures) as erased`.execute(db);
  const { customers, orders, refunds, events, scores, linked, erased } = rows[0]!;
  return {
    customers: Number(customers),
    orders: Number(orders),
    refunds: Number(refunds),
    events: Number(events),
    scores: Number(scores),
    linked: Number(linked),
    erased: Number(erased),
  };
}
