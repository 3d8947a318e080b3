// Jobs over a log in memory: the real runner and the real kinds; worker threads are direct calls.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deps } from '#api/deps.ts';
import type { ServingChurnModel, ServingModel } from '#api/model-deps.ts';
import { present, resolveAsOf } from '#api/predict/as-of.ts';
import { UTC } from '#domain/time.ts';
import { createDeployments } from '#ops/deployments.ts';
import { createJobKinds, type JobOfKind } from '#ops/jobs/catalogue.ts';
import { openExports } from '#ops/jobs/score-files.ts';
import type { Retention } from '#ops/jobs/score-retention.ts';
import { openKeyRevocations } from '#ops/key-revocations.ts';
import type { Objects } from '#ops/objects.ts';
import { createRegistry } from '#ops/registry.ts';
import { askFor, lackedRights } from '#ops/schedules.ts';
import { backtest } from '#processors/backtest/backtest.ts';
import { startJobs } from '#processors/jobs/runner.ts';
import { packRows } from '#processors/parquet-rows.ts';
import { startScheduler } from '#processors/schedules/scheduler.ts';
import { scoreBase } from '#processors/scoring/score-base.ts';
import { joinParts, keepParts } from '#processors/scoring/score-parts.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { compareNobody } from '#test/support/compare-nobody.ts';
import { createMemoryArtefacts } from '#test/support/memory-artefacts.ts';
import { trainingOn } from '#test/support/training.ts';
import type { createFakeAccessStore } from './fake-access.ts';
import type { MemoryLog } from './memory-log.ts';
import { sha } from './memory-log.ts';

export interface MemoryJobsOptions {
  kinds?: JobOfKind[];
  /** In the place of an object store. */
  objects?: Objects;
  /** What the jobs take for the number of customers: parts of a file follow it. */
  customers?: number;
  retention?: Retention;
  /** Around the scoring of a base, for jobs that are cut short. */
  scoring?: (score: typeof scoreBase) => typeof scoreBase;
}

export async function createMemoryJobs({
  memory,
  serving,
  churnModels,
  access,
  logged,
  platform,
  ...options
}: MemoryJobsOptions & {
  memory: MemoryLog;
  serving: ServingModel[];
  churnModels: ServingChurnModel[];
  logged: (level: string) => (fields: object, message: string) => void;
  access: ReturnType<typeof createFakeAccessStore>;
  /** What they are part of, once it is made. */
  platform: () => Deps;
}) {
  const { messages, ledger, ids, clock, fact, evt } = memory;
  const clockInfo = { mode: 'log' as const, offsets: UTC, offsetsAt: () => UTC };
  const exportsFolder = mkdtempSync(join(tmpdir(), 'axiom47-exports-'));
  const rowsDir = mkdtempSync(join(tmpdir(), 'axiom47-rows-'));
  const artefacts = createMemoryArtefacts();
  const control = createMemoryStore();
  const jobRegistry = createRegistry({
    store: control,
    artefacts,
    appendFact: async (each) => fact(each),
    applied: async () => undefined,
    deployments: () => [],
    now: () => clock.now,
  });
  const jobKinds = createJobKinds({
    nats: { servers: [] },
    pool: {
      backtest: (_nats, job, judged, report) => backtest(evt, job, report, new Set(judged)),
      ...trainingOn(evt),
    },
    checks: trainingOn(evt),
    registry: jobRegistry,
    deploy: createDeployments({
      registry: jobRegistry,
      artefacts,
      compare: compareNobody,
      evaluated: async () => null,
      position: () => messages.length,
      now: () => clock.now,
      log: { warn: logged('warn') },
    }).deploy,
    present: () => ({ seq: messages.length, day: ledger.clockDay, offsets: UTC }),
    definitions: () => [
      ...new Map(ledger.workspace.facts.churn.map(({ definition }) => [definition.kind, definition])).values(),
    ],
    reportingCurrency: 'EUR',
    stuck: () => new Map(),
    snapshotDir: null,
    rowsDir,
    generated: null,
    codeVersion: 'test',
    now: () => clock.now,
    scoring: {
      nats: { servers: [] },
      packRows: async (text, layout) => packRows(text, layout),
      pool: {
        scoreBase: (_nats, work, folder, say) =>
          (options.scoring?.(scoreBase) ?? scoreBase)(evt, work, keepParts(folder, say)),
      },
      async moment(asOf) {
        const here = present(platform().columns.state(), clockInfo, clock.now);
        const clockAtSeq = (seq: number) => platform().ledgers.clockAt(seq);
        return asOf === undefined
          ? here
          : await resolveAsOf(asOf, here, { clock: clockInfo, wall: clock.now, clockAtSeq });
      },
      models: () => serving,
      churnModels: () => churnModels,
      churnDefinitions: () => ledger.workspace.facts.churn,
      registry: { show: (id) => platform().models.show(id) },
      customers: () => options.customers ?? ids.size,
      signingKey: sha('signing key', 32),
      artefacts,
      retention: options.retention ?? { files: 14, days: 30 },
      now: () => clock.now,
      log: { warn: logged('warn') },
      exports: openExports(exportsFolder, options.objects ?? null, async (parts) => joinParts(parts)),
      jobs: () => jobs,
      ledger: () => ({ reportingCurrency: 'EUR', maxCustomers: 1 << 13 }),
      snapshotDir: null,
    },
  });
  const jobs: Awaited<ReturnType<typeof startJobs>> = await startJobs({
    store: control,
    kinds: [...jobKinds, ...(options.kinds ?? [])],
    artefacts,
    now: () => clock.now,
    log: { info: logged('info'), warn: logged('warn') },
  });

  const keyRevocations = await openKeyRevocations({
    store: control,
    access,
    now: () => clock.now,
    log: { warn: logged('warn') },
  });
  const schedules = await startScheduler({
    store: control,
    ask: askFor(jobKinds, jobs),
    lacks: lackedRights({ kinds: jobKinds, access, revokedKeys: keyRevocations, now: () => clock.now }),
    statusOf: (job) => jobs.show(job)?.status ?? null,
    now: () => clock.now,
    log: { info: logged('info'), warn: logged('warn') },
    everyMs: null,
  });

  return {
    exportsFolder,
    jobKinds,
    jobs,
    keyRevocations,
    schedules,
    results: artefacts.kept,
    trained: { models: jobRegistry, rowsDir },
  };
}
