// The program as a user has it: child processes of the real command line, talked to over HTTP, NATS and SQL. Everything that was started is
// stopped, also when a test fails: engines outlive a killed server by design, so they are looked for by their working directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { findRunning } from '#ops/data-dir.ts';
import { isAlive } from '#ops/engines/processes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const entry = join(root, 'ops', 'axiom47.ts');
/** vitest may have been started by a Node that cannot run TypeScript; the installed one can. */
const node = process.features.typescript ? process.execPath : join(root, 'node_modules', '.bin', 'node');
const folders = new Set<string>();
const children = new Set<ChildProcess>();

/** A temporary folder for a data directory; `removeFolders` ends whatever still runs in it and removes it. */
export function temporaryFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `axiom47-${name}-`)));
  folders.add(folder);
  return folder;
}

/** Processes at work below a folder: our engines, however they were orphaned. */
export function processesBelow(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) return false;
      try {
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return cwd === folder || cwd.startsWith(`${folder}/`);
      } catch {
        return false; // Gone meanwhile, or another user's.
      }
    });
}

/** Ends everything that was started here, at once. */
export function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders)
    for (const pid of processesBelow(folder)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
}
process.on('exit', killAll);

/** For `afterAll`: nothing of this test file is left running or on disk. */
export async function removeFolders(): Promise<void> {
  killAll();
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  for (const folder of folders) {
    for (let i = 0; i < 200 && processesBelow(folder).length > 0; i++) await sleep(10);
    // Stays listed: another suite of the file may have named its folder already and start its program only now.
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The caller's environment without settings of ours, which would steer the program under test. */
const environment = (extra: Record<string, string>): Record<string, string> => ({
  ...(Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(AXIOM47_|DATABASE_URL$|NODE_OPTIONS$|VITEST)/.test(name)),
  ) as Record<string, string>),
  AXIOM47_LOG_LEVEL: 'warn',
  ...extra,
});

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  /** The one JSON document of `--json`. */
  json<T>(): T;
}

function launch(args: string[], extra: Record<string, string>): { child: ChildProcess; out: string[]; err: string[] } {
  const child = spawn(node, [entry, ...args], { cwd: root, env: environment(extra), stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const out: string[] = [];
  const err: string[] = [];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => err.push(text));
  // AXIOM47_TEST_TRACE=1 shows what the programs say as they say it.
  if (process.env.AXIOM47_TEST_TRACE) child.stderr!.pipe(process.stderr, { end: false });
  child.stdin!.on('error', () => undefined); // A command that reads nothing closes its input early.
  return { child, out, err };
}

/** Runs a command to its end, whatever its exit code. @param options.interrupt SIGINT as soon as its stderr says so. */
export async function run(
  args: string[],
  options: { env?: Record<string, string>; input?: string; interrupt?: RegExp } = {},
): Promise<Ended> {
  const { child, out, err } = launch(args, options.env ?? {});
  child.stdin!.end(options.input ?? '');
  let interrupted = false;
  child.stderr!.on('data', () => {
    if (interrupted || !options.interrupt?.test(err.join(''))) return;
    interrupted = true;
    child.kill('SIGINT');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  const [stdout, stderr] = [out.join(''), err.join('')];
  return {
    code: code ?? 128,
    stdout,
    stderr: signal === null ? stderr : `${stderr}\nended by ${signal}`,
    json: <T>() => {
      try {
        return JSON.parse(stdout) as T;
      } catch (cause) {
        throw new Error(`no JSON document from ${args.join(' ')}: ${stdout.slice(0, 500)}\n${stderr}`, { cause });
      }
    },
  };
}

/** Runs a command with `--json` that must succeed, and answers its document. */
export async function runJson<T>(args: string[], options: Parameters<typeof run>[1] = {}): Promise<T> {
  const ended = await run([...args, '--json'], options);
  if (ended.code !== 0) throw new Error(`axiom47 ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
  return ended.json<T>();
}

/** What `serve --json` prints. */
export interface Served {
  url: string;
  setupUrl?: string;
  nats: string;
  postgres: string;
  dataDir: string;
  workspace: string;
}

export interface Answer<T = Record<string, unknown>> {
  status: number;
  text: string;
  body: T;
}

type RequestOptions = { body?: unknown; raw?: BodyInit; headers?: Record<string, string>; token?: string | null };

export class Program implements AsyncDisposable {
  readonly served: Served;
  readonly child: ChildProcess;
  /** The local command line's credential of this start. */
  readonly token: string;
  readonly #err: string[];

  constructor(served: Served, child: ChildProcess, token: string, err: string[]) {
    this.served = served;
    this.child = child;
    this.token = token;
    this.#err = err;
  }

  get stderr(): string {
    return this.#err.join('');
  }

  /** One request; a status of any kind is an answer. `body` is sent as JSON. @param options.token null: without a credential. */
  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    { body, raw, headers = {}, token = this.token }: RequestOptions = {},
  ): Promise<Answer<T>> {
    const sent = raw ?? (body === undefined ? null : JSON.stringify(body));
    const response = await fetch(new URL(path, this.served.url), {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: sent,
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, text, body: (isJson ? JSON.parse(text) : null) as T };
  }

  /** A request that must succeed. */
  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.request<T>(method, path, body === undefined ? {} : { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  /** Everything known of one customer: by the reference, as addresses name nobody. */
  async customer<T>(customer_id: string): Promise<T> {
    const { ref } = await this.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id });
    return this.call<T>('GET', `/api/customers/${ref}`);
  }

  /** A command of its own against this server. */
  json<T>(args: string[], options: Parameters<typeof run>[1] = {}): Promise<T> {
    return runJson<T>([...args, '--data-dir', this.served.dataDir], options);
  }

  /** A connection string of the read models' server. */
  databaseUrl(database: 'axiom47' | 'axiom47_keyring' | 'postgres' = 'axiom47'): string {
    const password = readFileSync(join(this.served.dataDir, 'secrets', 'postgres.password'), 'utf8').trim();
    return `postgres://axiom47:${encodeURIComponent(password)}@${new URL(this.served.postgres).host}/${database}`;
  }

  async sql<Row extends object>(
    text: string,
    database: 'axiom47' | 'axiom47_keyring' | 'postgres' = 'axiom47',
  ): Promise<Row[]> {
    const client = new Client({ connectionString: this.databaseUrl(database), connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined); // The server may be killed under it: the query rejects.
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** The pid of an engine of this server. */
  enginePid(engine: 'nats' | 'postgres'): number {
    const command = engine === 'nats' ? / -c server\.conf\b/ : /\/postgres -D /;
    const folder = join(this.served.dataDir, engine);
    const found = processesBelow(folder).find((pid) =>
      command.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')),
    );
    if (found === undefined) throw new Error(`no ${engine} runs in ${folder}`);
    return found;
  }

  /** Ctrl-C: resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    const [code] = (await gone) as [number | null];
    return code ?? 128;
  }

  /** kill -9 of the whole server process; its engines are left as a crash leaves them. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop();
  }
}

/** Starts `serve` on a free port and resolves once it answers. @throws Error with what it said when it ends instead. */
export async function serve(args: string[], options: { env?: Record<string, string> } = {}): Promise<Program> {
  const { child, out, err } = launch(['serve', '--port', '0', '--json', ...args], options.env ?? {});
  child.stdin!.end();
  const failed = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`serve ended with ${code}: ${err.join('')}`)),
  );
  failed.catch(() => undefined); // From the first answer on its end is the test's own doing.
  const printed = async (): Promise<Served> => {
    while (!out.join('').includes('\n')) await Promise.race([once(child.stdout!, 'data'), failed]);
    return JSON.parse(out.join('').split('\n')[0]!) as Served;
  };
  const served = await printed();
  const running = findRunning(served.dataDir);
  if (!running) throw new Error(`serve answered but left no run file in ${served.dataDir}`);
  return new Program(served, child, running.token, err);
}

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again until it holds; the test's own time limit ends it. Answers what held. */
export async function until<T>(what: string, ask: () => Promise<T | null | undefined | false>, patienceMs = 30_000) {
  let last: unknown;
  for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(20)) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`not within ${patienceMs} ms: ${what}`, { cause: last });
}

/**
 * A fingerprint of every table of schema rm: rows as text, in any order. What only says when it was written stays out: checkpoints, and
 * position and clock of the scores (they are computed again at a start).
 */
export async function tableHashes(program: Program): Promise<Record<string, string>> {
  const tables = await program.sql<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'rm' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const hashes: Record<string, string> = {};
  for (const { name } of tables) {
    if (name === 'checkpoints') continue;
    const [row] = await program.sql<{ rows: string; hash: string }>(
      `select count(*)::text as rows, coalesce(sum(hashtextextended((to_jsonb(t)${name === 'scores' ? ` - 'ts' - 'seq'` : ''})::text, 47)::numeric), 0)::text as hash from rm.${name} t`,
    );
    hashes[name] = `${row!.rows} rows ${row!.hash}`;
  }
  return hashes;
}
