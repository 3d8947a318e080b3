// Jobs and what asks for them: the kinds of work with what each needs, the runner, the watch over versions in a canary, and plans.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { present, resolveAsOf } from '#api/predict/as-of.ts';
import { createJobProcess } from '#processors/job-process.ts';
import { startJobs as startRunner } from '#processors/jobs/runner.ts';
import { startScheduler } from '#processors/schedules/scheduler.ts';
import type { Config } from '../config.ts';
import type { DataDir } from '../data-dir.ts';
import type { Seeding } from '../demo/seed.ts';
import { watchDeployments } from '../deployment-watch.ts';
import { createJobKinds } from '../jobs/catalogue.ts';
import { openExports } from '../jobs/score-files.ts';
import { openKeyRevocations } from '../key-revocations.ts';
import { packageVersion } from '../project.ts';
import { askFor, lackedRights } from '../schedules.ts';
import type { OpenedEngines } from './engines.ts';
import type { OpenedModels } from './models.ts';
import type { OpenedProjections } from './projections.ts';

type Runner = Awaited<ReturnType<typeof startRunner>>;
/** The runner, for what is made before it and asks for it when a job does. */
export interface RunnerHeld {
  jobs: Runner | null;
}
export type StartedJobs = Awaited<ReturnType<typeof startJobs>>;

interface JobsDeps
  extends Pick<OpenedEngines, 'engines' | 'store' | 'access'>,
    Pick<OpenedProjections, 'letters' | 'fold' | 'reportingCurrency'>,
    Pick<OpenedModels, 'pool' | 'objects' | 'artefacts' | 'registry' | 'serving' | 'deployments' | 'position'> {
  config: Config;
  dir: DataDir;
  /** What a fold begins with before the log has said whose it is. */
  currency: string;
  seeding: Seeding | null;
  /** Told at once: the runner takes up jobs in its next turn. */
  held: RunnerHeld;
  signingKey: Buffer;
  log: Logger;
}

export async function startJobs(opening: AsyncDisposableStack, deps: JobsDeps) {
  const { config, dir, currency, engines, store, access, letters, fold, reportingCurrency, log } = deps;
  const { pool, objects, artefacts, registry, serving, deployments, position, seeding, signingKey } = deps;
  const { columns } = fold;
  // Only while there is work.
  const jobProcess = opening.use(createJobProcess());
  const jobKinds = createJobKinds({
    nats: engines.nats.options,
    pool: jobProcess,
    checks: opening.use(createJobProcess()),
    registry,
    deploy: deployments.deploy,
    present: serving.present,
    definitions: serving.definitions,
    reportingCurrency,
    stuck: letters.stuck,
    snapshotDir: dir.folders.snapshots,
    rowsDir: join(dir.folders.snapshots, 'training'),
    generated: seeding?.generated ?? null,
    codeVersion: packageVersion,
    now: Date.now,
    scoring: {
      nats: engines.nats.options,
      pool: jobProcess,
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
      exports: openExports(dir.folders.exports, objects, jobProcess.joinParts),
      artefacts,
      retention: config.scoreFiles,
      now: Date.now,
      log,
      jobs: () => jobs,
      ledger: () => ({ reportingCurrency: currency, stuck: letters.stuck() }),
      snapshotDir: dir.folders.snapshots,
    },
  });
  const jobs: Runner = opening.use(await startRunner({ store, kinds: jobKinds, artefacts, now: Date.now, log }));
  deps.held.jobs = jobs;
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
  return { jobs, jobKinds, keyRevocations, schedules };
}
