// The event log's engine: an embedded nats-server under our supervision, or a server the operator runs.
import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { userOfSeed } from '#streams/jetstream/nkey.ts';
import type { DataDir } from '../data-dir.ts';
import { type Child, type EngineState, readLog, spawnChild, supervise } from './child.ts';
import { keepFile } from './durable-file.ts';
import { EngineError, reasonOf } from './engine-error.ts';
import { type NatsBinary, noteIfOld, resolveNatsServer } from './nats-binary.ts';
import { openExternalNats, SYSTEM_INBOX } from './nats-external.ts';
import { natsMemory } from './nats-memory.ts';
import { createSourceUser, deleteSourceUser, readSourceUsers, renderUsers } from './nats-users.ts';
import { choosePort, rememberPort } from './ports.ts';
import { endProcesses, processesIn } from './processes.ts';

export type NatsSettings = {
  /** Another server, comma-separated urls: nothing is spawned. */
  url?: string | undefined;
  /** For another server: a `.creds` file, or a file holding an nkey seed. */
  credentialsFile?: string | undefined;
  /** The binary to run instead of the packaged one. */
  server?: string | undefined;
  searchPath: string;
};

export type NatsEngine = {
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly managed: boolean;
  /** For worker threads: structured-cloneable, see connectNats. */
  readonly options: NatsOptions;
  pid(): number | undefined;
  connect(name?: string): Promise<NatsConnection>;
  /** A new identity that may publish `in.<source>` and `ask.<source>`, and nothing else. Calling it again replaces the source's key. */
  addSourceUser(source: string): Promise<{ seed: string; url: string }>;
  removeSourceUser(source: string): Promise<void>;
  /** Ends the embedded server, which is then started again at the same address; nothing is done to one of somebody else's. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

const READY_MS = 120_000;
const STOP_STEPS: [NodeJS.Signals, number][] = [
  ['SIGTERM', 10_000],
  ['SIGKILL', 5_000],
];

export async function startNats(
  settings: NatsSettings,
  dataDir: DataDir,
  log: Logger,
  onState: (state: EngineState) => void,
): Promise<NatsEngine> {
  return settings.url === undefined
    ? startEmbedded(settings, dataDir, log, onState)
    : openExternalNats(settings.url, settings.credentialsFile, log, onState);
}

async function startEmbedded(
  settings: NatsSettings,
  dataDir: DataDir,
  log: Logger,
  onState: (state: EngineState) => void,
): Promise<NatsEngine> {
  const home = dataDir.folders.nats;
  const [binary] = await Promise.all([resolveNatsServer(settings), clearLeftover(home, log)]);
  noteIfOld(binary.version, log, settings.server === undefined);
  const seed = dataDir.natsSeed('system');
  const sourcesFile = join(home, 'sources.json');
  let port = await choosePort(dataDir.path, 'nats');
  const options = (): NatsOptions => ({ servers: [`nats://127.0.0.1:${port}`], seed, inboxPrefix: SYSTEM_INBOX });
  const serverName = `axiom47-${dataDir.workspace.workspaceId}`;
  const writeConfig = () => {
    const systemKey = userOfSeed(seed).publicKey;
    const { blocks, bsize } = statfsSync(home);
    const text =
      renderConfig({ port, serverName, maxFileBytes: Math.floor(blocks * bsize * 0.9) }) +
      renderUsers(systemKey, readSourceUsers(sourcesFile));
    keepFile(join(home, 'server.conf'), text, 0o600);
  };
  const start = async (): Promise<Child> => {
    writeConfig();
    const child = await spawnServer(binary, dataDir);
    try {
      await untilReady(child, options(), serverName);
      return child;
    } catch (error) {
      await child.stop();
      throw error;
    }
  };
  const startAnywhere = async (): Promise<Child> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await start();
      } catch (error) {
        if (attempt === 5 || !reasonOf(error).includes('address already in use')) throw error;
        port = await choosePort(dataDir.path, 'nats');
      }
    }
  };
  // A restart must come back where its clients look for it, so only the first start may choose another port.
  let begun = false;
  const server = await supervise(() => (begun ? start() : startAnywhere()), log, onState);
  begun = true;
  rememberPort(dataDir.path, 'nats', port);

  const reload = async () => {
    writeConfig();
    for (let waited = 0; server.state() !== 'ready'; waited += 50) {
      if (waited > 10_000)
        throw new EngineError(
          'nats-server',
          'not-ready',
          'nats-server is down: the change is written and holds once it runs again',
        );
      await sleep(50);
    }
    const logFile = join(dataDir.folders.logs, 'nats.log');
    const from = statSync(logFile).size;
    server.signal('SIGHUP');
    for (let waited = 0; waited < 5_000; waited += 5) {
      const said = readLog(logFile, from);
      if (said.includes('Reloaded server configuration')) return;
      if (said.includes('Failed to reload'))
        throw new EngineError(
          'nats-server',
          'unsuitable',
          `nats-server refused its new configuration: ${lastLine(said)}`,
        );
      await sleep(5);
    }
    throw new EngineError(
      'nats-server',
      'not-ready',
      `nats-server did not read its new configuration within 5 s: see ${logFile}`,
    );
  };
  // One at a time: each writes the file, and the server's answer is read from its log.
  let queue = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  };
  const url = `nats://127.0.0.1:${port}`;
  return {
    url,
    port,
    version: binary.version,
    managed: true,
    options: options(),
    pid: server.pid,
    connect: (name) => connectNats(options(), name === undefined ? {} : { name }),
    addSourceUser: (source) =>
      inTurn(async () => {
        const { seed: sourceSeed } = createSourceUser(sourcesFile, source);
        await reload();
        return { seed: sourceSeed, url };
      }),
    removeSourceUser: (source) =>
      inTurn(async () => {
        if (deleteSourceUser(sourcesFile, source)) await reload();
      }),
    restart: async () => {
      const pid = server.pid();
      if (pid !== undefined) await endProcesses([pid], STOP_STEPS);
    },
    stop: server.stop,
  };
}

/** A server left alive by a killed start of ours: stopped in order, so that never two of them write one store. */
async function clearLeftover(home: string, log: Logger): Promise<void> {
  const pids = processesIn(home, / -c server\.conf\b/);
  if (pids.length === 0) return;
  log.warn({ pids }, 'stopping the nats-server an earlier start left running');
  if (!(await endProcesses(pids, STOP_STEPS))) {
    throw new EngineError(
      'nats-server',
      'not-ready',
      `processes ${pids.join(', ')} of an earlier start still use ${home} and cannot be ended: end them, then start again`,
    );
  }
}

function spawnServer(binary: NatsBinary, dataDir: DataDir): Promise<Child> {
  return spawnChild({
    command: binary.path,
    args: ['-c', 'server.conf'],
    // The store is "." so that it, and the process found by its working directory, follow a data directory that is moved.
    cwd: dataDir.folders.nats,
    // Quoted: the server parses the value as configuration, where "//" would begin a comment.
    env: { ...natsMemory(), AXIOM47_JETSTREAM_KEY: `"${dataDir.secret('jetstream.key')}"` },
    logFile: join(dataDir.folders.logs, 'nats.log'),
    stopSteps: STOP_STEPS,
  });
}

/** @param maxFileBytes 90 % of the file system: the default is 75 % of what is free now, which shrinks below the store as that grows. */
function renderConfig(config: { port: number; serverName: string; maxFileBytes: number }): string {
  return `# Written by Axiom47 at every start.
server_name: "${config.serverName}"
host: "127.0.0.1"
port: ${config.port}
max_payload: 8MB
jetstream {
  store_dir: "."
  cipher: aes
  key: $AXIOM47_JETSTREAM_KEY
  # An acknowledged message has been fsynced (facts: it survives kill -9 and power loss).
  sync_interval: always
  max_mem: 256MB
  max_file: ${config.maxFileBytes}
}
`;
}

/** Resolves once this very server (its name tells) takes our identity; it listens only after it has recovered its streams. */
async function untilReady(child: Child, options: NatsOptions, serverName: string): Promise<void> {
  let last: unknown;
  for (const end = performance.now() + READY_MS; performance.now() < end; await sleep(10)) {
    if (child.hasExited())
      throw new EngineError('nats-server', 'not-ready', `nats-server did not start: ${lastLine(child.output())}`);
    try {
      const probe = await connectNats(options, { reconnect: false, timeoutMs: 1_000, name: 'axiom47 start-up' });
      const info = probe.info;
      await probe.close();
      if (info?.server_name === serverName && info.jetstream === true) return;
      last = new Error(`another server answers at ${options.servers[0]}`);
    } catch (error) {
      last = error;
    }
  }
  throw new EngineError(
    'nats-server',
    'not-ready',
    `nats-server did not answer within ${READY_MS / 1000} s (${reasonOf(last)}): ${lastLine(child.output())}`,
    { cause: last },
  );
}

const lastLine = (output: string): string => {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => /\[(FTL|ERR)\]|^nats-server:/.test(line)) ?? lines.at(-1) ?? 'it wrote nothing';
};
