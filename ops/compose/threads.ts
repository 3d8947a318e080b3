// The threads that write and fold the log: gateway, fold and past. They start side by side with the engines: threads load their code and the fold reads
// its snapshot, which is used when the log has been asked about it; the gateway loads the customers' ids, and its doors open when the log has told
// what they need. What they wait for is promised to them here and told by whoever opens it.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { startGuardedFold } from '#projections/memory/guarded-thread.ts';
import { startPastThread } from '#projections/memory/past/thread.ts';
import type { FoldMessage } from '#projections/memory/protocol.ts';
import type { GatewayDoors } from '#streams/gateway/protocol.ts';
import { startGatewayThread } from '#streams/gateway/thread.ts';
import type { DataDir } from '../data-dir.ts';
import type { DeadLetters } from '../dead-letters.ts';
import type { Engines } from '../engines/supervisor.ts';
import { threadLog } from '../log.ts';

export const TENANT = 'main';
export const GATEWAY = 'g1';
const LANES = 4;

export type Threads = ReturnType<typeof startThreads>;

/** @param currency ISO 4217, of a log that has no workspace yet. */
export function startThreads({ dir, currency, log }: { dir: DataDir; currency: string; log: Logger }) {
  const engined = Promise.withResolvers<Engines>();
  const lettersOpened = Promise.withResolvers<DeadLetters>();
  const doors = Promise.withResolvers<GatewayDoors>();
  // Not before the present can be asked about: what the past is told meanwhile waits.
  const listening = Promise.withResolvers<void>();
  for (const { promise } of [engined, lettersOpened, doors]) Promise.resolve<unknown>(promise).catch(() => undefined);

  let hear: (message: FoldMessage) => void = () => undefined;
  const foldFailed = new Promise<Error>((resolve) => {
    hear = (message) =>
      message.event === 'failed' && message.code !== 'zone-changed' && resolve(new Error(message.message));
  });
  const failing = hear;

  const natsOptions = engined.promise.then(({ nats }) => nats.options);
  const folding = { snapshotDir: dir.folders.snapshots, ledger: { reportingCurrency: currency } };
  // Before the fold, which tells it what it has applied to its very end.
  const past = startPastThread(
    listening.promise
      .then(() => natsOptions)
      .then((nats) => ({ nats, ...folding, indexDir: join(dir.folders.snapshots, 'events') })),
    threadLog(log),
  );
  const fold = startGuardedFold(
    { nats: natsOptions, ...folding },
    { log: threadLog(log), hear: (message) => hear(message), guard: lettersOpened.promise, past },
  );
  const gateway = startGatewayThread(
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
  // Whoever awaits them has the reason.
  for (const starting of [fold, gateway, natsOptions]) Promise.resolve<unknown>(starting).catch(() => undefined);

  return {
    past,
    fold,
    gateway,
    /** What the threads wait for, in the order in which it is there. */
    engined,
    lettersOpened,
    doors,
    listening,
    /** Settles when the fold cannot go on; not for a zone that changed, after which it is made anew. */
    foldFailed,
    /** What the fold thread says by itself is told to `next`, too. */
    tell(next: (message: FoldMessage) => void): void {
      hear = (message) => {
        failing(message);
        next(message);
      };
    },
    /** For a start that goes no further: nobody waits for what will not come. */
    async giveUp(): Promise<void> {
      const error = new Error('the start was given up');
      for (const { reject } of [engined, lettersOpened, doors, listening]) reject(error);
      await Promise.allSettled([fold, gateway]);
    },
  };
}
