// Links of sids: the rows of everybody who is one person live under the canonical sid (facts §7). Who belongs together and who is
// canonical follows from the set of links alone, by the rule of memory/identity.ts, so links and events may come in any order.
import type { ClientBase } from 'pg';
import { sidBytes, sidKeyOf } from './catalogue.ts';
import { moveEvents } from './events.ts';
import { moveTransactions } from './transactions.ts';

export interface Link {
  /** 16 bytes each. */
  anonymous: Uint8Array;
  known: Uint8Array;
  seq: number;
}

interface Member {
  /** 32 hex digits. */
  sid: string;
  known: boolean;
  seq: number;
}
type Group = Set<Member>;

const hex = (sid: Uint8Array | string): string =>
  typeof sid === 'string' ? sid.replaceAll('-', '') : Buffer.from(sid).toString('hex');
const keyOf = (sid: string): string => sidKeyOf(sidBytes(sid)).toString();

/** Stores the links. @returns the keys of the sids that are not canonical (any more), among those of the groups they touch. */
export async function storeLinks(client: ClientBase, links: readonly Link[]): Promise<string[]> {
  if (links.length === 0) return [];
  const groups = await groupsOf(client, links);
  for (const link of links) join(groups, link);
  const rows = [...new Set(groups.values())].flatMap((group) => {
    const canonical = canonicalOf(group);
    return [...group].map((member) => ({ ...member, canonical }));
  });
  await client.query(
    `insert into rm.links as l (sid_key, sid, known, canonical_key, canonical, seq)
     select * from unnest($1::bigint[], $2::uuid[], $3::boolean[], $4::bigint[], $5::uuid[], $6::bigint[])
     on conflict (sid_key) do update
       set known = excluded.known, canonical_key = excluded.canonical_key, canonical = excluded.canonical, seq = excluded.seq`,
    [
      rows.map((row) => keyOf(row.sid)),
      rows.map((row) => row.sid),
      rows.map((row) => row.known),
      rows.map((row) => keyOf(row.canonical)),
      rows.map((row) => row.canonical),
      rows.map((row) => row.seq),
    ],
  );
  return rows.filter((row) => row.sid !== row.canonical).map((row) => keyOf(row.sid));
}

/** Moves what lies under these sids to their canonical ones. */
export async function moveLinked(client: ClientBase, sidKeys: string[]): Promise<void> {
  if (sidKeys.length === 0) return;
  const moving = [sidKeys];
  await client.query(moveTransactions, moving);
  await client.query(moveEvents, moving);
  await client.query(
    `update rm.observations o set sid_key = l.canonical_key from rm.links l where o.sid_key = any($1::bigint[]) and l.sid_key = o.sid_key`,
    moving,
  );
  // Scores of an earlier state; later ones know the link. rm.customers is left to the fold, which may be ahead and already know better
  // who is canonical: it names those that were linked away.
  await client.query(
    `delete from rm.scores s using rm.links l
     where s.sid_key = any($1::bigint[]) and l.sid_key = s.sid_key and s.seq < l.seq`,
    moving,
  );
}

/** Sid → its group, for everybody in the groups these links touch. */
async function groupsOf(client: ClientBase, links: readonly Link[]): Promise<Map<string, Group>> {
  const keys = links.flatMap(({ anonymous, known }) => [sidKeyOf(anonymous).toString(), sidKeyOf(known).toString()]);
  const { rows } = await client.query<{ sid: string; known: boolean; canonical: string; seq: string }>(
    'select sid, known, canonical, seq from rm.links where canonical_key in (select canonical_key from rm.links where sid_key = any($1::bigint[]))',
    [keys],
  );
  const byCanonical = new Map<string, Group>();
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const group = byCanonical.get(row.canonical) ?? new Set();
    byCanonical.set(row.canonical, group);
    group.add({ sid: hex(row.sid), known: row.known, seq: Number(row.seq) });
    groups.set(hex(row.sid), group);
  }
  return groups;
}

function join(groups: Map<string, Group>, link: Link): void {
  const groupOf = (sid: string): Group => {
    const group = groups.get(sid) ?? new Set([{ sid, known: false, seq: link.seq }]);
    groups.set(sid, group);
    return group;
  };
  const [anonymous, known] = [hex(link.anonymous), hex(link.known)];
  if (anonymous === known) return;
  let into = groupOf(known);
  let from = groupOf(anonymous);
  for (const member of into) if (member.sid === known) member.known = true;
  if (from !== into) {
    if (from.size > into.size) [into, from] = [from, into];
    for (const member of from) {
      into.add(member);
      groups.set(member.sid, into);
    }
  }
  for (const member of into) member.seq = link.seq;
}

/** The smallest by bytes of the sids that some link calls known. */
const canonicalOf = (group: Group): string => {
  let best: string | undefined;
  for (const { sid, known } of group) if (known && (best === undefined || sid < best)) best = sid;
  if (best === undefined) throw new Error('links: a group without a known sid; rebuild the read models');
  return best;
};
