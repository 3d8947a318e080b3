// nats-server does not take writes again after a full disk, even when space is free, until it is started again (seen with 2.14.0). When the
// log has refused events for a while although its server runs and there is room, the server is restarted; publishers just see the end of it.
import { statfsSync } from 'node:fs';

export interface StoreWatchDeps {
  status(): Promise<{ storeAvailable: boolean }>;
  /** The engine's own state: one that is down is started again by its supervisor. */
  engineRuns(): boolean;
  restart(): Promise<void>;
  /** Where the log is stored. */
  folder: string;
  log: { warn(fields: object, message: string): void };
  everyMs?: number;
}

/** Refusals in a row before the server is restarted: 5 s until the publisher says so, and 5 to 10 s more. */
const PATIENCE = 2;
/** After a restart the server recovers its streams and the publisher sends again: that long nobody judges it. */
const AFTERWARDS = 6;
const EVERY_MS = 5_000;
/** One block of the log (8 MB) with room to spare: less would fill again at once. */
const LEAST_BYTES = 64 * 2 ** 20;

export function watchStore(deps: StoreWatchDeps): AsyncDisposable {
  let refusals = 0;
  let running: Promise<void> | null = null;

  async function look(): Promise<void> {
    const { storeAvailable } = await deps.status();
    refusals = storeAvailable || !deps.engineRuns() ? 0 : refusals + 1;
    if (refusals < PATIENCE) return;
    const { bavail, bsize } = statfsSync(deps.folder);
    if (bavail * bsize < LEAST_BYTES) return;
    refusals = -AFTERWARDS;
    deps.log.warn(
      { freeBytes: bavail * bsize },
      'the log takes no events although there is room: restarting nats-server',
    );
    await deps.restart();
  }

  const timer = setInterval(() => {
    running ??= look()
      .catch((error: unknown) => deps.log.warn({ error: String(error) }, 'the log was not looked after'))
      .finally(() => {
        running = null;
      });
  }, deps.everyMs ?? EVERY_MS);

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
