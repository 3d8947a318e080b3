// Models: artefacts, the registry, what serves and scores them, and how they come into force. What was parked is tried again here, before anybody asks.
import type { Logger } from 'pino';
import type { Jobs } from '#api/job-deps.ts';
import { createPool } from '#processors/pool.ts';
import { openTables } from '#projections/catalogue.ts';
import { scoresLeft } from '#projections/scores.ts';
import { openArtefacts } from '../artefacts.ts';
import { createChurn } from '../churn.ts';
import type { Config } from '../config.ts';
import type { DataDir } from '../data-dir.ts';
import { createComparisons } from '../deployment-comparisons.ts';
import { createEvaluatedTogether } from '../deployment-evidence.ts';
import { createDeployments } from '../deployments.ts';
import { openS3 } from '../objects.ts';
import { createRegistry } from '../registry.ts';
import { createServing } from '../serving.ts';
import type { OpenedEngines } from './engines.ts';
import type { OpenedProjections } from './projections.ts';
import type { Threads } from './threads.ts';

export type OpenedModels = Awaited<ReturnType<typeof openModels>>;

interface ModelsDeps
  extends Pick<OpenedEngines, 'engines' | 'store'>,
    Pick<OpenedProjections, 'fold' | 'gateway' | 'projector'> {
  config: Config;
  dir: DataDir;
  threads: Threads;
  /** Started later; asked only then. */
  jobs: Pick<Jobs, 'list' | 'result'>;
  log: Logger;
}

export async function openModels(opening: AsyncDisposableStack, deps: ModelsDeps) {
  const { config, dir, engines, store, fold, gateway, projector, threads, jobs, log } = deps;
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
    past: threads.past.calls,
    columns,
    modelOf: (deployment) => registry.serving(deployment),
    pool,
    projector: projector.calls,
    scoresLeft: (modelId) => scoresLeft(tables.db, modelId),
    log,
  });
  opening.use(serving);
  const rezoned = Promise.withResolvers<void>();
  let late = 0;
  threads.tell((message) => {
    if (message.event === 'progress') late = message.position.late;
    if (message.event === 'failed' && message.code === 'zone-changed') rezoned.resolve();
    serving.hear(message);
  });
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
    evaluated: createEvaluatedTogether(jobs, log),
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
  return {
    pool,
    objects,
    artefacts,
    registry,
    tables,
    serving,
    deployments,
    churn,
    applied,
    position,
    replayParked: () => replayParked('request'),
    /** Live events that changed a past day, since the start. */
    late: () => late,
    /** Settles when the log asks for days of another zone. */
    rezoned: rezoned.promise,
  };
}
