// A fold thread of the log from its start, in a folder that goes with it: for looking at what the log makes beside what is served.
import { mkdir, rm } from 'node:fs/promises';
import type { FoldConfig, FoldLink } from '#projections/memory/protocol.ts';
import { adoptSnapshot } from '#projections/memory/snapshot.ts';
import { type FoldLog, startFoldThread } from '#projections/memory/thread.ts';
import type { RefoldToCompare } from './rebuild-ledger.ts';

/** @param options.snapshotDir nobody else's; what an earlier one left in it goes first. */
export async function startScratchFold({
  log,
  nats,
  ...config
}: FoldConfig & FoldLink & { log: FoldLog }): Promise<RefoldToCompare> {
  const remove = () => rm(config.snapshotDir, { recursive: true, force: true });
  await remove();
  await mkdir(config.snapshotDir, { mode: 0o700 });
  try {
    const fold = await startFoldThread(config, { nats }, log);
    return {
      calls: fold.calls,
      save: async () => void (await fold.calls.snapshot()),
      handOver: (folder) => adoptSnapshot(config.snapshotDir, folder),
      async [Symbol.asyncDispose]() {
        await fold[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
