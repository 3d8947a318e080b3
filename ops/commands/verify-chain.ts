// `verify --chain`: asked of the running server, else read here from the log alone, which is also the way when a server refuses to start.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainAnswer } from '#api/integrity-deps.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createClient } from '../client.ts';
import { readConfig } from '../config.ts';
import { findRunning, openDataDir } from '../data-dir.ts';
import { startNats } from '../engines/nats.ts';
import { createLog } from '../log.ts';
import { verifyLog } from '../verify-chain.ts';
import { type Io, UsageError } from './command.ts';
import { print } from './options.ts';

const SHOWN = 20;
const WORDS: Record<ChainAnswer['faults'][number]['kind'], string> = {
  changed: 'is not what was stored',
  swapped: 'stands at the place of another one',
  inserted: 'was put in; what follows stands one place too far',
  removed: 'was taken out; what follows moved up',
  missing: 'is missing',
  truncated: 'was sealed and is behind the end of the log',
  unreadable: 'is no message of ours',
  link: 'has lost its link of the chain: damage there would not be seen',
};

export async function verifyChainCommand(dataDir: string, json: boolean | undefined, io: Io): Promise<number> {
  const running = findRunning(dataDir);
  const report = running
    ? await createClient(running.url, running.token).call<ChainAnswer>('POST', '/api/verify/chain')
    : await verifyStopped(dataDir, io);
  const { ok, messages, sealed_to, links, head, faults } = report;
  print(io, json, report, () =>
    [
      `${messages} messages read, sealed up to ${sealed_to} by ${links} links; head of the chain ${head.slice(0, 16)}…`,
      ...(ok ? ['The log is what was stored.'] : []),
    ].join('\n'),
  );
  for (const { kind, from, to, at, read_before, stopped_by } of faults.slice(0, SHOWN)) {
    const place = from === to ? `EVT ${from}` : `EVT ${from} to ${to}`;
    const touched = [
      ...(read_before.length > 0 ? [`${read_before.join(', ')} had read it before the damage`] : []),
      ...(stopped_by.length > 0 ? [`${stopped_by.join(', ')} cannot get past it`] : []),
    ];
    io.stderr(`axiom47: ${[`${place} (${at ?? 'time unknown'}) ${WORDS[kind]}`, ...touched].join('; ')}\n`);
  }
  if (faults.length > SHOWN) io.stderr(`axiom47: … and ${faults.length - SHOWN} more (--json lists them)\n`);
  if (!ok) io.stderr('axiom47: restore the log from a backup; until then rebuild nothing from it\n');
  return ok ? 0 : 1;
}

async function verifyStopped(dataDir: string, io: Io): Promise<ChainAnswer> {
  if (!existsSync(join(dataDir, 'workspace.json'))) throw new UsageError(`there is no workspace at ${dataDir}`);
  const config = readConfig();
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await openDataDir(dataDir));
  const log = createLog({ ...config, logLevel: process.env.AXIOM47_LOG_LEVEL ? config.logLevel : 'warn' });
  const nats = await startNats(config.nats, dir, log, () => undefined);
  stack.defer(() => nats.stop());
  const nc = await nats.connect('axiom47 verify');
  stack.defer(() => nc.close());
  await ensureTopology(nc, { log });
  const store = stack.use(createJetStreamStore(nc, { log }));
  let saidAt = performance.now();
  // Awaited here: the server lives as long as this function.
  return await verifyLog(
    store,
    () => ({}),
    (done, of) => {
      if (performance.now() - saidAt < 2_000) return;
      saidAt = performance.now();
      io.stderr(`reading the log … ${done} of ${of}\n`);
    },
  );
}
