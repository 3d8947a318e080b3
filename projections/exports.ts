// Read models as rows for whoever wants to take them along: under their public names, all of one moment, in memory that does not grow with them.
// PostgreSQL keeps the rows aside (a held cursor), so a reader who is slow holds neither a lock nor an old state of the tables.
import type pg from 'pg';
import { MASKED } from './migrations/0002-views.ts';

export interface ExportedTable {
  name: string;
  docs: string;
  select: string;
  /** Its first column says whom a row is about. */
  ofCustomers: boolean;
  /** The column of the local day a row is of: only such tables can be asked about an earlier moment. Else where that is asked. */
  day: { column: string } | { instead: string };
}

const view = (name: string): string => `select * from ${MASKED.schema}.${name}`;
const now = (instead: string): { instead: string } => ({ instead });
const KEPT = 'it is no table of times';

export const EXPORTED: readonly ExportedTable[] = [
  {
    name: 'customers',
    docs: 'one row a customer: segment, first and last order, orders, frequency, net amount',
    select: view('customers'),
    ofCustomers: true,
    day: now('`axiom47 replay --as-of …` shows everybody in one line and one customer in full as of then'),
  },
  {
    name: 'transactions',
    docs: 'orders and refunds (negative), amounts as exact decimals',
    select: view('transactions'),
    ofCustomers: true,
    day: { column: 'day' },
  },
  {
    name: 'events',
    docs: 'everything that happened within the window the tables keep, properties as JSON',
    select: view('events'),
    ofCustomers: true,
    day: { column: 'day' },
  },
  {
    name: 'features',
    docs: 'frequency, recency, age and money of each buyer, as JSON',
    select: view('features'),
    ofCustomers: true,
    day: now('`axiom47 replay --as-of … --customer ID` has one customer’s of then'),
  },
  {
    name: 'scores',
    docs: 'the last P(churn) and lifetime value of each customer by each model in force',
    select: view('scores'),
    ofCustomers: true,
    day: now('`axiom47 score --as-of … --out FILE` scores everybody as of then'),
  },
  {
    name: 'models',
    docs: 'models that were in force, with their metrics',
    select: view('models'),
    ofCustomers: false,
    day: now(KEPT),
  },
  {
    name: 'deployments',
    docs: 'which version came into force when, and for how many',
    select: 'select seq, ctl_sequence, type, model_id, digest, deployed_at, percent from rm.deployments',
    ofCustomers: false,
    day: now(KEPT),
  },
  {
    name: 'experiments',
    docs: 'experiments with their variants',
    select: view('experiments'),
    ofCustomers: false,
    day: now(KEPT),
  },
  {
    name: 'observations',
    docs: 'exposures and outcomes of experiments, without customers',
    select: view('observations'),
    ofCustomers: false,
    day: now(KEPT),
  },
  {
    name: 'erased_totals',
    docs: 'what the erased had ordered and returned, by month, of nobody; in minor units',
    select: `select month, case kind when 0 then 'order' else 'refund' end as kind, nullif(currency, '') as currency, rows, minor
             from rm.erased_totals`,
    ofCustomers: false,
    day: now(KEPT),
  },
];

/** Of PostgreSQL's types, by their oids (pg_type.dat); any other is text. */
const TYPES = {
  16: 'boolean',
  20: 'integer',
  21: 'integer',
  23: 'integer',
  701: 'double',
  1082: 'date',
  1184: 'time',
  1700: 'decimal',
  3802: 'json',
} as const;
export type ColumnType = (typeof TYPES)[keyof typeof TYPES] | 'text';
export interface ExportColumn {
  name: string;
  type: ColumnType;
}

export interface OpenExport extends AsyncDisposable {
  columns: readonly ExportColumn[];
  rows: number;
  /** The tables hold the log up to here. */
  seq: number;
  /** Rows as PostgreSQL writes their cells; times as ISO 8601, booleans in words. In no order that is promised. To be read once. */
  batches(): AsyncGenerator<(string | null)[][]>;
}

const placesOf = (columns: readonly ExportColumn[], wanted: ColumnType): number[] =>
  columns.flatMap(({ type }, i) => (type === wanted ? [i] : []));

/** A thousand rows are written in a millisecond or two: whoever else is served by the thread waits no longer. */
const BATCH = 1_000;
const rawTypes = { getTypeParser: () => (value: string | Buffer) => String(value) };

/**
 * All rows of a table as they stand in one transaction.
 *
 * @param until local day, days since 1970: rows of later days are left out; null: all.
 * @throws what PostgreSQL says. Cost: the rows are written aside once before the first is read.
 */
export async function openExport(
  pool: Pick<pg.Pool, 'connect'>,
  { select, day }: ExportedTable,
  until: number | null,
): Promise<OpenExport> {
  if (until !== null && 'instead' in day) throw new RangeError('this table has no days');
  const where =
    until === null || 'instead' in day ? '' : ` where ${day.column} <= date '1970-01-01' + ${Math.trunc(until)}`;
  const client = await pool.connect();
  let released = false;
  const release = (broken: boolean): void => {
    if (!released) client.release(broken);
    released = true;
  };
  try {
    // Cells as texts depend on these.
    await client.query(`set timezone = 'UTC'; set datestyle = 'ISO, YMD'`);
    await client.query('begin isolation level repeatable read read only');
    const { rows: places } = await client.query<{ seq: string }>(
      `select min(seq) as seq from rm.checkpoints where projection in ('events', 'customers')`,
    );
    await client.query(`declare exported scroll cursor with hold for select * from (${select}) t${where}`);
    await client.query('commit');
    const { fields } = await client.query('fetch 0 from exported');
    const { rowCount } = await client.query('move forward all in exported');
    await client.query('move absolute 0 in exported');
    const columns = fields.map(
      ({ name, dataTypeID }): ExportColumn => ({ name, type: TYPES[dataTypeID as keyof typeof TYPES] ?? 'text' }),
    );
    const times = placesOf(columns, 'time');
    const booleans = placesOf(columns, 'boolean');
    return {
      columns,
      rows: rowCount ?? 0,
      seq: Number(places[0]!.seq),
      async *batches() {
        for (;;) {
          // The connection may be somebody else's by now.
          if (released) throw new Error('the export was ended before it was read to its end');
          const { rows } = await client.query<(string | null)[]>({
            text: `fetch ${BATCH} from exported`,
            rowMode: 'array',
            types: rawTypes,
          });
          if (rows.length === 0) return;
          for (const row of rows) {
            for (const at of times) if (row[at] != null) row[at] = new Date(row[at]).toISOString();
            for (const at of booleans) if (row[at] != null) row[at] = row[at] === 't' ? 'true' : 'false';
          }
          yield rows;
        }
      },
      async [Symbol.asyncDispose]() {
        if (released) return;
        // What could not be closed goes with its connection.
        const closed = await client.query('close exported').then(
          () => true,
          () => false,
        );
        release(!closed);
      },
    };
  } catch (error) {
    release(true);
    throw error;
  }
}
