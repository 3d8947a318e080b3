// Links of customer ids, decided in one transaction so that the log never holds rivals (facts §7).
import { Packr } from 'msgpackr';
import type { Fact } from '#domain/envelope.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { Database } from './database.ts';
import { type CustomerRef, uuidBytes } from './sid.ts';

const packr = new Packr({ useRecords: false });

export interface PendingFact {
  no: number;
  fact: Fact;
}

export interface Links {
  /**
   * Says that `from` is `to` (both must exist). An anonymous id belongs to one known id for ever; two known ids are joined by an
   * administrator only. `ok(null)`: that was known already; else the fact to append, which stays pending until `factStored`.
   * @param dry only answers what it would (`no` is 0 then).
   */
  link(
    from: CustomerRef,
    to: CustomerRef,
    administrator: boolean,
    dry?: boolean,
  ): Promise<Result<PendingFact | null, 'link-conflict' | 'unknown-customer'>>;
  /** Facts decided here and not yet known to be in the log. */
  pendingFacts(): Promise<PendingFact[]>;
  factStored(no: number): Promise<void>;
}

interface Row {
  customer_id: string;
  anonymous: boolean;
  sid: string;
  linked_to: string | null;
}

export function createLinks(database: Database): Links {
  return {
    link: (from, to, administrator, dry = false) =>
      database.transaction(
        async (client): Promise<Result<PendingFact | null, 'link-conflict' | 'unknown-customer'>> => {
          // Locked in one order, so that two links of the same customers wait instead of deadlocking.
          const { rows } = await client.query<Row>(
            `select customer_id, anonymous, sid, linked_to from identities
           where (customer_id, anonymous) in (($1, $2), ($3, $4)) order by created_no for update`,
            [from.id.toWellFormed(), from.anonymous, to.id.toWellFormed(), to.anonymous],
          );
          const find = (ref: CustomerRef) =>
            rows.find((row) => row.customer_id === ref.id.toWellFormed() && row.anonymous === ref.anonymous);
          const [source, target] = [find(from), find(to)];
          if (!source || !target) return refuse('unknown-customer');
          if (source.sid === target.sid || source.linked_to === target.sid) return ok(null);
          if (to.anonymous || source.linked_to !== null) return refuse('link-conflict');
          if (!from.anonymous && (!administrator || target.linked_to === source.sid))
            return administrator ? ok(null) : refuse('link-conflict');
          // Between two known customers the smaller sid stays (facts §7), whichever was named first.
          const swap = !from.anonymous && source.sid < target.sid;
          const [joins, stays] = swap ? [target, source] : [source, target];
          if (swap && target.linked_to !== null) return refuse('link-conflict');
          const fact: Fact = {
            type: 'customer.linked',
            anonymous: uuidBytes(joins.sid),
            known: uuidBytes(stays.sid),
          };
          if (dry) return ok({ no: 0, fact });
          await client.query('update identities set linked_to = $1 where sid = $2', [stays.sid, joins.sid]);
          return ok(await remember(client, fact));
        },
      ),
    async pendingFacts() {
      const rows = await database.query<{ no: string; fact: Buffer }>('select no, fact from pending_facts order by no');
      return rows.map((row) => ({ no: Number(row.no), fact: packr.unpack(row.fact) as Fact }));
    },
    async factStored(no) {
      await database.query('delete from pending_facts where no = $1', [no]);
    },
  };
}

/** Within the deciding transaction: what the log must hear, kept until it did. */
export async function remember(
  client: { query<R extends object>(text: string, values: unknown[]): Promise<{ rows: R[] }> },
  fact: Fact,
): Promise<PendingFact> {
  const { rows } = await client.query<{ no: string }>('insert into pending_facts (fact) values ($1) returning no', [
    encodeFact(fact),
  ]);
  return { no: Number(rows[0]!.no), fact };
}

/** As `pending_facts` keeps it. */
export const encodeFact = (fact: Fact): Uint8Array => packr.pack(fact);
