// Activities, identifications, subscriptions, consents, exposures: everything that is neither order nor refund, for the days of the window.
// Orders and refunds stand in rm.transactions alone; the view "events" shows both, so an order that lost (duplicate, conflict) shows nowhere.
import type { ClientBase } from 'pg';
import { FLAG, type PackView } from '#streams/pack.ts';
import type { CopyBuffer } from './copy-binary.ts';
import { canonicalStage } from './transactions.ts';

export const STAGE = 'stage_events';
const COLUMNS = 'sid_key, event_hash, at, seq, minor, day, type, currency, name, channel, source, run, props';
const COLUMN_COUNT = 13;
export const stageTable = `create temp table if not exists ${STAGE} (
  sid_key bigint, event_hash uuid, at timestamptz, seq bigint, minor bigint, day integer, type smallint,
  currency text collate "C", name text, channel text, source text, run text, props jsonb) on commit delete rows`;

export function encodeEvent(out: CopyBuffer, pack: PackView, row: number, seq: number, day: number): void {
  const flags = pack.flags(row);
  out.row(COLUMN_COUNT);
  out.words2(pack.sidWord(row, 0), pack.sidWord(row, 1));
  out.words4(
    pack.eventHashWord(row, 0),
    pack.eventHashWord(row, 1),
    pack.eventHashWord(row, 2),
    pack.eventHashWord(row, 3),
  );
  out.timestamp(pack.at(row));
  out.int8(seq);
  if (flags & FLAG.money) out.int8(pack.minor(row));
  else out.null();
  out.int4(day);
  out.int2(pack.typeCode(row));
  out.text(flags & FLAG.money ? pack.currency(row) : null);
  out.text(pack.activityName(row));
  out.text(pack.channel(row));
  out.text(pack.source(row));
  out.text(pack.run(row));
  out.json(flags & FLAG.extra ? pack.extra(row)?.props : null);
}

/** $1: first day of the window at the end of the batch; earlier rows may be staged, and have no partition. */
const MERGE = `insert into rm.events (${COLUMNS})
select ${COLUMNS} from (${canonicalStage(STAGE, COLUMNS)}) s where day >= $1 order by day, event_hash, seq
on conflict do nothing`;

export async function mergeStagedEvents(client: ClientBase, windowStart: number): Promise<void> {
  await client.query({ name: 'merge-events', text: MERGE, values: [windowStart] });
}

/** Of several rows of one id in a table without its key, all but the first in the log. */
export const dropRepeatedEvents = `
delete from rm.events t using (
  select tableoid, ctid, row_number() over (partition by day, event_hash, sid_key, at, type order by seq) as place
  from rm.events where (day, event_hash, sid_key, at, type) in (
    select day, event_hash, sid_key, at, type from rm.events group by day, event_hash, sid_key, at, type having count(*) > 1)) d
where d.tableoid = t.tableoid and d.ctid = t.ctid and d.place > 1`;

export const moveEvents = `
with moved as (
  delete from rm.events e using rm.links l
  where e.sid_key = any($1::bigint[]) and l.sid_key = e.sid_key and l.canonical_key <> e.sid_key
  returning l.canonical_key, e.*)
insert into rm.events (${COLUMNS})
select canonical_key, ${COLUMNS.replace('sid_key, ', '')} from moved order by day, event_hash, seq
on conflict do nothing`;
