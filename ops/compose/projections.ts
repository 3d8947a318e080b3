// The log is read: ledgers in memory, tables, and then the doors by which it grows, which need to know whose log it is, its sources and its days.
import type { Logger } from 'pino';
import { startProjectorThread } from '#projections/thread.ts';
import type { DataDir } from '../data-dir.ts';
import { openDeadLetters } from '../dead-letters.ts';
import { threadLog } from '../log.ts';
import { ownWorkspace } from '../own-workspace.ts';
import { packageVersion } from '../project.ts';
import { knownSources, sourceConfig, zoneTable } from '../sources.ts';
import { watchStore } from '../store-watch.ts';
import type { OpenedEngines } from './engines.ts';
import { GATEWAY, TENANT, type Threads } from './threads.ts';

export type OpenedProjections = Awaited<ReturnType<typeof openProjections>>;

interface ProjectionsDeps extends Pick<OpenedEngines, 'engines' | 'store'> {
  dir: DataDir;
  threads: Threads;
  /** Of a workspace that is made now. */
  currency: string;
  zone: string;
  log: Logger;
}

export async function openProjections(
  opening: AsyncDisposableStack,
  { engines, store, dir, threads, currency, zone, log }: ProjectionsDeps,
) {
  const letters = await openDeadLetters({ store, version: packageVersion, now: Date.now, log });
  threads.lettersOpened.resolve(letters);
  const fold = opening.use(await threads.fold);
  const projectorStarting = startProjectorThread(
    {
      nats: engines.nats.options,
      databaseUrl: engines.postgres.url,
      keyringUrl: engines.postgres.keyringUrl,
      fold: fold.connect(),
    },
    threadLog(log),
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
    zone: fresh ? zone : facts.zone,
  };
  const now = Date.now();
  const known = await knownSources(store);
  const sources = known.map((each) => sourceConfig(each, workspace.reportingCurrency, now));
  threads.doors.resolve({ sources, zone: { version: facts.zoneVersion, offsets: facts.offsets } });
  const gateway = opening.use(await threads.gateway);
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
  return { letters, fold, projector, gateway, known, reportingCurrency: workspace.reportingCurrency };
}
