// The composition root: opens the data directory, starts engines and threads, and hands every part what it needs. What was opened last closes
// first when the server is disposed.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createApp } from '#api/app.ts';
import { DEFAULT_LIMITS, type Deps } from '#api/deps.ts';
import { createHttpServer } from '#api/hot.ts';
import { createMetrics } from '#api/metrics.ts';
import { answeringOf, present, resolveAsOf } from '#api/predict/as-of.ts';
import { createTables } from '#api/tables.ts';
import { DEFAULT_BURN_IN_DAYS } from '#domain/coverage.ts';
import { startJobs } from '#processors/jobs/runner.ts';
import { createPool } from '#processors/pool.ts';
import { startScheduler } from '#processors/schedules/scheduler.ts';
import { openTables } from '#projections/catalogue.ts';
import { startGuardedFold } from '#projections/memory/guarded-thread.ts';
import { startPastThread } from '#projections/memory/past/thread.ts';
import type { FoldMessage } from '#projections/memory/protocol.ts';
import { scoresLeft } from '#projections/scores.ts';
import { startProjectorThread } from '#projections/thread.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import type { GatewayDoors, SourceConfig } from '#streams/gateway/protocol.ts';
import { startGatewayThread } from '#streams/gateway/thread.ts';
import { openIdIndex } from '#streams/id-index.ts';
import { createJetStreamStore, eraseMessage } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createAccessStore } from '#streams/keyring/access-store.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import { createQuarantine } from '#streams/quarantine.ts';
import { openArtefacts } from './artefacts.ts';
import { createChecks } from './checks.ts';
import { createChurn } from './churn.ts';
import type { Config } from './config.ts';
import { startConflictWriter } from './conflicts.ts';
import { openDataDir } from './data-dir.ts';
import { type DeadLetters, openDeadLetters } from './dead-letters.ts';
import { playDemo } from './demo/play.ts';
import { DEMO_SOURCE, seedDemo } from './demo/seed.ts';
import { createComparisons } from './deployment-comparisons.ts';
import { createEvaluatedTogether } from './deployment-evidence.ts';
import { watchDeployments } from './deployment-watch.ts';
import { createDeployments } from './deployments.ts';
import { type Engines, startEngines } from './engines/supervisor.ts';
import { createJobKinds } from './jobs/catalogue.ts';
import { openExports } from './jobs/score-files.ts';
import { openKeyRevocations } from './key-revocations.ts';
import { startLedgers } from './ledgers.ts';
import { checkListen, closeable, listen, listenMetrics } from './listen.ts';
import { modelCard } from './model-card.ts';
import { openS3 } from './objects.ts';
import { ownWorkspace } from './own-workspace.ts';
import { packageVersion, projectRoot } from './project.ts';
import { createRebuild } from './rebuild.ts';
import { createRefold } from './refold.ts';
import { createRegistry } from './registry.ts';
import { askFor, lackedRights } from './schedules.ts';
import { startScratchFold } from './scratch-fold.ts';
import { createServing } from './serving.ts';
import {
  BUILT_IN_SOURCES,
  createSources,
  knownSources,
  repairRevocations,
  sourceConfig,
  zoneTable,
} from './sources.ts';
import { watchStore } from './store-watch.ts';
import { createTableExports } from './table-exports.ts';
import { createTraining } from './training.ts';
import { verifyLog } from './verify-chain.ts';
import { verifyKeyring } from './verify-keyring.ts';
import { verifyScores } from './verify-scores.ts';
import { createZone } from './zone.ts';

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

const TENANT = 'main';
const GATEWAY = 'g1';
const LANES = 4;

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, log, progress = () => undefined } = options;
  checkListen(config);
  await using opening = new AsyncDisposableStack();
  const dir = opening.use(
    await openDataDir(options.dataDir, options.create ? { create: true, name: options.create.name } : {}),
  );
  const currency = (options.create?.currency ?? 'EUR').toUpperCase();
  let hear: (message: FoldMessage) => void = () => undefined;
  const foldFailed = new Promise<Error>((resolve) => {
    hear = (message) =>
      message.event === 'failed' && message.code !== 'zone-changed' && resolve(new Error(message.message));
  });
  // Side by side with the engines: threads load their code and the fold reads its snapshot, which is used when the log has been asked about it; the
  // gateway loads the customers' ids, and its doors open when the log has told what they need.
  const engined = Promise.withResolvers<Engines>();
  const lettersOpened = Promise.withResolvers<DeadLetters>();
  const doors = Promise.withResolvers<GatewayDoors>();
  for (const { promise } of [engined, lettersOpened, doors]) Promise.resolve<unknown>(promise).catch(() => undefined);
  const giveUp = async () => {
    const error = new Error('the start was given up');
    for (const { reject } of [engined, lettersOpened, doors, listening]) reject(error);
    await Promise.allSettled([foldStarting, gatewayStarting]);
  };
  const natsOptions = engined.promise.then(({ nats }) => nats.options);
  const folding = { snapshotDir: dir.folders.snapshots, ledger: { reportingCurrency: currency } };
  // Before the fold, which tells it what it has applied to its very end.
  // Not before the present can be asked about: what it is told meanwhile waits.
  const listening = Promise.withResolvers<void>();
  const past = startPastThread(
    listening.promise
      .then(() => natsOptions)
      .then((nats) => ({ nats, ...folding, indexDir: join(dir.folders.snapshots, 'events') })),
    logOf(log),
  );
  const foldStarting = startGuardedFold(
    { nats: natsOptions, ...folding },
    { log: logOf(log), hear: (message) => hear(message), guard: lettersOpened.promise, past },
  );
  const gatewayStarting = startGatewayThread(
    engined.promise.then(({ nats, postgres }) => ({
      nats: nats.options,
      keyringUrl: postgres.keyringUrl,
      kek: Buffer.from(dir.secret('kek.key'), 'base64'),
      gateway: GATEWAY,
      tenant: TENANT,
      lanes: LANES,
      idIndexPath: join(dir.folders.snapshots, 'customer-ids.sealed'),
      inDoor: true,
    })),
    doors.promise,
    log,
  );
  // Whoever awaits them below has the reason.
  for (const starting of [foldStarting, gatewayStarting, natsOptions])
    Promise.resolve<unknown>(starting).catch(() => undefined);
  opening.defer(giveUp); // for engines that do not start

  progress('starting nats-server and PostgreSQL …');
  const engines = opening.use(await startEngines(config, dir, log));
  const nc = await engines.nats.connect('axiom47 main');
  opening.defer(() => nc.close());
  opening.use(past);
  opening.defer(giveUp);
  const store = createJetStreamStore(nc, { log });
  const kek = Buffer.from(dir.secret('kek.key'), 'base64');
  await ensureTopology(nc, { log });
  // Now there is a log that threads can ask about.
  engined.resolve(engines);
  const mayCreate = (await store.lastSequence('EVT')) === 0;
  const keyring = opening.use(
    await openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate, name: 'axiom47 main' }),
  );
  const access = await createAccessStore(keyring.database);

  progress('reading the log …');
  const letters = await openDeadLetters({ store, version: packageVersion, now: Date.now, log });
  lettersOpened.resolve(letters);
  const fold = opening.use(await foldStarting);
  const projectorStarting = startProjectorThread(
    {
      nats: engines.nats.options,
      databaseUrl: engines.postgres.url,
      keyringUrl: engines.postgres.keyringUrl,
      fold: fold.connect(),
    },
    logOf(log),
    {
      onFailure({ code, message }) {
        if (code !== 'zone-changed') log.error({ code, reason: message }, 'read models stand still');
      },
    },
  );
  projectorStarting.catch(() => undefined); // Whoever awaits it below has the reason.
  opening.defer(async () => {
    const [started] = await Promise.allSettled([projectorStarting]);
    if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]();
  });
  await fold.calls.waitFor(await store.lastSequence('EVT'));
  const facts = await fold.calls.facts();
  const fresh = facts.workspaceId === null;
  const workspace = {
    reportingCurrency: fresh ? currency : facts.reportingCurrency,
    zone: fresh ? (options.create?.zone ?? 'UTC') : facts.zone,
  };
  const now = Date.now();
  const known = await knownSources(store);
  const sourceConfigs: SourceConfig[] = known.map((each) => sourceConfig(each, workspace.reportingCurrency, now));
  doors.resolve({ sources: sourceConfigs, zone: { version: facts.zoneVersion, offsets: facts.offsets } });
  const gateway = opening.use(await gatewayStarting);
  if (engines.nats.managed)
    opening.use(
      watchStore({
        status: () => gateway.calls.status(),
        engineRuns: () => engines.state('nats') === 'ready',
        restart: () => engines.nats.restart(),
        folder: dir.folders.nats,
        log,
      }),
    );

  const projector = await projectorStarting;

  const { workspaceId, name } = dir.workspace;
  await ownWorkspace({
    store,
    fold: fold.calls,
    fact: { type: 'workspace.created', workspaceId, name, ...workspace },
    header: { tenant: TENANT, gateway: GATEWAY, epoch: (await gateway.calls.status()).epoch, ingestedAt: now },
  });
  if (facts.zoneVersion === 0)
    await fold.calls.waitFor(
      await gateway.calls.appendFact({
        type: 'zone.set',
        version: 1,
        zone: workspace.zone,
        offsets: zoneTable(workspace.zone, now),
      }),
    );

  const pool = opening.use(createPool());
  const { columns } = fold;
  const applied = async (seq: number): Promise<void> => {
    await fold.calls.waitFor(seq);
    await serving.refresh();
  };
  const objects = config.s3 ? openS3(config.s3) : null;
  const artefacts = openArtefacts(dir.folders.artefacts, objects);
  const brought = await artefacts.bring((await fold.calls.deployments()).map(({ digest }) => digest));
  if (brought > 0) log.warn({ artefacts: brought }, 'artefacts were missing here and came from the object store');
  const registry = createRegistry({
    store,
    artefacts,
    appendFact: (fact) => gateway.calls.appendFact(fact),
    applied,
    deployments: () => serving.deployments(),
    now: Date.now,
  });
  /** At this place of the log whatever is parked is tried again. */
  const replayParked = async (by: 'start' | 'request'): Promise<{ seq: number }> => {
    const seq = await gateway.calls.appendFact({ type: 'dead-letters.replayed', by });
    await applied(seq);
    return { seq };
  };
  const tables = opening.use(openTables(engines.postgres.url));
  const serving = await createServing({
    calls: fold.calls,
    past: past.calls,
    columns,
    modelOf: (deployment) => registry.serving(deployment),
    pool,
    projector: projector.calls,
    scoresLeft: (modelId) => scoresLeft(tables.db, modelId),
    log,
  });
  opening.use(serving);
  const failing = hear;
  const rezoned = Promise.withResolvers<void>();
  let late = 0;
  hear = (message) => {
    if (message.event === 'progress') late = message.position.late;
    failing(message);
    if (message.event === 'failed' && message.code === 'zone-changed') rezoned.resolve();
    serving.hear(message);
  };
  await serving.refresh();
  const position = () => {
    columns.refresh();
    return columns.state().seq;
  };
  const deployments = createDeployments({
    registry,
    artefacts,
    compare: createComparisons({
      columns,
      entriesOf: (sids) => fold.calls.entriesOf(sids),
      pool,
      facts: serving.facts,
      definitions: serving.definitions,
      day: () => serving.present().day,
      now: Date.now,
    }),
    evaluated: createEvaluatedTogether({ list: () => jobs.list(), result: (id) => jobs.result(id) }, log),
    position,
    now: Date.now,
    log,
  });
  // This program may know what an older one did not.
  if ((await fold.calls.position()).parked > 0) await replayParked('start');
  await registry.repair();
  const churn = createChurn({
    store,
    appendFact: (fact) => gateway.calls.appendFact(fact),
    applied,
    definitions: serving.churnDefinitions,
    now: Date.now,
  });
  await churn.repair();

  const revocation = {
    revokeWriteKeys: (name: string) => access.revokeWriteKeys(name, Date.now()),
    async removeNatsUser(name: string) {
      if (config.nats.url !== undefined) return false;
      await engines.nats.removeSourceUser(name);
      return true;
    },
  };
  const sources = createSources({
    store,
    workspace: {
      reportingCurrency: workspace.reportingCurrency,
      get zone() {
        return serving.facts().zone;
      },
    },
    now: Date.now,
    setSources: (next) => gateway.calls.setSources(next),
    appendFact: (fact) => gateway.calls.appendFact(fact),
    applied: (seq) => fold.calls.waitFor(seq),
    covered: () => fold.calls.coverage(),
    natsUser: async (name) => {
      if (config.nats.url !== undefined) return null;
      const { seed, url } = await engines.nats.addSourceUser(name);
      return { url, creds: seed };
    },
    ...revocation,
  });
  await sources.repair();
  await repairRevocations(known, revocation);
  for (const name of BUILT_IN_SOURCES)
    if (!sourceConfigs.some((each) => each.name === name)) {
      const added = await sources.add({
        name,
        ordersAs: null,
        coverage: 'complete',
        burnInDays: DEFAULT_BURN_IN_DAYS,
        by: 'system',
      });
      if (!added.ok) throw new Error(`source ${name}: ${added.reason}`);
    }

  // Reads of the past are checked against the hash chain, as the fold's and the tables' are in their threads.
  const refold = createRefold(sealedStore(store, log), workspace.reportingCurrency, letters.stuck);
  const metrics = createMetrics({ version: packageVersion, runtime: true });
  metrics.gauge('axiom47_late_events', 'Live events that changed a past day (axiom47 late).', () => late);
  const token = options.token ?? randomBytes(32).toString('base64url');
  const demo = dir.workspace.name === 'demo';
  const seeding = demo ? seedDemo({ dir, gateway: gateway.calls, log }) : null;
  const quarantine = createQuarantine({ store, remove: (seq) => eraseMessage(nc, 'QUA', seq), tenant: TENANT });

  opening.use(
    await startConflictWriter({
      conflicts: (after, limit) => fold.calls.conflicts(after, limit),
      quarantine,
      now: Date.now,
      log,
    }),
  );

  opening.use(letters.follow(fold.calls));

  metrics.gauge(
    'axiom47_parked_customers',
    'Customers with an event that could not be applied: later ones of theirs wait (axiom47 dead-letters list).',
    () => letters.parked(),
  );

  const agreement = opening.use(
    startLedgers({
      store,
      gateway: gateway.calls,
      fold: fold.calls,
      tables: { pool: tables.pool, position: () => projector.calls.position() },
      log,
      now: Date.now,
    }),
  );
  metrics.gauge(
    'axiom47_ledger_mismatches',
    'Places where gateway, log, fold and tables were found to disagree since the start; 0 is as promised.',
    () => agreement.report().mismatches_found,
  );

  const signingKey = Buffer.from(dir.secret('instance.key'), 'base64');
  // A thread of its own, and only while there is work: those that serve are not waited for, and cancelling may end it at once.
  const jobPool = opening.use(createPool(1, 0));
  const jobKinds = createJobKinds({
    nats: engines.nats.options,
    pool: jobPool,
    checks: opening.use(createPool(1, 0)),
    registry,
    deploy: deployments.deploy,
    present: serving.present,
    definitions: serving.definitions,
    reportingCurrency: workspace.reportingCurrency,
    stuck: letters.stuck,
    snapshotDir: dir.folders.snapshots,
    rowsDir: join(dir.folders.snapshots, 'training'),
    generated: seeding?.generated ?? null,
    codeVersion: packageVersion,
    now: Date.now,
    scoring: {
      nats: engines.nats.options,
      pool: jobPool,
      packRows: pool.packRows,
      async moment(asOf) {
        columns.refresh();
        const [clock, wall] = [serving.clock(), Date.now()];
        const here = present(columns.state(), clock, wall);
        const clockAtSeq = (seq: number) => serving.ledgers.clockAt(seq);
        return asOf === undefined ? here : await resolveAsOf(asOf, here, { clock, wall, clockAtSeq });
      },
      models: serving.models,
      churnModels: serving.churnModels,
      churnDefinitions: serving.churnDefinitions,
      registry,
      customers: () => columns.rows(),
      signingKey,
      exports: openExports(dir.folders.exports, objects),
      artefacts,
      retention: config.scoreFiles,
      now: Date.now,
      log,
      jobs: () => jobs,
      ledger: () => ({ reportingCurrency: currency, stuck: letters.stuck() }),
      snapshotDir: dir.folders.snapshots,
    },
  });
  const jobs: Awaited<ReturnType<typeof startJobs>> = opening.use(
    await startJobs({ store, kinds: jobKinds, artefacts, now: Date.now, log }),
  );
  opening.use(watchDeployments({ registry, deployments, position, now: Date.now, log }));
  const keyRevocations = await openKeyRevocations({ store, access, now: Date.now, log });
  const schedules = opening.use(
    await startScheduler({
      store,
      ask: askFor(jobKinds, jobs),
      lacks: lackedRights({ kinds: jobKinds, access, revokedKeys: keyRevocations, now: Date.now }),
      statusOf: (job) => jobs.show(job)?.status ?? null,
      now: Date.now,
      log,
    }),
  );

  const deps: Deps = {
    access,
    signingKey,
    localToken: token,
    publicUrl: config.publicUrl ?? null,
    log,
    metrics,
    now: Date.now,
    version: packageVersion,
    servedBy: 'main',
    workspace: {
      id: dir.workspace.workspaceId,
      name: dir.workspace.name,
      demo,
      reportingCurrency: workspace.reportingCurrency,
      get zone() {
        return serving.facts().zone;
      },
    },
    limits: DEFAULT_LIMITS,
    gateway: gateway.calls,
    columns,
    ids: openIdIndex(await gateway.calls.idIndex()),
    ledgers: serving.ledgers,
    past: past.calls,
    pool: { clv: (request) => pool.clvColumns(request) },
    fold: fold.calls,
    tables: createTables(tables.db, columns, (seq) => projector.calls.waitFor(seq)),
    exports: opening.use(createTableExports(engines.postgres.url, pool.packRows)),
    keyring,
    models: registry,
    deployments,
    modelCard,
    sources,
    quarantine,
    replayParked: () => replayParked('request'),
    fit: createTraining({
      statistics: serving.statistics,
      pool,
      registry,
      deploy: deployments.deploy,
      inForce: () => answeringOf(serving.models(), Number.POSITIVE_INFINITY)?.active.model ?? null,
      currency: () => workspace.reportingCurrency,
      codeVersion: packageVersion,
    }),
    portableDigest: () => serving.portableDigest(keyring),
    zone: createZone({
      facts: serving.facts,
      appendFact: (fact) => gateway.calls.appendFact(fact),
      applied,
      columns,
      refold,
      tablesAt: async () => (await projector.calls.position()).events,
      now: Date.now,
    }),
    verifyKeyring: () =>
      verifyKeyring({
        columns,
        keyring,
        caughtUp: async () => fold.calls.waitFor(await store.lastSequence('EVT')),
      }),
    agreement,
    rebuild: opening.use(
      createRebuild({
        nats: engines.nats.options,
        databaseUrl: engines.postgres.url,
        connectFold: () => fold.connect(),
        fold: fold.calls,
        lastSequence: () => store.lastSequence('EVT'),
        live: () => projector.calls.position(),
        scoreAll: (write) => serving.scoreAll(write),
        startFold: () =>
          startScratchFold({
            nats: engines.nats.options,
            snapshotDir: join(dir.folders.snapshots, 'refold'),
            ledger: { reportingCurrency: currency, stuck: letters.stuck() },
            log: logOf(log),
          }),
        exchangeFold: (install) => fold.exchange(() => install(dir.folders.snapshots)),
        log: logOf(log),
        now: Date.now,
      }),
    ),
    verifyChain: () =>
      verifyLog(store, async () => {
        const [ledger, tables] = await Promise.all([fold.calls.position(), projector.calls.position()]);
        return { ledger: ledger.seq, ...tables };
      }),
    verifyScores: (sample) => verifyScores({ db: tables.db, refold, ...serving }, sample),
    truth: seeding?.truth ?? null,
    uiDir: join(projectRoot, 'ui', 'dist'),
    clock: serving.clock,
    deployedModels: serving.models,
    deployedChurnModels: serving.churnModels,
    churnDefinitions: serving.churnDefinitions,
    churn,
    jobs,
    jobKinds,
    schedules,
    keyRevocations,
    checks: createChecks(gateway.calls, columns, projector.calls),
  };
  const http = createHttpServer(createApp(deps), deps);
  const close = closeable(http);
  const url = await listen(http, config);
  opening.defer(close);
  listening.resolve();
  const metricsServer = await listenMetrics(metrics, config.metricsPort);
  opening.defer(() => metricsServer.close());
  const metricsUrl = metricsServer.url;

  const setupUrl = (await access.hasAdmin())
    ? null
    : `${config.publicUrl ?? url}/setup?token=${await access.createSetupToken(Date.now())}`;
  dir.writeRunFile({
    startedAt: new Date().toISOString(),
    url,
    metricsUrl,
    natsUrl: engines.nats.url,
    ...(engines.postgres.managed ? { postgresPort: engines.postgres.port } : {}),
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
      settle: serving.settle,
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
    nats: engines.nats.url,
    postgres: `postgres://127.0.0.1:${engines.postgres.port}`,
    dataDir: dir.path,
    workspace: dir.workspace.name,
    rezoned: rezoned.promise,
    failed: firstFailure([gateway.ended, fold.ended, projector.ended, foldFailed]),
    settled: serving.settle,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** The first thread that ends with an error; one that was stopped says nothing. */
const firstFailure = (threads: Promise<Error | null>[]): Promise<Error> =>
  new Promise((resolve) => {
    for (const ended of threads) void ended.then((error) => error && resolve(error));
  });

/** pino's methods want their receiver; threads are handed bare functions. */
const logOf = (log: Logger) => ({
  info: (fields: object, message: string) => log.info(fields, message),
  warn: (fields: object, message: string) => log.warn(fields, message),
  error: (fields: object, message: string) => log.error(fields, message),
});
