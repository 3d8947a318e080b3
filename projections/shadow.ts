// Read models built beside the live ones and put in their place: the same tables in a schema of their own (rm_next), filled by a projector of their
// own from the start of the log, and moved in one short transaction. Whoever reads meets the old tables or the new ones, never a half.
import pg from 'pg';
import { projections } from './catalogue.ts';
import { deferIndexes } from './filling.ts';

const SHADOW = 'rm_next';
const RETIRED = 'rm_old';
/** Filled from the log and from the fold; scores are given and stay. */
const REBUILT = projections.filter(({ from }) => from !== 'given');
const TABLES: readonly string[] = REBUILT.flatMap(({ tables }) => tables);
/** What statements about them also name; the shadow's own stay behind at the switch. Scores: an erasure takes them away. */
const BESIDE = ['meta', 'checkpoints', 'event_types', 'scores'];
const NAMES = REBUILT.map(({ name }) => name);

/** A connection to which `rm` is the shadow: statements are those of the live tables, letter by letter. */
export class ShadowClient extends pg.Client {
  // pg's overloads all take the text first, bare or as `text`; what brings its own protocol (COPY) has it there too.
  override query = ((first: unknown, ...rest: unknown[]) => {
    const run = pg.Client.prototype.query as (...all: unknown[]) => unknown;
    const shadowed = (text: string) => text.replaceAll(/\brm\./g, `${SHADOW}.`);
    if (typeof first === 'string') return run.call(this, shadowed(first), ...rest);
    const asked = first as { text?: string; submit?: unknown };
    if (asked.text === undefined) return run.call(this, first, ...rest);
    if (typeof asked.submit === 'function') {
      asked.text = shadowed(asked.text);
      return run.call(this, first, ...rest);
    }
    return run.call(this, { ...asked, text: shadowed(asked.text) }, ...rest);
  }) as pg.Client['query'];
}

/**
 * Empty tables of the live ones' definition and storage, to be filled as heaps (filling.ts); a shadow left by an earlier attempt goes.
 */
export async function createShadow(client: pg.ClientBase): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`drop schema if exists ${SHADOW} cascade; create schema ${SHADOW}`);
    const { rows } = await client.query<{ name: string; partitioned: boolean; options: string[] | null }>(
      `select c.relname as name, c.relkind = 'p' as partitioned, c.reloptions as options from pg_class c
       where c.relnamespace = 'rm'::regnamespace and c.relname = any($1)`,
      [[...TABLES, ...BESIDE]],
    );
    for (const { name, partitioned, options } of rows)
      await client.query(
        `create table ${SHADOW}.${name} (like rm.${name} including all excluding indexes)` +
          (partitioned ? ' partition by range (day)' : '') +
          (options ? ` with (${options.join(', ')})` : ''),
      );
    await deferIndexes(client, { from: 'rm', next: SHADOW, tables: [...TABLES, ...BESIDE] });
    await client.query(
      `insert into ${SHADOW}.event_types select * from rm.event_types;
       insert into ${SHADOW}.meta default values;
       insert into ${SHADOW}.checkpoints (projection, version) select projection, version from rm.checkpoints`,
    );
  });
}

export async function dropShadow(client: pg.ClientBase): Promise<void> {
  await client.query(`drop schema if exists ${SHADOW} cascade`);
}

export interface ShadowDifference {
  customers: number;
  /** sid_key of the first of them. */
  first: string[];
}

/** Customers whose orders and refunds are others in the shadow than in the live tables, up to a position both have reached. */
export async function diffShadow(client: pg.ClientBase, seq: number): Promise<ShadowDifference> {
  const content = (of: string) => `(${of}.day, ${of}.minor, ${of}.currency, ${of}.revision, ${of}.refunded_order_key)`;
  const { rows } = await client.query<{ customers: string; first: string[] | null }>(
    `select count(distinct sid_key) as customers, (array_agg(distinct sid_key::text))[1:20] as first from (
       select coalesce(a.sid_key, b.sid_key) as sid_key
       from rm.transactions a full join ${SHADOW}.transactions b using (sid_key, order_key, kind)
       where ${content('a')} is distinct from ${content('b')} and coalesce(a.seq, 0) <= $1 and coalesce(b.seq, 0) <= $1) d`,
    [seq],
  );
  return { customers: Number(rows[0]!.customers), first: rows[0]!.first ?? [] };
}

/**
 * The shadow becomes the read models. The live projector waits at its checkpoint meanwhile, then finds it where the shadow stood (Rewound) and goes
 * on from there; views are bound to the new tables under the same names and grants. The shadow's projector must have stopped.
 * @returns where the tables stand now.
 */
export async function switchToShadow(client: pg.ClientBase): Promise<{ events: number; customers: number }> {
  const at = await inTransaction(client, async () => {
    await client.query(`set local lock_timeout = '20s'`);
    const { rowCount: unfinished } = await client.query(`select from ${SHADOW}.deferred`);
    if (unfinished) throw new Error('the tables beside the live ones are not filled yet; nothing was switched');
    await client.query('select 1 from rm.checkpoints where projection = any($1) order by projection for update', [
      NAMES,
    ]);
    const views = await client.query<{ name: string; definition: string }>(
      `select distinct v.oid::regclass::text as name, pg_get_viewdef(v.oid) as definition
       from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
       where d.classid = 'pg_rewrite'::regclass and v.relkind = 'v'
         and d.refobjid in (select oid from pg_class where relnamespace = 'rm'::regnamespace and relname = any($1))`,
      [TABLES],
    );
    await client.query(`drop schema if exists ${RETIRED} cascade; create schema ${RETIRED}`);
    for (const [from, to] of [
      ['rm', RETIRED],
      [SHADOW, 'rm'],
    ] as const)
      for (const table of TABLES) {
        const parts = await client.query<{ name: string }>(
          `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = '${from}.${table}'::regclass`,
        );
        for (const name of [table, ...parts.rows.map((part) => part.name)])
          await client.query(`alter table ${from}.${name} set schema ${to}`);
      }
    for (const { name, definition } of views.rows)
      await client.query(`create or replace view ${name} as ${definition}`);
    await client.query(
      `update rm.meta m set workspace_id = n.workspace_id, reporting_currency = n.reporting_currency, clock_mode = n.clock_mode,
         clock_at = n.clock_at, clock_day = n.clock_day, window_start = n.window_start, zone = n.zone from ${SHADOW}.meta n`,
    );
    const { rows } = await client.query<{ projection: string; seq: string }>(
      `update rm.checkpoints c set seq = n.seq, updated_at = now() from ${SHADOW}.checkpoints n
       where n.projection = c.projection and c.projection = any($1) returning c.projection, c.seq`,
      [NAMES],
    );
    // Without cascade: a view that still showed an old table would be named here, and nothing would have happened.
    await client.query(`drop table ${TABLES.map((table) => `${RETIRED}.${table}`).join(', ')}; drop schema ${RETIRED}`);
    const seqOf = (name: string) => Number(rows.find(({ projection }) => projection === name)!.seq);
    return { events: seqOf('events'), customers: seqOf('customers') };
  });
  await dropShadow(client);
  return at;
}

async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const value = await work();
    await client.query('commit');
    return value;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
