// The writer of read models: rows and checkpoint in one transaction, one transaction at a time, fenced by epoch, tried again for ever while
// PostgreSQL is away. What cannot get better is thrown: Fenced, SchemaNewer, ForeignTables, WriterStopped. Only what no one else can see, a
// transaction's rows on their way into its own staging tables, may go to the server while another is committed, on a second connection.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ProjectionName, projections } from './catalogue.ts';
import { migrateTables } from './migrate.ts';
import { ShadowClient } from './shadow.ts';

/** Somebody else writes these tables now (a second process on the same database, or a rebuild). */
class Fenced extends Error {
  readonly code = 'fenced';
  constructor(projection: string, mine: number, found: number) {
    super(
      `read models: another writer has taken over '${projection}' (epoch ${found}, ours ${mine}); this one stops writing. ` +
        'Run one projector on a database, and restart this process if it is the one to keep',
    );
    this.name = 'Fenced';
  }
}

/** The tables stand elsewhere than this writer left them: PostgreSQL came back from a crash, a failover or a backup. Go on from there. */
export class Rewound extends Error {
  readonly code = 'rewound';
  readonly found: number;
  constructor(projection: string, found: number) {
    super(`read models: '${projection}' stands at ${found} again; it is filled on from there`);
    this.name = 'Rewound';
    this.found = found;
  }
}

export class WriterStopped extends Error {
  readonly code = 'stopped';
  constructor() {
    super('read models: the projector is stopping');
    this.name = 'WriterStopped';
  }
}

/** Codes of our own errors that the same attempt again does not heal (PostgreSQL's are five characters). */
const FINAL = new Set(['fenced', 'schema-newer', 'foreign-tables', 'stopped', 'rewound']);
export const isFinal = (error: unknown): boolean => FINAL.has((error as { code?: string }).code ?? '');

export type LogLine = (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string) => void;

export interface WriterOptions {
  databaseUrl: string;
  /** Writes the tables that are built beside the live ones (shadow.ts), which must be there. */
  shadow?: boolean;
  log: LogLine;
  /** Statements for each new connection: its staging tables. */
  session: readonly string[];
  /** Called before the first transaction and after each failure, so that what is remembered about the database is read anew. */
  onConnect?: (client: pg.Client) => Promise<void>;
}

export interface Writer extends AsyncDisposable {
  /** Takes the tables over (migrates, raises the epochs) and answers where each projection stands. */
  open(): Promise<Record<ProjectionName, number>>;
  /**
   * Runs `work` and moves the checkpoint from `from` to `to` in one transaction; tries again for ever. A repeat (the answer to the commit was
   * lost) is recognised by the checkpoint and not applied twice; a checkpoint that is neither is Rewound. `from` null: wherever it stands,
   * for work that is idempotent and that nobody can repeat from the log. Only such a commit, and one that asks for it, waits for the disk.
   * @param stage comes before `work` in the transaction, and before its turn: it may write only what nobody else sees, and lock nothing.
   */
  commit(
    projection: ProjectionName,
    step: { from: number | null; to: number; durable?: boolean },
    work: (client: pg.Client) => Promise<void>,
    stage?: (client: pg.Client) => Promise<void>,
  ): Promise<void>;
  /** Reads between the transactions, on the same connection; tries again for ever. */
  read<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Why PostgreSQL is not taking writes at the moment, or null. */
  readonly trouble: string | null;
}

const NAME = 'axiom47 projector';
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** A batch takes well under a second; a statement that takes this long hangs, and is tried on a new connection. */
const STATEMENT_MS = 120_000;
/** An index over all rows takes longer. */
const FILLING_STATEMENT_MS = 3_600_000;
/** A transaction of a writer that lives takes well under this; one that holds its locks for longer belongs to a process that stands still. */
const HELD_MS = 10_000;

export function createWriter(options: WriterOptions): Writer {
  const { log } = options;
  const stopping = new AbortController();
  /** Open connections without a transaction: none or one, and a second while rows are staged. */
  let idle: pg.Client[] = [];
  let remembered = false;
  let epochs: Map<ProjectionName, number> | null = null;
  let trouble: string | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  async function connection(): Promise<pg.Client> {
    const open = idle.pop();
    if (open) return open;
    const fresh = new (options.shadow ? ShadowClient : pg.Client)({
      connectionString: options.databaseUrl,
      application_name: NAME,
      connectionTimeoutMillis: 5_000,
      query_timeout: options.shadow ? FILLING_STATEMENT_MS : STATEMENT_MS,
      keepAlive: true,
    });
    fresh.on('error', () => {
      // The query that was running, or the next one, rejects by itself; this only forgets the dead connection.
      idle = idle.filter((one) => one !== fresh);
    });
    try {
      await fresh.connect();
      if (!epochs) {
        epochs = await overHeldLocks(fresh, log, async () => {
          if (!options.shadow) await migrate(fresh);
          return takeEpochs(fresh);
        });
      }
      // JIT costs more than these statements take, and estimates of staging tables would trigger it. Commits need not wait for the disk:
      // rows and checkpoint are lost together or not at all, and a lost commit is noticed (Rewound) and made again from the log.
      await fresh.query(['set jit = off', 'set synchronous_commit = off', ...options.session].join(';'));
    } catch (error) {
      discard(fresh);
      throw error;
    }
    return fresh;
  }

  async function migrate(fresh: pg.Client): Promise<void> {
    const { applied, emptied } = await migrateTables(fresh);
    if (applied.length > 0) log('info', { applied }, 'read models migrated');
    if (emptied.length > 0) log('info', { emptied }, 'read models have a new definition and are filled again');
  }

  /** A connection after any error is in doubt; a new one starts clean. */
  function discard(one: pg.Client): void {
    remembered = false;
    // Its own failure to say goodbye changes nothing: the server rolls back when the socket closes.
    one.end().catch(() => undefined);
  }

  /** @param first the connection to try it on, when it has one already. */
  async function untilDone<T>(work: (client: pg.Client) => Promise<T>, first: pg.Client | null = null): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      let current: pg.Client | null = attempt === 0 ? first : null;
      if (stopping.signal.aborted) {
        if (current) discard(current);
        throw new WriterStopped();
      }
      try {
        current ??= await connection();
        const value = await work(current);
        idle.push(current);
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

  const remember = async (one: pg.Client): Promise<void> => {
    if (remembered) return;
    await options.onConnect?.(one);
    remembered = true;
  };

  /** A transaction that is open with its rows staged; null when that failed: in its turn it is tried from the start, and says why it cannot. */
  async function staged(stage: (client: pg.Client) => Promise<void>): Promise<pg.Client | null> {
    let one: pg.Client | null = null;
    try {
      one = await connection();
      await one.query('begin');
      await stage(one);
      return one;
    } catch {
      if (one) discard(one);
      return null;
    }
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = queue.then(work, work);
    queue = mine.catch(() => undefined); // its caller has the error; the next in line starts regardless
    return mine;
  }

  /** False when this very step was committed before. First in its transaction, so that a second writer waits here instead of merging beside. */
  async function advance(
    one: pg.Client,
    projection: ProjectionName,
    { from, to }: { from: number | null; to: number },
  ) {
    const mine = epochs!.get(projection)!;
    const { rowCount } = await one.query({
      name: from === null ? 'advance-latest' : 'advance',
      text: `update rm.checkpoints set seq = ${from === null ? 'greatest(seq, $2)' : '$2'}, updated_at = now()
        where projection = $1 and epoch = $3 ${from === null ? '' : 'and seq = $4'}`,
      values: [projection, to, mine, ...(from === null ? [] : [from])],
    });
    if (rowCount === 1) return true;
    const { rows } = await one.query<{ epoch: string; seq: string }>(
      'select epoch, seq from rm.checkpoints where projection = $1',
      [projection],
    );
    const found = { epoch: Number(rows[0]?.epoch ?? 0), seq: Number(rows[0]?.seq ?? 0) };
    if (found.epoch !== mine) throw new Fenced(projection, mine, found.epoch);
    if (found.seq !== to) throw new Rewound(projection, found.seq);
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
    commit(projection, step, work, stage) {
      // Epochs are taken in turn, before anything else.
      const ahead = stage === undefined || epochs === null ? Promise.resolve(null) : staged(stage);
      return inTurn(async () => {
        const ready = await ahead;
        await untilDone(async (one) => {
          if (one !== ready) {
            await one.query('begin');
            await stage?.(one);
          }
          if (!(await advance(one, projection, step))) {
            await one.query('rollback');
            return;
          }
          await remember(one);
          if (step.from === null || step.durable) await one.query('set local synchronous_commit = on');
          await work(one);
          await one.query('commit');
        }, ready);
      });
    },
    read: (work) =>
      inTurn(() =>
        untilDone(async (one) => {
          await remember(one);
          return work(one);
        }),
      ),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await queue;
      const last = idle;
      idle = [];
      await Promise.all(last.map((one) => one.end()));
    },
  };
}

/** From here on whoever wrote before is fenced. */
async function takeEpochs(client: pg.Client): Promise<Map<ProjectionName, number>> {
  const { rows } = await client.query<{ projection: ProjectionName; epoch: string }>(
    'update rm.checkpoints set epoch = epoch + 1, updated_at = now() where projection = any($1) returning projection, epoch',
    [projections.map((projection) => projection.name)],
  );
  return new Map(rows.map((row) => [row.projection, Number(row.epoch)]));
}

/**
 * A writer that was stopped in the middle of a transaction holds its checkpoint for as long as it stands still (its kernel goes on answering
 * for it). Whoever takes over has the server end that connection, and the transaction with it; when the writer wakes up it is fenced.
 */
async function overHeldLocks<T>(client: pg.Client, log: LogLine, work: () => Promise<T>): Promise<T> {
  await client.query(`set lock_timeout = ${HELD_MS}`);
  try {
    return await work();
  } catch (error) {
    // 55P03: lock not available (PostgreSQL, appendix A). The work is tried again on a new connection.
    if ((error as { code?: string }).code !== '55P03') throw error;
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()
         and xact_start < clock_timestamp() - $2 * interval '1 millisecond'`,
      [NAME, HELD_MS / 2],
    );
    log(
      'warn',
      { connections: rowCount },
      'another writer of the read models stands still in a transaction, its connection was ended',
    );
    throw error;
  } finally {
    await client.query('reset lock_timeout');
  }
}
