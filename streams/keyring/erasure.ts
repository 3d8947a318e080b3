// Erasure: destroys the mapping and the seed of every sid a customer has, and keeps only a keyed hash of the id and the instant (facts §8).
import type { Fact } from '#domain/envelope.ts';
import type { Database } from './database.ts';
import { type PendingFact, remember } from './links.ts';
import { arrayOf, byteaText, type CustomerRef, uuidBytes } from './sid.ts';

/** Resolving takes this lock shared, erasing takes it alone: nobody is created from a stale list of the erased. */
export const ERASURE_LOCK = 470_047;

interface Erased {
  /** The fact to append; pending until `factStored`. */
  pending: PendingFact;
  /** What the id index must forget. */
  customers: (CustomerRef & { sid: Buffer })[];
}

export interface Erasure {
  /** Null: nobody here has this id. Input up to `at` (ms) is refused from now on, for every id of the customer. */
  erase(customer: CustomerRef, at: number): Promise<Erased | null>;
}

export function createErasure(
  database: Database,
  macOf: (id: string, anonymous: boolean) => Buffer,
  evict: (sid: Uint8Array) => void,
): Erasure {
  return {
    async erase(customer, at) {
      const erased = await database.transaction(async (client): Promise<Erased | null> => {
        await client.query(`select pg_advisory_xact_lock(${ERASURE_LOCK})`);
        // Everybody linked to the customer in either direction, however far.
        const { rows } = await client.query<{ customer_id: string; anonymous: boolean; sid: string }>(
          `with recursive same (sid, linked_to) as (
             select sid, linked_to from identities where customer_id = $1 and anonymous = $2
             union
             select i.sid, i.linked_to from same s join identities i on i.linked_to = s.sid or i.sid = s.linked_to)
           delete from identities where sid in (select sid from same) returning customer_id, anonymous, sid`,
          [customer.id, customer.anonymous],
        );
        if (rows.length === 0) return null;
        await client.query(
          `insert into erased (mac, at) select mac, $2 from unnest($1::bytea[]) t (mac)
           on conflict (mac) do update set at = greatest(erased.at, excluded.at)`,
          [
            arrayOf(
              rows.map((row) => macOf(row.customer_id, row.anonymous)),
              byteaText,
            ),
            at,
          ],
        );
        await client.query(
          `insert into counters (name, value) values ('erasures', 1) on conflict (name) do update set value = counters.value + 1`,
        );
        const sids = rows.map((row) => uuidBytes(row.sid));
        const fact: Fact = { type: 'customer.erased', sids, at };
        return {
          pending: await remember(client, fact),
          customers: rows.map((row, i) => ({ id: row.customer_id, anonymous: row.anonymous, sid: sids[i]! })),
        };
      });
      for (const one of erased?.customers ?? []) evict(one.sid);
      return erased;
    },
  };
}
