// What watches the log while it is served: contradictions and dead letters are written down, and gateway, log, fold and tables are compared. What they
// find stands in the metrics.
import type { Logger } from 'pino';
import { createMetrics } from '#api/metrics.ts';
import { eraseMessage } from '#streams/jetstream/store.ts';
import { createQuarantine } from '#streams/quarantine.ts';
import { startConflictWriter } from '../conflicts.ts';
import { startLedgers } from '../ledgers.ts';
import { packageVersion } from '../project.ts';
import type { OpenedEngines } from './engines.ts';
import type { OpenedModels } from './models.ts';
import type { OpenedProjections } from './projections.ts';
import { TENANT } from './threads.ts';

export type StartedWatches = Awaited<ReturnType<typeof startWatches>>;

interface WatchesDeps
  extends Pick<OpenedEngines, 'nc' | 'store'>,
    Pick<OpenedProjections, 'letters' | 'fold' | 'gateway' | 'projector'>,
    Pick<OpenedModels, 'tables' | 'late'> {
  log: Logger;
}

export async function startWatches(opening: AsyncDisposableStack, deps: WatchesDeps) {
  const { nc, store, letters, fold, gateway, projector, tables, late, log } = deps;
  const metrics = createMetrics({ version: packageVersion, runtime: true });
  metrics.gauge('axiom47_late_events', 'Live events that changed a past day (axiom47 late).', late);
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
  return { metrics, quarantine, agreement };
}
