// `serve` (= `npm start`): everything in one command: engines, log, projections, API, console. Ctrl-C stops all of it.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseCurrency } from '#domain/money.ts';
import { isZone } from '#domain/time.ts';
import { startServer } from '../compose.ts';
import { readConfig } from '../config.ts';
import { defaultDataDir, workspaceNameOf } from '../data-dir.ts';
import { createLog } from '../log.ts';
import { projectRoot } from '../project.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './options.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'start everything: engines, log, API and console (npm start)',
  help: `
axiom47 serve [--data-dir DIR] [--port 8047] [--demo [--still]] [--empty] [--currency EUR] [--zone UTC] [--open] [--json]

Serves data/main when it exists, else the demo workspace in data/demo, which is filled on the first start.
--demo serves the demo, which goes on living at an event a second (--still: it does not); --empty makes a workspace without demo data; --port 0 takes any free port.
--currency and --zone are those of a new workspace. --open opens the console in a browser.
--json prints {"url", "setupUrl"?, "nats", "postgres", "dataDir", "workspace"} once ready.

Example: axiom47 serve --empty --data-dir /var/lib/axiom47 --currency GBP --zone Europe/London
`,
  async run(argv, io) {
    const { values } = parseCommand(argv, {
      port: { type: 'string' },
      demo: { type: 'boolean' },
      empty: { type: 'boolean' },
      still: { type: 'boolean' },
      currency: { type: 'string' },
      zone: { type: 'string' },
      open: { type: 'boolean' },
    });
    const config = readConfig();
    if (values.demo && values.empty) throw new UsageError('--demo and --empty exclude each other');
    const port = values.port === undefined ? config.port : Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new UsageError(`--port ${values.port}: a port number, 0–65535 (0: any free one)`);
    // Both become facts of a new workspace's log: a typing error must be met before there is one.
    const currency = values.currency === undefined ? null : parseCurrency(values.currency);
    if (values.currency !== undefined && currency === null)
      throw new UsageError(`--currency ${values.currency}: an ISO 4217 code like EUR`);
    if (values.zone !== undefined && !isZone(values.zone))
      throw new UsageError(`--zone ${values.zone}: an IANA time zone like Europe/Berlin`);
    const chosen =
      values['data-dir'] ??
      config.dataDir ??
      (values.demo
        ? join(projectRoot, 'data', 'demo')
        : values.empty
          ? join(projectRoot, 'data', 'main')
          : defaultDataDir(projectRoot));
    const dataDir = resolve(chosen);
    // Without a word about it, a directory that is not there yet becomes a demo only where the demo belongs.
    const demo = values.demo === true || (!values.empty && dataDir === join(projectRoot, 'data', 'demo'));
    const fresh = !existsSync(join(dataDir, 'workspace.json'));
    const create =
      fresh && (demo || values.empty)
        ? {
            name: demo ? 'demo' : workspaceNameOf(dataDir),
            ...(currency === null ? {} : { currency }),
            ...(values.zone === undefined ? {} : { zone: values.zone }),
          }
        : null;
    const log = createLog(config);
    const started = performance.now();
    const say = (text: string) => io.stderr(`${text}\n`);
    if (!fresh && (values.currency !== undefined || values.zone !== undefined))
      say(`--currency and --zone are those of a new workspace; ${dataDir} has its own already`);
    const stopping = new AbortController();
    const stopped = new Promise<'stopped'>((done) => {
      stopping.signal.addEventListener('abort', () => done('stopped'), { once: true });
    });
    const onSignal = () => {
      if (stopping.signal.aborted) process.exit(130);
      say('stopping …');
      stopping.abort();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);

    // npm hands on Ctrl-C but not a SIGTERM sent to it alone: without its npm this server has nobody who would stop it.
    const parent = process.ppid;
    const orphaned = setInterval(() => {
      if (config.startedByNpm && process.ppid !== parent && !stopping.signal.aborted) onSignal();
    }, 500);
    orphaned.unref();

    const options = { dataDir, still: values.still ?? false, log, progress: say };
    let server = await startServer({ ...options, config: { ...config, port }, create });
    for (let first = true; ; first = false) {
      try {
        const { url, setupUrl, nats, postgres, workspace } = server;
        if (values.json && first)
          io.stdout(
            `${JSON.stringify({ url, ...(setupUrl ? { setupUrl } : {}), nats, postgres, dataDir: server.dataDir, workspace })}\n`,
          );
        else if (!values.json) {
          io.stdout(`\n  Axiom47 is up after ${((performance.now() - started) / 1000).toFixed(1)} s\n\n`);
          io.stdout(`  console    ${url}\n  API docs   ${url}/docs\n  workspace  ${workspace} (${server.dataDir})\n`);
          if (setupUrl) io.stdout(`\n  first administrator (once, for 30 minutes): ${setupUrl}\n`);
          io.stdout('\n  Ctrl-C stops everything; start again to resume.\n\n');
        }
        if (values.open && first) openBrowser(setupUrl ?? url);
        const end = await Promise.race([server.failed, server.rezoned.then(() => 'rezoned' as const), stopped]);
        if (end instanceof Error) {
          io.stderr(`axiom47: ${end.message}\n`);
          return 1;
        }
        if (end === 'stopped') return 0;
      } finally {
        await server[Symbol.asyncDispose]();
      }
      if (stopping.signal.aborted) return 0;
      say('days are computed anew in another zone: starting again, at the same address …');
      const { url, token } = server;
      server = await startServer({
        ...options,
        config: { ...config, port: Number(new URL(url).port) },
        create: null,
        token,
      });
    }
  },
};

function openBrowser(url: string): void {
  const opener = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open';
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
  // No browser on this machine: the address is printed above.
  child.once('error', () => undefined);
  child.unref();
}
