// All read models in PostgreSQL: which tables each projection fills and what a row is. To add one: its file, a migration, a line here.
import { type Generated, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

export interface Projection {
  name: string;
  /** A changed meaning is a higher number: the tables are emptied and filled again at the next start. */
  version: number;
  /** log: a fold of EVT with its own position. state: the fold thread's rows, pulled. given: bulk rows of a caller. */
  from: 'log' | 'state' | 'given';
  /** In schema rm; emptied by a rebuild. */
  tables: readonly string[];
}

export const projections = [
  {
    name: 'events',
    version: 3,
    from: 'log',
    tables: [
      'transactions',
      'events',
      'links',
      'erasures',
      'erased_documents',
      'models',
      'deployments',
      'observations',
      'parked',
    ],
  },
  { name: 'customers', version: 1, from: 'state', tables: ['customers'] },
  { name: 'scores', version: 2, from: 'given', tables: ['scores'] },
] as const satisfies readonly Projection[];
export type ProjectionName = (typeof projections)[number]['name'];

/** transactions.kind. */
export const ORDER = 0;
export const REFUND = 1;

// int8 arrives as text (it may exceed 2⁵³), uuid as text, timestamptz as Date.
type Int8 = string;
type Uuid = string;

interface CheckpointRow {
  projection: ProjectionName;
  version: number;
  seq: Int8;
  epoch: Int8;
  counted_from: Generated<Int8>;
  events: Generated<Int8>;
  ids_a: Generated<Int8>;
  ids_b: Generated<Int8>;
  updated_at: Generated<Date>;
}
interface MetaRow {
  one: Generated<boolean>;
  workspace_id: string | null;
  reporting_currency: string | null;
  clock_mode: 'log' | 'wall';
  clock_at: Int8 | null;
  clock_day: number | null;
  window_start: number;
}
interface CustomerRow {
  sid_key: Int8;
  sid: Uuid;
  anonymous: boolean;
  first_day: number | null;
  last_day: number | null;
  change_day: number | null;
  orders: number;
  frequency: number;
  money_days: number;
  money_minor: Int8;
  net_minor: Int8;
  currency: string | null;
  seq: Int8;
}
interface TransactionRow {
  sid_key: Int8;
  order_key: Int8;
  event_hash: Uuid;
  at: Date;
  minor: Int8 | null;
  refunded_order_key: Int8 | null;
  revision: Int8;
  seq: Int8;
  day: number;
  kind: number;
  currency: string | null;
  channel: string | null;
  source: string;
  run: string | null;
  props: Record<string, string | number | boolean> | null;
}
interface EventRow {
  day: number;
  event_hash: Uuid;
  sid_key: Int8;
  at: Date;
  seq: Int8;
  minor: Int8 | null;
  type: number;
  currency: string | null;
  name: string | null;
  channel: string | null;
  source: string;
  run: string | null;
  props: Record<string, string | number | boolean> | null;
}
interface LinkRow {
  sid_key: Int8;
  sid: Uuid;
  known: boolean;
  canonical_key: Int8;
  canonical: Uuid;
  seq: Int8;
}
/** A view over rm.erased_documents. */
interface ErasedTotalRow {
  month: Date;
  kind: number;
  currency: string;
  rows: Int8;
  minor: Int8;
}
interface ScoreRow {
  sid_key: Int8;
  model_id: string;
  p_churn: number | null;
  p_alive: number | null;
  clv_mean: number | null;
  clv_p05: number | null;
  clv_p50: number | null;
  clv_p95: number | null;
  expected_purchases: number | null;
  horizon_days: number;
  seq: Int8;
  ts: Date;
  clock: 'log' | 'wall';
}
interface ModelRow {
  model_id: string;
  type: string;
  model: string;
  version: number;
  digest: string;
  metrics: unknown;
  created_at: Date;
}
export interface DeploymentRow {
  seq: Int8;
  ctl_sequence: Int8;
  type: string;
  model_id: string;
  digest: string;
  deployed_at: Date;
  /** Of the customers; 100: everybody, less: a canary, 0: its end. */
  percent: number;
}
interface ExperimentRow {
  exp_id: string;
  name: string;
  variants: unknown;
  status: string;
  created_at: Date;
}
interface ObservationRow {
  event_hash: Uuid;
  sid_key: Int8;
  exp_id: string;
  variant: string;
  at: Date;
  y: number | null;
  minor: Int8 | null;
  currency: string | null;
  seq: Int8;
}

export interface Database {
  'rm.checkpoints': CheckpointRow;
  'rm.meta': MetaRow;
  'rm.customers': CustomerRow;
  'rm.transactions': TransactionRow;
  'rm.events': EventRow;
  'rm.event_types': { code: number; name: string };
  'rm.links': LinkRow;
  'rm.erasures': { sid_key: Int8; seq: Int8 };
  'rm.erased_totals': ErasedTotalRow;
  'rm.scores': ScoreRow;
  'rm.models': ModelRow;
  'rm.deployments': DeploymentRow;
  'rm.experiments': ExperimentRow;
  'rm.observations': ObservationRow;
  'rm.parked': { seq: Int8; index: number };
}
export type Tables = Kysely<Database>;

export interface OpenTables extends AsyncDisposable {
  db: Tables;
  pool: pg.Pool;
}

/** For those who read: a pool and typed queries. Nobody but the projector writes. */
export function openTables(
  databaseUrl: string,
  options: { name?: string; connections?: number; client?: new () => pg.ClientBase; statementMs?: number } = {},
): OpenTables {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: options.name ?? 'axiom47 tables',
    max: options.connections ?? 4,
    connectionTimeoutMillis: 3_000,
    statement_timeout: options.statementMs ?? 30_000,
    keepAlive: true,
    ...(options.client === undefined ? {} : { Client: options.client }),
  });
  // A connection lost while idle: the pool replaces it, the next query reports what is still wrong.
  pool.on('error', () => undefined);
  // Lost between two statements of a transaction: the next statement fails and tells. Unheard, it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, [Symbol.asyncDispose]: () => db.destroy() };
}

/** A sid as its tables' key: the first 8 bytes, big-endian, signed (unique by the keyring). */
export const sidKeyOf = (sid: Uint8Array): bigint =>
  new DataView(sid.buffer, sid.byteOffset, sid.byteLength).getBigInt64(0);
/** A uuid column's text as the 16 bytes of a sid. */
export const sidBytes = (uuid: string): Uint8Array => new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
