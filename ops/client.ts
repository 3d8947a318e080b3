// How a command reaches the installation of a data directory: the server that runs there, or one started for the time.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Io } from './commands/command.ts';
import { UsageError } from './commands/command.ts';
import { readConfig } from './config.ts';
import { defaultDataDir, findRunning } from './data-dir.ts';
import { createLog } from './log.ts';
import { projectRoot } from './project.ts';

/**
 * The directory a command means: `--data-dir`, else AXIOM47_DATA_DIR, else `otherwise` (data/main when it exists, else the demo).
 *
 * @param folder where this installation's workspaces lie.
 * @throws UsageError when nobody says which and several servers run: a command must not change another workspace than its caller looks at.
 */
export function dataDirOf(
  option: string | undefined,
  otherwise = defaultDataDir(projectRoot),
  folder = join(projectRoot, 'data'),
): string {
  const named = option ?? readConfig().dataDir;
  if (named !== undefined) return resolve(named);
  const running = runningBelow(folder);
  if (running.length > 1)
    throw new UsageError(
      `several servers run (${running.join(', ')}): say which workspace is meant with --data-dir DIR`,
    );
  guessed = resolve(otherwise);
  return guessed;
}

/** The directory nobody named: a command that changes it says so. */
let guessed: string | null = null;

/** Workspaces in `folder` that are served right now. */
export const runningBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && findRunning(join(folder, entry.name)) !== undefined)
        .map((entry) => join(folder, entry.name))
        .sort()
    : [];

export interface Client {
  url: string;
  /** Answers parsed JSON; throws ApiError with the problem's own words. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** A file's bytes, unpacked, piece by piece. */
  read(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** The same with what the answer says of it. */
  download(path: string): Promise<{ headers: Headers; bytes: AsyncIterable<Uint8Array> }>;
  /** Posts bytes (msgpack). */
  send<T>(path: string, body: Uint8Array, contentType: string): Promise<T>;
}

export class ApiError extends Error {
  readonly status: number;
  readonly reason: string | undefined;
  readonly problem: Record<string, unknown>;
  constructor(status: number, problem: Record<string, unknown>) {
    const detail = problem.detail ?? problem.title ?? `HTTP ${status}`;
    super(inOptions(String(detail)));
    this.name = 'ApiError';
    this.status = status;
    this.reason = typeof problem.type === 'string' ? problem.type : undefined;
    this.problem = problem;
  }
}

/** Fields of a body whose value came from an option of another spelling. */
const OPTIONS: Readonly<Record<string, string>> = {
  as_of: '--as-of',
  horizon_days: '--horizon',
  lateness_days: '--lateness',
  discount_monthly: '--discount',
  feature_set: '--features',
  months: '--months',
  at: '--at',
};

/** A refusal begins with the field as a JSON pointer; who typed an option looks for the option. */
const inOptions = (detail: string): string =>
  detail.replace(/^\/?([a-z_]+)(?:\/(?:at|seq))?(?=:? )/, (pointer, field: string) =>
    pointer.startsWith('/') ? (OPTIONS[field] ?? pointer) : pointer,
  );

export function createClient(url: string, token: string): Client {
  const ask = async (
    method: string,
    path: string,
    body: BodyInit | null,
    headers: Record<string, string>,
  ): Promise<Response> => {
    try {
      const all = { authorization: `Bearer ${token}`, accept: 'application/json', ...headers };
      return await fetch(new URL(path, url), { method, headers: all, body });
    } catch (cause) {
      throw new Error(`the server at ${url} does not answer (${causeOf(cause)}); is it still running?`, { cause });
    }
  };
  const request = async <T>(
    method: string,
    path: string,
    body: BodyInit | null,
    contentType: string | null,
  ): Promise<T> => {
    const response = await ask(method, path, body, contentType ? { 'content-type': contentType } : {});
    const text = await response.text();
    let parsed: unknown;
    try {
      parsed = text === '' ? null : JSON.parse(text);
    } catch (cause) {
      throw new Error(`the server at ${url} answered ${response.status} with something that is not JSON`, { cause });
    }
    if (!response.ok) throw new ApiError(response.status, (parsed ?? {}) as Record<string, unknown>);
    return parsed as T;
  };
  const download = async (path: string) => {
    const response = await ask('GET', path, null, { accept: '*/*' });
    if (!response.ok || response.body === null)
      throw new ApiError(response.status, (await response.json()) as Record<string, unknown>);
    return { headers: response.headers, bytes: response.body };
  };
  return {
    url,
    download,
    read: async (path) => (await download(path)).bytes,
    call: (method, path, body) =>
      request(
        method,
        path,
        body === undefined ? null : JSON.stringify(body),
        body === undefined ? null : 'application/json',
      ),
    send: (path, body, contentType) => request('POST', path, body as Uint8Array<ArrayBuffer>, contentType),
  };
}

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
};

/**
 * Runs `work` against the server of the data directory: the running one, else one started for the time and stopped after.
 *
 * @param options.create makes the workspace when there is none yet (`import` does), under the given name.
 * @param options.settle a server started for the time stops only when every customer has a score.
 */
export async function withServer<T>(
  dataDir: string,
  options: { create?: { name: string; currency?: string; zone?: string } | undefined; settle?: boolean; io: Io },
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const running = findRunning(dataDir);
  const telling = (client: Client) => (dataDir === guessed ? tellingWorkspace(client, dataDir, options.io) : client);
  if (running) return work(telling(createClient(running.url, running.token)));
  const [other] = runningBelow(join(projectRoot, 'data'));
  if (other !== undefined)
    options.io.stderr(
      `note: the server that runs now serves ${other}; this command works on ${dataDir}, with engines of its own for the time (--data-dir chooses)\n`,
    );
  if (!options.create && !existsSync(join(dataDir, 'workspace.json')))
    throw new UsageError(
      `there is no workspace at ${dataDir}; \`axiom47 import FILE\` makes one, \`axiom47 serve\` starts the demo`,
    );
  const config = readConfig();
  const { startServer } = await import('./compose.ts');
  const log = createLog({ ...config, logLevel: process.env.AXIOM47_LOG_LEVEL ? config.logLevel : 'warn' });
  using interrupted = interruption();
  await using server = await startServer({
    config: { ...config, port: 0 },
    dataDir,
    create: options.create ?? null,
    still: true,
    log,
    progress: (text) => options.io.stderr(`${text}\n`),
  });
  const answer = await Promise.race([work(telling(createClient(server.url, server.token))), interrupted.promise]);
  if (options.settle) {
    const patience = setTimeout(() => options.io.stderr('scoring every customer …\n'), 500);
    await Promise.race([server.settled(), interrupted.promise]).finally(() => clearTimeout(patience));
  }
  return answer;
}

/** Stopped by a signal, in good order. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Rejects at the first Ctrl-C or SIGTERM, so that what was opened is closed; the second ends at once, as without it. */
function interruption(): Disposable & { promise: Promise<never> } {
  const { promise, reject } = Promise.withResolvers<never>();
  // Heard by whoever waits, if anybody does.
  promise.catch(() => undefined);
  const onSignal = (signal: NodeJS.Signals) => {
    off();
    reject(new Interrupted(`stopped by ${signal}; what had begun as a job goes on when the workspace is opened again`));
  };
  const off = () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  return { promise, [Symbol.dispose]: off };
}

/** Questions that are asked with a body. */
const READS = /^\/api\/(predict|customers\/(lookup|search))|^\/predict/;
const isDryRun = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'dry_run' in body && body.dry_run === true;

/** Says on stderr which workspace is about to be changed, once, before the first call that changes anything. */
function tellingWorkspace(client: Client, dataDir: string, io: Io): Client {
  let said = false;
  const say = () => {
    if (!said) io.stderr(`workspace ${dataDir} (another one: --data-dir DIR)\n`);
    said = true;
  };
  return {
    ...client,
    call(method, path, body) {
      if (method !== 'GET' && !READS.test(path) && !isDryRun(body)) say();
      return client.call(method, path, body);
    },
    send(...request) {
      say();
      return client.send(...request);
    },
  };
}
