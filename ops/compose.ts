// The composition root: opens the data directory and then, one part after the other, what stands in compose/: each is handed what it needs of those before
// it. What was opened last closes first when the server is disposed.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { createApp } from '#api/app.ts';
import { createHttpServer } from '#api/hot.ts';
import { apiDeps } from './compose/api.ts';
import { openEngines } from './compose/engines.ts';
import { type RunnerHeld, startJobs } from './compose/jobs.ts';
import { openModels } from './compose/models.ts';
import { openProjections } from './compose/projections.ts';
import { openSources } from './compose/sources.ts';
import { startThreads } from './compose/threads.ts';
import { startWatches } from './compose/watches.ts';
import type { Config } from './config.ts';
import { openDataDir } from './data-dir.ts';
import { playDemo } from './demo/play.ts';
import { DEMO_SOURCE, seedDemo } from './demo/seed.ts';
import { checkListen, closeable, listen, listenMetrics } from './listen.ts';

export interface ServerOptions {
  config: Config;
  dataDir: string;
  /** Makes the workspace when there is none; null: it must be there. */
  create: { name: string; currency?: string; zone?: string } | null;
  /** The command line's credential; one is made without it. A server that starts again keeps it. */
  token?: string;
  /** The demo does not go on by itself after its seeding. */
  still?: boolean;
  log: Logger;
  /** One line for people, as the start goes on. */
  progress?: (text: string) => void;
}

export interface Server extends AsyncDisposable {
  url: string;
  /** The command line's credential of this start. */
  token: string;
  /** While there is no administrator. */
  setupUrl: string | null;
  metricsUrl: string;
  nats: string;
  postgres: string;
  dataDir: string;
  workspace: string;
  /** Settles with what ended a part that cannot be restarted; never while all is well. */
  failed: Promise<Error>;
  /** Settles when the log asks for days of another zone: start again, and everything is folded anew. */
  rezoned: Promise<void>;
  /** Resolves when every customer has a score by the model in force. */
  settled(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, log, progress = () => undefined } = options;
  checkListen(config);
  await using opening = new AsyncDisposableStack();
  const dir = opening.use(
    await openDataDir(options.dataDir, options.create ? { create: true, name: options.create.name } : {}),
  );
  const currency = (options.create?.currency ?? 'EUR').toUpperCase();
  const zone = options.create?.zone ?? 'UTC';
  const threads = startThreads({ dir, currency, log });
  const common = { config, dir, currency, threads, log };

  progress('starting nats-server and PostgreSQL …');
  const engines = await openEngines(opening, common);
  progress('reading the log …');
  const projections = await openProjections(opening, { ...common, ...engines, zone });
  // Started after the models, whose gates ask for what evaluations found.
  const held: RunnerHeld = { jobs: null };
  const evaluations = {
    list: () => held.jobs!.list(),
    result: (id: string) => held.jobs!.result(id),
  };
  const models = await openModels(opening, { ...common, ...engines, ...projections, jobs: evaluations });
  const sources = await openSources({ ...common, ...engines, ...projections, ...models });
  const { gateway, fold, projector } = projections;
  const token = options.token ?? randomBytes(32).toString('base64url');
  const demo = dir.workspace.name === 'demo';
  const seeding = demo ? seedDemo({ dir, gateway: gateway.calls, log }) : null;
  const watches = await startWatches(opening, { ...engines, ...projections, ...models, log });
  const signingKey = Buffer.from(dir.secret('instance.key'), 'base64');
  const work = await startJobs(opening, {
    ...common,
    ...engines,
    ...projections,
    ...models,
    seeding,
    held,
    signingKey,
  });

  const deps = await apiDeps(opening, {
    ...common,
    ...engines,
    ...projections,
    ...models,
    ...watches,
    ...work,
    sources,
    seeding,
    signingKey,
    token,
  });
  const http = createHttpServer(createApp(deps), deps);
  const close = closeable(http);
  const url = await listen(http, config);
  opening.defer(close);
  threads.listening.resolve();
  const metricsServer = await listenMetrics(watches.metrics, config.metricsPort);
  opening.defer(() => metricsServer.close());
  const metricsUrl = metricsServer.url;

  const { access } = engines;
  const setupUrl = (await access.hasAdmin())
    ? null
    : `${config.publicUrl ?? url}/setup?token=${await access.createSetupToken(Date.now())}`;
  const { nats, postgres } = engines.engines;
  dir.writeRunFile({
    startedAt: new Date().toISOString(),
    url,
    metricsUrl,
    natsUrl: nats.url,
    ...(postgres.managed ? { postgresPort: postgres.port } : {}),
    token,
  });
  if (seeding) {
    progress(`console  ${url} (the demo fills while you look)`);
    await seeding.run({
      fit: deps.fit,
      held: async (seq) => {
        await fold.calls.waitFor(seq);
        await projector.calls.waitFor(seq);
      },
      settle: models.serving.settle,
      progress,
    });
    if (!options.still) opening.use(playDemo({ dir, gateway: gateway.calls, source: DEMO_SOURCE, log }));
  }

  const closing = opening.move();
  return {
    url,
    token,
    setupUrl,
    metricsUrl,
    nats: nats.url,
    postgres: `postgres://127.0.0.1:${postgres.port}`,
    dataDir: dir.path,
    workspace: dir.workspace.name,
    rezoned: models.rezoned,
    failed: firstFailure([gateway.ended, fold.ended, projector.ended, threads.foldFailed]),
    settled: models.serving.settle,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** The first thread that ends with an error; one that was stopped says nothing. */
const firstFailure = (threads: Promise<Error | null>[]): Promise<Error> =>
  new Promise((resolve) => {
    for (const ended of threads) void ended.then((error) => error && resolve(error));
  });
