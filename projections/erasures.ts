// Erasure: an erased customer's rows leave every table; what they counted for stays as monthly totals without a person (facts §8).
import type { ClientBase } from 'pg';
import { sidKeyOf } from './catalogue.ts';
import type { Link } from './links.ts';
import { keepErased } from './transactions.ts';

export interface Erasure {
  /** Every sid of the customer, 16 bytes each. */
  sids: Uint8Array[];
  seq: number;
}

/**
 * Stores who is erased. A group of linked sids is erased as soon as one of them is. `links` of the same batch may have joined somebody to an erased one; the
 * keyring decides no such link (it has forgotten the erased), so only a damaged order of facts gets here, and it ends the same way.
 *
 * @returns the keys of everybody in those groups.
 */
export async function storeErasures(
  client: ClientBase,
  erasures: readonly Erasure[],
  links: readonly Link[],
): Promise<string[]> {
  const seqs = new Map<string, number>();
  for (const { sids, seq } of erasures) for (const sid of sids) seqs.set(sidKeyOf(sid).toString(), seq);
  if (links.length > 0) {
    const touched = links.flatMap(({ anonymous, known }) => [anonymous, known]).map((sid) => sidKeyOf(sid).toString());
    const { rows } = await client.query<{ sid_key: string; seq: string }>(
      'select sid_key, seq from rm.erasures where sid_key = any($1::bigint[])',
      [touched],
    );
    for (const row of rows) seqs.set(row.sid_key, Number(row.seq));
  }
  return eraseGroups(client, seqs);
}

/** @param seqs position of the erasure by key. */
export async function eraseGroups(client: ClientBase, seqs: ReadonlyMap<string, number>): Promise<string[]> {
  if (seqs.size === 0) return [];
  const { rows } = await client.query<{ sid_key: string }>(
    `with named as (select * from unnest($1::bigint[], $2::bigint[]) n (sid_key, seq)),
       everybody as (
         select sid_key, seq from named union all
         select m.sid_key, n.seq from named n join rm.links l on l.sid_key = n.sid_key join rm.links m on m.canonical_key = l.canonical_key)
     insert into rm.erasures (sid_key, seq) select sid_key, min(seq) from everybody group by sid_key
     on conflict (sid_key) do update set seq = least(erasures.seq, excluded.seq) returning sid_key`,
    [[...seqs.keys()], [...seqs.values()]],
  );
  return rows.map((row) => row.sid_key);
}

/** Takes the rows of these customers out of every table. */
export async function forget(client: ClientBase, sidKeys: string[]): Promise<void> {
  if (sidKeys.length === 0) return;
  const keys = [sidKeys];
  await client.query(keepErased, keys);
  for (const table of ['transactions', 'events', 'observations', 'scores', 'customers'])
    await client.query(`delete from rm.${table} where sid_key = any($1::bigint[])`, keys);
}
