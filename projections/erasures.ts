// Erasure: an erased customer's rows leave every table; what they counted for stays as monthly totals without a person (facts §8).
import type { ClientBase } from 'pg';
import { sidKeyOf } from './catalogue.ts';

export interface Erasure {
  /** Every sid of the customer, 16 bytes each. */
  sids: Uint8Array[];
  seq: number;
}

export async function applyErasures(client: ClientBase, erasures: readonly Erasure[]): Promise<void> {
  if (erasures.length === 0) return;
  const named = erasures.flatMap(({ sids, seq }) => sids.map((sid) => ({ key: sidKeyOf(sid).toString(), seq })));
  await client.query(
    'insert into rm.erasures (sid_key, seq) select * from unnest($1::bigint[], $2::bigint[]) on conflict (sid_key) do nothing',
    [named.map((one) => one.key), named.map((one) => one.seq)],
  );
  const keys = [named.map((one) => one.key)];
  await client.query(
    `insert into rm.erased_totals as e (month, kind, currency, rows, minor)
     select date_trunc('month', date '1970-01-01' + day)::date, kind, coalesce(currency, ''), count(*), coalesce(sum(minor), 0)
     from rm.transactions where sid_key = any($1::bigint[]) group by 1, 2, 3
     on conflict (month, kind, currency) do update set rows = e.rows + excluded.rows, minor = e.minor + excluded.minor`,
    keys,
  );
  for (const table of ['transactions', 'events', 'observations', 'scores', 'customers'])
    await client.query(`delete from rm.${table} where sid_key = any($1::bigint[])`, keys);
}
