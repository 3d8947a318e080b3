// Stands in for a server process that a test kills: opens the data directory, starts both engines, says so on stdout and stays.
import { pino } from 'pino';
import { openDataDir } from '#ops/data-dir.ts';
import { startEngines } from '#ops/engines/supervisor.ts';

const dataDir = await openDataDir(process.argv[2]!, { create: true, name: 'test' });
const engines = await startEngines({ nats: { searchPath: '' }, postgres: {} }, dataDir, pino({ level: 'silent' }));
dataDir.writeRunFile({
  startedAt: new Date().toISOString(),
  url: 'http://127.0.0.1:8047',
  natsUrl: engines.nats.url,
  token: 'x'.repeat(32),
});
process.stdout.write(
  `${JSON.stringify({
    natsPid: engines.nats.pid(),
    postgresPid: engines.postgres.pid(),
    nats: engines.nats.options,
    postgresUrl: engines.postgres.url,
  })}\n`,
);
setInterval(() => undefined, 60_000);
