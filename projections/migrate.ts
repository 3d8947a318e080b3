// Brings the schema of the read models to this program's version: forward only, one transaction, one at a time.
import type { ClientBase } from 'pg';
import { EVENT_TYPES } from '#domain/envelope.ts';
import { type Projection, type ProjectionName, projections } from './catalogue.ts';
import type { Zone } from './memory/ledger.ts';
import { tables } from './migrations/0001-tables.ts';
import { amountFunction, views } from './migrations/0002-views.ts';
import { clockAndZone } from './migrations/0003-clock-and-zone.ts';
import { erasedDocuments } from './migrations/0004-erased-documents.ts';
import { parkedEvents } from './migrations/0005-parked.ts';
import { applied } from './migrations/0006-applied.ts';
import { roomForChanges } from './migrations/0007-room-for-changes.ts';
import { canaries } from './migrations/0008-canaries.ts';
import { ordersInMemory } from './migrations/0009-orders-in-memory.ts';

/** A released entry is never edited and never removed. */
const migrations: readonly (readonly [name: string, sql: string])[] = [
  ['0001-tables', tables],
  ['0002-views', views],
  ['0003-clock-and-zone', clockAndZone],
  ['0004-erased-documents', erasedDocuments],
  ['0005-parked', parkedEvents],
  ['0006-applied', applied],
  ['0007-room-for-changes', roomForChanges],
  ['0008-canaries', canaries],
  ['0009-orders-in-memory', ordersInMemory],
];
const ADVISORY_LOCK = 4_700_001;

/** The database was written by a later version: starting would misread it. */
class SchemaNewer extends Error {
  readonly code = 'schema-newer';
  constructor(found: number) {
    super(
      `the read models' schema is of version ${found}, this program knows ${migrations.length}: start the newer version of Axiom47, ` +
        'or name another database in DATABASE_URL (read models can be rebuilt from the log)',
    );
    this.name = 'SchemaNewer';
  }
}

/** @returns the names of what was applied, and of the projections emptied because their definition changed. */
export async function migrateTables(client: ClientBase): Promise<{ applied: string[]; emptied: string[] }> {
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    await client.query('create schema if not exists rm');
    await client.query(
      'create table if not exists rm.migrations (number integer primary key, name text not null, at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ last: number }>('select coalesce(max(number), 0) as last from rm.migrations');
    const last = rows[0]!.last;
    if (last > migrations.length) throw new SchemaNewer(last);
    const applied: string[] = [];
    for (const [index, [name, sql]] of migrations.entries()) {
      if (index < last) continue;
      await client.query(sql);
      await client.query('insert into rm.migrations (number, name) values ($1, $2)', [index + 1, name]);
      applied.push(name);
    }
    await client.query(amountFunction());
    await client.query(
      `insert into rm.event_types (code, name) select code, name from unnest($1::text[]) with ordinality t (name, code)
       on conflict (code) do nothing`,
      [EVENT_TYPES],
    );
    const emptied: string[] = [];
    for (const projection of projections) {
      const known = await client.query<{ version: number }>(
        `insert into rm.checkpoints as c (projection, version) values ($1, $2)
         on conflict (projection) do update set projection = c.projection returning version`,
        [projection.name, projection.version],
      );
      if (known.rows[0]!.version === projection.version) continue;
      await emptyProjection(client, projection);
      emptied.push(projection.name);
    }
    await client.query('commit');
    return { applied, emptied };
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** `axiom47 rebuild`: from here on the next projector fills it again; one that runs now is fenced and stops. */
export async function rebuildProjection(client: ClientBase, name: ProjectionName): Promise<void> {
  await client.query('begin');
  try {
    await emptyProjection(client, projections.find((projection) => projection.name === name)!);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** The tables that hold days, for another zone, in the caller's transaction, which also sets the checkpoint back. */
export async function emptyForZone(client: ClientBase, zone: Zone): Promise<void> {
  await emptyTables(client, projections[0]);
  await client.query('update rm.meta set zone = $1', [JSON.stringify(zone)]);
}

/** Empties a projection's tables and sets it back to the start of its input, in the caller's transaction. */
async function emptyProjection(client: ClientBase, projection: Projection): Promise<void> {
  await emptyTables(client, projection);
  // A new epoch: whoever still writes for the old definition is fenced.
  await client.query(
    'update rm.checkpoints set seq = 0, epoch = epoch + 1, version = $2, updated_at = now() where projection = $1',
    [projection.name, projection.version],
  );
}

/** What the events projection knows of the workspace goes with its tables; the zone it computes days with stays. */
async function emptyTables(client: ClientBase, projection: Projection): Promise<void> {
  await client.query(`truncate ${projection.tables.map((table) => `rm.${table}`).join(', ')}`);
  await client.query(
    'update rm.checkpoints set counted_from = 0, events = 0, ids_a = 0, ids_b = 0 where projection = $1',
    [projection.name],
  );
  if (projection.name === 'events')
    await client.query(
      `update rm.meta set workspace_id = null, reporting_currency = null, clock_mode = 'log', clock_at = null, clock_day = null,
         window_start = default`,
    );
}
