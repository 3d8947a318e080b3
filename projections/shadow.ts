// Read models built beside the live ones and put in their place: the same tables in a schema of their own (rm_next), filled by a projector of their
// own from the start of the log, and moved in one short transaction. Whoever reads meets the old tables or the new ones, never a half.
import pg from 'pg';
import { type ProjectionName, projections } from './catalogue.ts';
import { deferIndexes, fillDenser } from './filling.ts';
import { SCORE_SET, SCORE_VALUES } from './scores.ts';

const SHADOW = 'rm_next';
const RETIRED = 'rm_old';
/** What is rebuilt together when nothing is said: filled from the log and from the fold; scores are given. */
const FOLDED: readonly ProjectionName[] = projections.filter(({ from }) => from !== 'given').map(({ name }) => name);
/** What statements about them also name; the shadow's own stay behind at the switch. */
const BESIDE = ['meta', 'checkpoints', 'event_types'];

const tablesOf = (names: readonly ProjectionName[]): string[] =>
  projections.filter(({ name }) => names.includes(name)).flatMap(({ tables }) => [...tables]);

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
 * @param names the projections to be rebuilt. Of the others what the log feeds is seen as it is live (who is linked, who is erased), and what an
 * erasure takes away is empty.
 */
export async function createShadow(client: pg.ClientBase, names = FOLDED): Promise<void> {
  const rebuilt = tablesOf(names);
  const log = tablesOf(['events']);
  const seen = log.filter((table) => !rebuilt.includes(table));
  const own = [...BESIDE, ...tablesOf(['events', 'customers', 'scores']).filter((table) => !seen.includes(table))];
  await inTransaction(client, async () => {
    await client.query(`drop schema if exists ${SHADOW} cascade; create schema ${SHADOW}`);
    const { rows } = await client.query<{ name: string; partitioned: boolean; options: string[] | null }>(
      `select c.relname as name, c.relkind = 'p' as partitioned, c.reloptions as options from pg_class c
       where c.relnamespace = 'rm'::regnamespace and c.relname = any($1)`,
      [own],
    );
    for (const { name, partitioned, options } of rows)
      await client.query(
        `create table ${SHADOW}.${name} (like rm.${name} including all excluding indexes)` +
          (partitioned ? ' partition by range (day)' : '') +
          (options ? ` with (${options.join(', ')})` : ''),
      );
    await deferIndexes(client, { from: 'rm', next: SHADOW, tables: own });
    await fillDenser(client, SHADOW);
    for (const table of seen) await client.query(`create view ${SHADOW}.${table} as select * from rm.${table}`);
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

const DOCUMENT_VALUES = 'day, minor, currency, revision, refunded_order_key';
const STATE_VALUES =
  'anonymous, first_day, last_day, change_day, orders, frequency, money_days, money_minor, net_minor, currency';

export interface ShadowDifference {
  customers: number;
  /** sid_key of the first of them. */
  first: string[];
}

/** Customers whose orders and refunds, or state, are others in the shadow than in the live tables, up to a position both have reached. */
export async function diffShadow(
  client: pg.ClientBase,
  seq: number,
  names: readonly ProjectionName[] = FOLDED,
): Promise<ShadowDifference> {
  const compared = [
    { name: 'events', table: 'transactions', keys: 'sid_key, order_key, kind', values: DOCUMENT_VALUES },
    { name: 'customers', table: 'customers', keys: 'sid_key', values: STATE_VALUES },
  ].filter(({ name }) => names.some((each) => each === name));
  const content = (of: string, values: string) => `(${values.replaceAll(/\w+/g, `${of}.$&`)})`;
  const different = compared.map(
    ({ table, keys, values }) => `
       select sid_key from rm.${table} a full join ${SHADOW}.${table} b using (${keys})
       where ${content('a', values)} is distinct from ${content('b', values)} and coalesce(a.seq, 0) <= $1 and coalesce(b.seq, 0) <= $1`,
  );
  const { rows } = await client.query<{ customers: string; first: string[] | null }>(
    `select count(distinct sid_key) as customers, (array_agg(distinct sid_key::text))[1:20] as first from (${different.join(' union all ')}) d`,
    [seq],
  );
  return { customers: Number(rows[0]!.customers), first: rows[0]!.first ?? [] };
}

/**
 * The shadow becomes the read models. The live projector waits at its checkpoint meanwhile, then finds it where the shadow stood (Rewound) and goes
 * on from there; views are bound to the new tables under the same names and grants. The shadow's projector must have stopped.
 * @returns where the tables stand now.
 */
export async function switchToShadow(
  client: pg.ClientBase,
  names = FOLDED,
): Promise<Partial<Record<ProjectionName, number>>> {
  const rebuilt = tablesOf(names);
  const at = await inTransaction(client, async () => {
    await client.query(`set local lock_timeout = '20s'`);
    const { rowCount: unfinished } = await client.query(`select from ${SHADOW}.deferred`);
    if (unfinished) throw new Error('the tables beside the live ones are not filled yet; nothing was switched');
    await client.query('select 1 from rm.checkpoints where projection = any($1) order by projection for update', [
      names,
    ]);
    if (names.includes('scores')) await keepLaterScores(client);
    const views = await client.query<{ name: string; definition: string }>(
      `select distinct v.oid::regclass::text as name, pg_get_viewdef(v.oid) as definition
       from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
       where d.classid = 'pg_rewrite'::regclass and v.relkind = 'v'
         and d.refobjid in (select oid from pg_class where relnamespace = 'rm'::regnamespace and relname = any($1))`,
      [rebuilt],
    );
    await client.query(`drop schema if exists ${RETIRED} cascade; create schema ${RETIRED}`);
    for (const [from, to] of [
      ['rm', RETIRED],
      [SHADOW, 'rm'],
    ] as const)
      for (const table of rebuilt) {
        const parts = await client.query<{ name: string }>(
          `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = '${from}.${table}'::regclass`,
        );
        for (const name of [table, ...parts.rows.map((part) => part.name)])
          await client.query(`alter table ${from}.${name} set schema ${to}`);
      }
    for (const { name, definition } of views.rows)
      await client.query(`create or replace view ${name} as ${definition}`);
    if (names.includes('events'))
      await client.query(
        `update rm.meta m set workspace_id = n.workspace_id, reporting_currency = n.reporting_currency, clock_mode = n.clock_mode,
         clock_at = n.clock_at, clock_day = n.clock_day, window_start = n.window_start, zone = n.zone from ${SHADOW}.meta n`,
      );
    const { rows } = await client.query<{ projection: string; seq: string }>(
      `update rm.checkpoints c set seq = n.seq, counted_from = n.counted_from, events = n.events, ids_a = n.ids_a, ids_b = n.ids_b,
         updated_at = now() from ${SHADOW}.checkpoints n
       where n.projection = c.projection and c.projection = any($1) returning c.projection, c.seq`,
      [names],
    );
    // Without cascade: a view that still showed an old table would be named here, and nothing would have happened.
    await client.query(
      `drop table ${rebuilt.map((table) => `${RETIRED}.${table}`).join(', ')}; drop schema ${RETIRED}`,
    );
    return Object.fromEntries(rows.map(({ projection, seq }) => [projection, Number(seq)]));
  });
  await dropShadow(client);
  return at;
}

/** Scores that were given to the live table since, and those of models that are not in force any more. */
async function keepLaterScores(client: pg.ClientBase): Promise<void> {
  await client.query(
    `insert into ${SHADOW}.scores as n select s.* from rm.scores s
       left join (select model_id, max(seq) as seq from ${SHADOW}.scores group by model_id) m using (model_id)
       where m.model_id is null or s.seq > m.seq
         or exists (select from ${SHADOW}.scores b where b.sid_key = s.sid_key and b.model_id = s.model_id)
     on conflict (sid_key, model_id) do update set ${SCORE_SET} where (excluded.seq, excluded.ts) > (n.seq, n.ts)`,
  );
  // What has been taken away from the live table meanwhile (an erasure, a link) goes here too.
  await client.query(
    `delete from ${SHADOW}.scores n using rm.erasures e where e.sid_key = n.sid_key;
     delete from ${SHADOW}.scores n using rm.links l where l.sid_key = n.sid_key and l.canonical_key <> l.sid_key and n.seq < l.seq`,
  );
}

/** Customers whose scores are others in the shadow than in the live table, where both are of one model, position and clock. */
export async function diffScores(client: pg.ClientBase): Promise<ShadowDifference> {
  const content = (of: string) => `(${SCORE_VALUES.map((column) => `${of}.${column}`).join(', ')})`;
  const { rows } = await client.query<{ customers: string; first: string[] | null }>(
    `select count(distinct a.sid_key) as customers, (array_agg(distinct a.sid_key::text))[1:20] as first
     from rm.scores a join ${SHADOW}.scores b using (sid_key, model_id)
     where a.seq = b.seq and a.ts = b.ts and ${content('a')} is distinct from ${content('b')}`,
  );
  return { customers: Number(rows[0]!.customers), first: rows[0]!.first ?? [] };
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
