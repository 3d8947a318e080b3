// What the API is handed: reads and writes of every part, and what an operator asks for by HTTP (checks, rebuilds, another zone).
import { join } from 'node:path';
import type { Logger } from 'pino';
import { DEFAULT_LIMITS, type Deps } from '#api/deps.ts';
import { answeringOf } from '#api/predict/as-of.ts';
import { createTables } from '#api/tables.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import { openIdIndex } from '#streams/id-index.ts';
import { createChecks } from '../checks.ts';
import type { Config } from '../config.ts';
import type { DataDir } from '../data-dir.ts';
import type { Seeding } from '../demo/seed.ts';
import { threadLog } from '../log.ts';
import { modelCard } from '../model-card.ts';
import { packageVersion, projectRoot } from '../project.ts';
import { createRebuild } from '../rebuild.ts';
import { createRefold } from '../refold.ts';
import { startScratchFold } from '../scratch-fold.ts';
import { createTableExports } from '../table-exports.ts';
import { createTraining } from '../training.ts';
import { verifyLog } from '../verify-chain.ts';
import { verifyKeyring } from '../verify-keyring.ts';
import { verifyScores } from '../verify-scores.ts';
import { createZone } from '../zone.ts';
import type { OpenedEngines } from './engines.ts';
import type { StartedJobs } from './jobs.ts';
import type { OpenedModels } from './models.ts';
import type { OpenedProjections } from './projections.ts';
import type { OpenedSources } from './sources.ts';
import type { Threads } from './threads.ts';
import type { StartedWatches } from './watches.ts';

interface ApiDeps
  extends OpenedEngines,
    Omit<OpenedProjections, 'known'>,
    Omit<OpenedModels, 'objects' | 'artefacts' | 'position' | 'late' | 'rezoned'>,
    StartedJobs,
    StartedWatches {
  config: Config;
  dir: DataDir;
  threads: Threads;
  sources: OpenedSources;
  /** What a fold begins with before the log has said whose it is. */
  currency: string;
  seeding: Seeding | null;
  signingKey: Buffer;
  /** The command line's credential. */
  token: string;
  log: Logger;
}

export async function apiDeps(opening: AsyncDisposableStack, deps: ApiDeps): Promise<Deps> {
  const { config, dir, engines, store, keyring, access, log, currency, seeding, signingKey, token, threads } = deps;
  const { letters, fold, projector, gateway, reportingCurrency, sources, quarantine, agreement, metrics } = deps;
  const { pool, registry, tables, serving, deployments, churn, applied, replayParked } = deps;
  const { jobs, jobKinds, keyRevocations, schedules } = deps;
  const { columns } = fold;
  const demo = dir.workspace.name === 'demo';
  // Reads of the past are checked against the hash chain, as the fold's and the tables' are in their threads.
  const refold = createRefold(sealedStore(store, log), reportingCurrency, letters.stuck);
  return {
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
      reportingCurrency,
      get zone() {
        return serving.facts().zone;
      },
      get rates() {
        return serving.facts().rates;
      },
    },
    limits: DEFAULT_LIMITS,
    gateway: gateway.calls,
    columns,
    ids: openIdIndex(await gateway.calls.idIndex()),
    ledgers: serving.ledgers,
    past: threads.past.calls,
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
    replayParked,
    fit: createTraining({
      statistics: serving.statistics,
      pool,
      registry,
      deploy: deployments.deploy,
      inForce: () => answeringOf(serving.models(), Number.POSITIVE_INFINITY)?.active.model ?? null,
      currency: () => reportingCurrency,
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
            log: threadLog(log),
          }),
        exchangeFold: (install) => fold.exchange(() => install(dir.folders.snapshots)),
        log: threadLog(log),
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
}
