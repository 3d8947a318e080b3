// Orders and refunds: one row a key and customer. Which of several events with one key wins is a lattice (facts §2), computed in SQL,
// so that any order of arrival, any batching and any repetition end in the same rows.

import { sql } from 'kysely';
import type { ClientBase } from 'pg';
import { FLAG, type PackView } from '#streams/pack.ts';
import { ORDER, type Tables } from './catalogue.ts';
import type { CopyBuffer } from './copy-binary.ts';

export const STAGE = 'stage_transactions';
export const COLUMNS =
  'sid_key, order_key, event_hash, at, minor, refunded_order_key, revision, seq, day, kind, currency, channel, source, run, props';
const COLUMN_COUNT = 15;
export const stageTable = `create temp table if not exists ${STAGE} (
  sid_key bigint, order_key bigint, event_hash uuid, at timestamptz, minor bigint, refunded_order_key bigint, revision bigint, seq bigint,
  day integer, kind smallint, currency text collate "C", channel text, source text, run text, props jsonb) on commit delete rows`;

export function encodeTransaction(
  out: CopyBuffer,
  pack: PackView,
  row: number,
  seq: number,
  kind: number,
  day: number,
): void {
  const flags = pack.flags(row);
  out.row(COLUMN_COUNT);
  out.words2(pack.sidWord(row, 0), pack.sidWord(row, 1));
  // Every order has a key of its own making (facts §2: order id, else event id, else row); an event without one would be its event id.
  if (flags & FLAG.order) out.words2(pack.orderHashWord(row, 0), pack.orderHashWord(row, 1));
  else out.words2(pack.eventHashWord(row, 0), pack.eventHashWord(row, 1));
  out.words4(
    pack.eventHashWord(row, 0),
    pack.eventHashWord(row, 1),
    pack.eventHashWord(row, 2),
    pack.eventHashWord(row, 3),
  );
  out.timestamp(pack.at(row));
  if (flags & FLAG.money) out.int8(pack.minor(row));
  else out.null();
  if (flags & FLAG.refunded) out.words2(pack.refundedWord(row, 0), pack.refundedWord(row, 1));
  else out.null();
  out.int8(pack.revision(row));
  out.int8(seq);
  out.int4(day);
  out.int2(kind);
  out.text(flags & FLAG.money ? pack.currency(row) : null);
  out.text(pack.channel(row));
  out.text(pack.source(row));
  out.text(pack.run(row));
  out.json(flags & FLAG.extra ? pack.extra(row)?.props : null);
}

const LOWEST = `'-9223372036854775808'::bigint`;
/**
 * `compareContent` of domain/ledger.ts in SQL, revision first: no money is lower than any, then the order a refund names
 * (its 64 bits compared unsigned, so the sign bit is turned).
 */
const contentOf = (row: string): string[] => [
  `${row}.revision`,
  `${row}.day`,
  `coalesce(${row}.minor, ${LOWEST})`,
  `coalesce(${row}.currency, '')`,
  `coalesce(${row}.refunded_order_key # ${LOWEST}, ${LOWEST})`,
];
/** And then the channel of an order, as `judge` does; a refund's decides nothing. */
const rankOf = (row: string): string[] => [
  ...contentOf(row),
  `(case when ${row}.kind = ${ORDER} then coalesce(${row}.channel, '') else '' end) collate "C"`,
];
const rank = (row: string) => rankOf(row).join(', ');
const rest = COLUMNS.split(', ').filter((column) => !['sid_key', 'order_key', 'kind'].includes(column));

/**
 * @param rows a select of COLUMNS, sid_key already canonical. Of equal content the first in the log stays (duplicate); else the greatest
 * (revision, content).
 */
const mergeTransactions = (rows: string): string => `
insert into rm.transactions as t (${COLUMNS})
select distinct on (sid_key, order_key, kind) ${COLUMNS} from (${rows}) s
order by sid_key, order_key, kind, ${rankOf('s')
  .map((value) => `${value} desc`)
  .join(', ')}, seq, event_hash
on conflict (sid_key, order_key, kind) do update set ${rest.map((column) => `${column} = excluded.${column}`).join(', ')}
where (${rank('excluded')}) > (${rank('t')})
   or ((${rank('excluded')}) = (${rank('t')}) and (excluded.seq, excluded.event_hash) < (t.seq, t.event_hash))`;

/** Of several rows of one key in a table without its key, all but the one that `mergeTransactions` would have kept. */
export const dropLosingTransactions = `
delete from rm.transactions t using (
  select ctid, row_number() over (partition by sid_key, order_key, kind order by ${rankOf('s')
    .map((value) => `${value} desc`)
    .join(', ')}, seq, event_hash) as place
  from rm.transactions s where (sid_key, order_key, kind) in (
    select sid_key, order_key, kind from rm.transactions group by sid_key, order_key, kind having count(*) > 1)) d
where d.ctid = t.ctid and d.place > 1`;

/** Staged rows under the customer they belong to now; those of the erased are left out. */
export const canonicalStage = (stage: string, columns: string): string => `
select coalesce(l.canonical_key, s.sid_key) as sid_key, ${columns.replace('sid_key, ', '')}
from ${stage} s left join (select sid_key as from_key, canonical_key from rm.links) l on l.from_key = s.sid_key
where not exists (select from rm.erasures e where e.sid_key = s.sid_key)
  and not exists (select from rm.erasures e where e.sid_key = l.canonical_key)`;

const ERASED_COLUMNS = 'order_key, kind, revision, day, minor, currency, refunded_order_key';
/** Orders and refunds of the erased join by the same rule, under their keys alone. @param rows a select of ERASED_COLUMNS. */
const mergeErased = (rows: string): string => `
insert into rm.erased_documents as t (${ERASED_COLUMNS})
select distinct on (order_key, kind) ${ERASED_COLUMNS} from (${rows}) s
order by order_key, kind, ${contentOf('s')
  .map((value) => `${value} desc`)
  .join(', ')}
on conflict (order_key, kind) do update set revision = excluded.revision, day = excluded.day, minor = excluded.minor,
  currency = excluded.currency, refunded_order_key = excluded.refunded_order_key
where (${contentOf('excluded').join(', ')}) > (${contentOf('t').join(', ')})`;

const MERGE = mergeTransactions(canonicalStage(STAGE, COLUMNS));
const MERGE_ERASED = mergeErased(`
select ${ERASED_COLUMNS} from ${STAGE} s
where exists (select from rm.erasures e where e.sid_key = s.sid_key)
  or exists (select from rm.links l join rm.erasures e on e.sid_key = l.canonical_key where l.sid_key = s.sid_key)`);

export async function mergeStagedTransactions(client: ClientBase): Promise<void> {
  await client.query({ name: 'merge-transactions', text: MERGE });
  await client.query({ name: 'merge-erased', text: MERGE_ERASED });
}

/** Before the rows of these customers go. */
export const keepErased = mergeErased(
  `select ${ERASED_COLUMNS} from rm.transactions where sid_key = any($1::bigint[])`,
);

/** Rows of these customers become rows of their canonical ones. */
export const moveTransactions = `
with moved as (
  delete from rm.transactions t using rm.links l
  where t.sid_key = any($1::bigint[]) and l.sid_key = t.sid_key and l.canonical_key <> t.sid_key
  returning l.canonical_key, t.*)
${mergeTransactions(`select canonical_key as sid_key, ${COLUMNS.replace('sid_key, ', '')} from moved`)}`;

export interface Transaction {
  kind: 'order' | 'refund';
  at: Date;
  day: number;
  minor: number | null;
  currency: string | null;
  channel: string | null;
  revision: number;
  orderKey: string;
  refundedOrderKey: string | null;
  source: string;
  run: string | null;
  seq: number;
}

/** One customer's orders and refunds, newest first. `before`: the last row of the page before. */
export async function timeline(
  db: Tables,
  sidKey: bigint,
  page: { limit: number; before?: { at: Date; orderKey: string } },
): Promise<Transaction[]> {
  let query = db
    .selectFrom('rm.transactions')
    .selectAll()
    .where('sid_key', '=', sidKey.toString())
    .orderBy('at', 'desc')
    .orderBy('order_key', 'desc')
    .limit(page.limit);
  if (page.before)
    query = query.where(sql<boolean>`(at, order_key) < (${page.before.at}, ${page.before.orderKey}::bigint)`);
  const rows = await query.execute();
  return rows.map((row) => ({
    kind: row.kind === ORDER ? 'order' : 'refund',
    at: row.at,
    day: row.day,
    minor: row.minor === null ? null : Number(row.minor),
    currency: row.currency,
    channel: row.channel,
    revision: Number(row.revision),
    orderKey: row.order_key,
    refundedOrderKey: row.refunded_order_key,
    source: row.source,
    run: row.run,
    seq: Number(row.seq),
  }));
}
