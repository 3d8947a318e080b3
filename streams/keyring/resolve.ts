// Identities in bulk: found, or created and committed, before anything of these customers may enter the log (facts §7).
import { randomFillSync } from 'node:crypto';
import type { Database } from './database.ts';
import { ERASURE_LOCK } from './erasure.ts';
import { KeyringUnavailable } from './errors.ts';
import { arrayOf, byteaText, type CustomerRef, sidKey, uuidBytes } from './sid.ts';

export interface Identity {
  sid: Buffer;
  /** Events at or before this instant are refused `erased`; null for nearly everybody. */
  refuseUntil: number | null;
}

export const SELECT_EXISTING = `
  select (t.n - 1)::int as n, i.sid, i.refuse_until from unnest($1::text[], $2::boolean[]) with ordinality t (id, anonymous, n)
  join identities i on i.customer_id = t.id and i.anonymous = t.anonymous`;

/** Bulk creation: one insert for all, a second look only for those somebody else was faster with. */
export function createResolve(database: Database, macOf: (id: string, anonymous: boolean) => Buffer) {
  return (customers: (CustomerRef & { at: number })[]): Promise<(Identity | null)[]> =>
    database.transaction(async (client) => {
      await client.query(`select pg_advisory_xact_lock_shared(${ERASURE_LOCK})`);
      const out: (Identity | null)[] = customers.map(() => null);
      const erasedAt = new Map<number, number>();
      const macs = customers.map((customer) => macOf(customer.id, customer.anonymous));
      const erased = await client.query<{ n: number; at: string }>(
        'select (t.n - 1)::int as n, e.at from unnest($1::bytea[]) with ordinality t (mac, n) join erased e on e.mac = t.mac',
        [arrayOf(macs, byteaText)],
      );
      for (const row of erased.rows) erasedAt.set(row.n, Number(row.at));
      // An erased customer with nothing later than the erasure is not created; but may exist again already.
      let open = customers.map((_, n) => n);
      for (let attempt = 0; open.length > 0; attempt++) {
        const creatable = open.filter((n) => customers[n]!.at > (erasedAt.get(n) ?? Number.NEGATIVE_INFINITY));
        const { sids, seeds } = freshIdentities(creatable.length);
        const inserted = await client.query<{ created: number }>(
          `with created as (
             insert into identities (customer_id, anonymous, sid, sid_key, key_seed, refuse_until)
             select * from unnest($1::text[], $2::boolean[], $3::uuid[], $4::bigint[], $5::bytea[], $6::bigint[])
             on conflict do nothing returning 1)
           select count(*)::int as created from created`,
          [
            ...texts(creatable.map((n) => customers[n]!)),
            arrayOf(sids, (sid) => sid.toString('hex')),
            arrayOf(sids, (sid) => String(sidKey(sid))),
            arrayOf(seeds, byteaText),
            arrayOf(creatable, (n) => String(erasedAt.get(n) ?? 'null')),
          ],
        );
        if (inserted.rows[0]?.created === open.length) {
          for (let i = 0; i < open.length; i++)
            out[open[i]!] = { sid: sids[i]!, refuseUntil: erasedAt.get(open[i]!) ?? null };
          break;
        }
        const existing = await client.query<{ n: number; sid: string; refuse_until: string | null }>(
          SELECT_EXISTING,
          texts(open.map((n) => customers[n]!)),
        );
        for (const row of existing.rows)
          out[open[row.n]!] = {
            sid: uuidBytes(row.sid),
            refuseUntil: row.refuse_until === null ? null : Number(row.refuse_until),
          };
        const wanted = new Set(creatable);
        open = open.filter((n) => out[n] === null && wanted.has(n));
        // Whoever is still missing met another's sid_key (2⁻⁶⁰ each) or was deleted meanwhile: draw again.
        if (attempt === 5) throw new KeyringUnavailable(`${open.length} new customers could not be given an identity`);
      }
      return out;
    });
}

function freshIdentities(count: number): { sids: Buffer[]; seeds: Buffer[] } {
  const random = randomFillSync(Buffer.allocUnsafe(count * 48));
  const sids: Buffer[] = [];
  const seeds: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const sid = random.subarray(i * 48, i * 48 + 16);
    // UUIDv4 (RFC 9562): version and variant; 122 bits stay random, the partition's byte among them.
    sid[6] = (sid[6]! & 0x0f) | 0x40;
    sid[8] = (sid[8]! & 0x3f) | 0x80;
    sids.push(sid);
    seeds.push(random.subarray(i * 48 + 16, i * 48 + 48));
  }
  return { sids, seeds };
}

export const texts = (customers: CustomerRef[]): [string[], string] => [
  customers.map((customer) => customer.id.toWellFormed()),
  arrayOf(customers, (customer) => (customer.anonymous ? 't' : 'f')),
];
