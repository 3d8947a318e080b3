// The one connection that writes read models: rows and checkpoint in one transaction, one transaction at a time, fenced by epoch,
// tried again for ever while PostgreSQL is away. What cannot get better is thrown: Fenced, SchemaNewer, ForeignTables, WriterStopped.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ProjectionName, projections } from './catalogue.ts';
import { migrateTables } from './migrate.ts';

/** Somebody else writes these tables now (a second process on the same database, or a rebuild). */
export class Fenced extends Error {
  readonly code = 'fenced';
  constructor(projection: string, mine: number, found: number) {
    super(
      `read models: another writer has taken over '${projection}' (epoch ${found}, ours ${mine}); this one stops writing. ` +
        'Run one projector on a database, and restart this process if it is the one to keep',
    );
    this.name = 'Fenced';
  }
}

export class WriterStopped extends Error {
  readonly code = 'stopped';
  constructor() {
    super('read models: the projector is stopping');
    this.name = 'WriterStopped';
  }
}

/** Codes of our own errors that do not get better by trying again (PostgreSQL's are five characters). */
const FINAL = new Set(['fenced', 'schema-newer', 'foreign-tables', 'stopped']);
export const isFinal = (error: unknown): boolean => FINAL.has((error as { code?: string }).code ?? '');

export type LogLine = (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string) => void;

export interface WriterOptions {
  databaseUrl: string;
  log: LogLine;
  /** Statements for each new connection: its staging tables. */
  session: readonly string[];
  /** Called on each new connection, so that what is remembered about the database is read anew. */
  onConnect?: (client: pg.Client) => Promise<void>;
}

export interface Writer extends AsyncDisposable {
  /** Takes the tables over (migrates, raises the epochs) and answers where each projection stands. */
  open(): Promise<Record<ProjectionName, number>>;
  /**
   * Runs `work` and moves the checkpoint to `seq` in one transaction; tries again for ever. `once`: `seq` names this very input, so a repeat
   * (the answer to the commit was lost) is recognised and not applied twice. `latest`: the work is idempotent and `seq` may repeat.
   */
  commit(
    projection: ProjectionName,
    seq: number,
    mode: 'once' | 'latest',
    work: (client: pg.Client) => Promise<void>,
  ): Promise<void>;
  /** Reads between the transactions, on the same connection; tries again for ever. */
  read<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Why PostgreSQL is not taking writes at the moment, or null. */
  readonly trouble: string | null;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** A batch takes well under a second; a statement that takes this long hangs, and is tried on a new connection. */
const STATEMENT_MS = 120_000;

export function createWriter(options: WriterOptions): Writer {
  const { log } = options;
  const stopping = new AbortController();
  let client: pg.Client | null = null;
  let epochs: Map<ProjectionName, number> | null = null;
  let trouble: string | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  async function connection(): Promise<pg.Client> {
    if (client) return client;
    const fresh = new pg.Client({
      connectionString: options.databaseUrl,
      application_name: 'axiom47 projector',
      connectionTimeoutMillis: 5_000,
      query_timeout: STATEMENT_MS,
      keepAlive: true,
    });
    fresh.on('error', () => {
      // The query that was running, or the next one, rejects by itself; this only forgets the dead connection.
      if (client === fresh) client = null;
    });
    try {
      await fresh.connect();
      if (!epochs) {
        const { applied, emptied } = await migrateTables(fresh);
        if (applied.length > 0) log('info', { applied }, 'read models migrated');
        if (emptied.length > 0) log('info', { emptied }, 'read models have a new definition and are filled again');
        epochs = await takeEpochs(fresh);
      }
      // JIT costs more than these statements take, and estimates of staging tables would trigger it.
      await fresh.query(['set jit = off', ...options.session].join(';'));
      await options.onConnect?.(fresh);
    } catch (error) {
      discard(fresh);
      throw error;
    }
    client = fresh;
    return fresh;
  }

  /** A connection after any error is in doubt; a new one starts clean. */
  function discard(one: pg.Client): void {
    if (client === one) client = null;
    // Its own failure to say goodbye changes nothing: the server rolls back when the socket closes.
    one.end().catch(() => undefined);
  }

  async function untilDone<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      if (stopping.signal.aborted) throw new WriterStopped();
      let current: pg.Client | null = null;
      try {
        current = await connection();
        const value = await work(current);
        if (trouble !== null) log('info', { attempts: attempt }, 'read models are written again');
        trouble = null;
        return value;
      } catch (error) {
        if (current) discard(current);
        const { message, code } = error as Error & { code?: string };
        if (isFinal(error)) throw error;
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10));
        trouble = message;
        log(
          'warn',
          { error: message, code, attempt, retryInMs: pauseMs },
          'read models cannot be written, trying again',
        );
        await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined); // aborted: the loop sees it
      }
    }
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = queue.then(work, work);
    queue = mine.catch(() => undefined); // its caller has the error; the next in line starts regardless
    return mine;
  }

  async function advance(one: pg.Client, projection: ProjectionName, seq: number, mode: 'once' | 'latest') {
    const mine = epochs!.get(projection)!;
    // First, so that a second writer waits on this row instead of merging beside us.
    const { rowCount } = await one.query({
      name: `advance-${mode}`,
      text:
        mode === 'once'
          ? 'update rm.checkpoints set seq = $2, updated_at = now() where projection = $1 and epoch = $3 and seq < $2'
          : 'update rm.checkpoints set seq = greatest(seq, $2), updated_at = now() where projection = $1 and epoch = $3',
      values: [projection, seq, mine],
    });
    if (rowCount === 1) return true;
    const { rows } = await one.query<{ epoch: string }>('select epoch from rm.checkpoints where projection = $1', [
      projection,
    ]);
    const found = Number(rows[0]?.epoch ?? 0);
    if (found !== mine) throw new Fenced(projection, mine, found);
    return false;
  }

  return {
    get trouble() {
      return trouble;
    },
    open: () =>
      inTurn(() =>
        untilDone(async (one) => {
          const { rows } = await one.query<{ projection: ProjectionName; seq: string }>(
            'select projection, seq from rm.checkpoints',
          );
          const seqOf = (name: ProjectionName) => Number(rows.find((row) => row.projection === name)?.seq ?? 0);
          return { events: seqOf('events'), customers: seqOf('customers'), scores: seqOf('scores') };
        }),
      ),
    commit: (projection, seq, mode, work) =>
      inTurn(() =>
        untilDone(async (one) => {
          await one.query('begin');
          if (!(await advance(one, projection, seq, mode))) {
            await one.query('rollback');
            return;
          }
          await work(one);
          await one.query('commit');
        }),
      ),
    read: (work) => inTurn(() => untilDone(work)),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await queue;
      const last = client;
      client = null;
      if (last) await last.end();
    },
  };
}

async function takeEpochs(client: pg.Client): Promise<Map<ProjectionName, number>> {
  const { rows } = await client.query<{ projection: ProjectionName; epoch: string }>(
    'update rm.checkpoints set epoch = epoch + 1, updated_at = now() where projection = any($1) returning projection, epoch',
    [projections.map((projection) => projection.name)],
  );
  return new Map(rows.map((row) => [row.projection, Number(row.epoch)]));
}
