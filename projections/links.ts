// Links of sids: the rows of everybody who is one person live under the canonical sid (facts §7). The log tells edges; who is canonical
// follows from the set of edges alone, so links and events may come in any order.
import type { ClientBase } from 'pg';
import { sidBytes, sidKeyOf } from './catalogue.ts';
import { moveEvents } from './events.ts';
import { moveTransactions } from './transactions.ts';

export interface Link {
  /** 16 bytes each. */
  source: Uint8Array;
  known: Uint8Array;
  seq: number;
}

interface Member {
  sid: string;
  known: string | null;
  seq: number;
}

const text = (sid: Uint8Array): string => Buffer.from(sid).toString('hex');
const keyOf = (sid: string): string => sidKeyOf(sidBytes(sid)).toString();

/** Stores the links and moves what already lies under a sid that is not canonical any more. */
export async function applyLinks(client: ClientBase, links: readonly Link[]): Promise<void> {
  if (links.length === 0) return;
  const members = await groupsOf(client, links);
  for (const { source, known, seq } of links) {
    const from = member(members, text(source), seq);
    member(members, text(known), seq);
    // The keyring lets a sid be linked once (facts §7: no rivals in the log); of two the first is kept, as the keyring would.
    from.known ??= text(known);
  }
  const canonical = canonicalSids([...members.values()]);
  const rows = [...members.values()].filter((one) => one.known !== null || canonical.get(one.sid) !== one.sid);
  const column = (value: (one: Member) => string | number | null) => rows.map(value);
  await client.query(
    `insert into rm.links as l (sid_key, sid, known, canonical_key, canonical, seq)
     select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::bigint[])
     on conflict (sid_key) do update set known = excluded.known, canonical_key = excluded.canonical_key, canonical = excluded.canonical`,
    [
      column((one) => keyOf(one.sid)),
      column((one) => one.sid),
      column((one) => one.known),
      column((one) => keyOf(canonical.get(one.sid)!)),
      column((one) => canonical.get(one.sid)!),
      column((one) => one.seq),
    ],
  );
  const moving = [rows.filter((one) => canonical.get(one.sid) !== one.sid).map((one) => keyOf(one.sid))];
  await client.query(moveTransactions, moving);
  await client.query(moveEvents, moving);
  await client.query(
    `update rm.observations o set sid_key = l.canonical_key from rm.links l where o.sid_key = any($1::bigint[]) and l.sid_key = o.sid_key`,
    moving,
  );
  // State of the canonical customer comes from the fold thread, which has seen the same link.
  await client.query('delete from rm.customers where sid_key = any($1::bigint[])', moving);
  await client.query('delete from rm.scores where sid_key = any($1::bigint[])', moving);
}

/** Every known member of the groups these links touch. */
async function groupsOf(client: ClientBase, links: readonly Link[]): Promise<Map<string, Member>> {
  const keys = links.flatMap(({ source, known }) => [sidKeyOf(source).toString(), sidKeyOf(known).toString()]);
  const { rows } = await client.query<{ sid: string; known: string | null; canonical: string; seq: string }>(
    `select sid, known, canonical, seq from rm.links where canonical_key in (
       select unnest($1::bigint[]) union select canonical_key from rm.links where sid_key = any($1::bigint[]))`,
    [keys],
  );
  const members = new Map<string, Member>();
  for (const row of rows) {
    const sid = row.sid.replaceAll('-', '');
    members.set(sid, { sid, known: row.known?.replaceAll('-', '') ?? null, seq: Number(row.seq) });
  }
  for (const row of rows) member(members, row.canonical.replaceAll('-', ''), Number(row.seq));
  return members;
}

function member(members: Map<string, Member>, sid: string, seq: number): Member {
  let one = members.get(sid);
  if (!one) {
    one = { sid, known: null, seq };
    members.set(sid, one);
  }
  return one;
}

/** Sid → canonical sid, from the edges alone. */
export function canonicalSids(members: readonly { sid: string; known: string | null }[]): Map<string, string> {
  const parent = new Map(members.map(({ sid }) => [sid, sid]));
  const find = (sid: string): string => {
    let root = sid;
    while (parent.get(root) !== root) root = parent.get(root)!;
    for (let at = sid; at !== root; ) {
      const next = parent.get(at)!;
      parent.set(at, root);
      at = next;
    }
    return root;
  };
  for (const { sid, known } of members) if (known !== null) parent.set(find(sid), find(known));
  // Somebody who was never said to be somebody else is known; of several (or, in a ring, of all) the smallest by bytes.
  const best = new Map<string, { sid: string; source: boolean }>();
  for (const { sid, known } of members) {
    const root = find(sid);
    const rival = best.get(root);
    const source = known !== null;
    if (!rival || (rival.source && !source) || (rival.source === source && sid < rival.sid))
      best.set(root, { sid, source });
  }
  return new Map(members.map(({ sid }) => [sid, best.get(find(sid))!.sid]));
}
