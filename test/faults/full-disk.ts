// The disk of the log, or of the database, is full for a while. Both are put on small disks of their own, which takes root.
import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { killAll } from '../support/program.ts';
import { type Fault, type Outcome, type Progress, type Settings, settings } from './fault.ts';
import { ProgramShop, pause } from './program-shop.ts';
import { strikes } from './strikes.ts';

const SIZE_MB = { nats: 256, postgres: 512 } as const;

function fill(file: string): void {
  const fd = openSync(file, 'a');
  const block = Buffer.alloc(65_536, 47);
  try {
    for (;;) writeSync(fd, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(fd);
  }
}

/** Puts what is in the folder on a disk of its own; answers how to take it away again. */
function mount(folder: string, megabytes: number): () => void {
  const away = `${folder}.away`;
  const { uid, gid, mode } = statSync(folder);
  renameSync(folder, away);
  mkdirSync(folder);
  execFileSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${megabytes}m,mode=0${(mode & 0o777).toString(8)}`,
    'tmpfs',
    folder,
  ]);
  chownSync(folder, uid, gid);
  execFileSync('cp', ['-a', `${away}/.`, folder]);
  rmSync(away, { recursive: true });
  const unmount = () => {
    process.off('exit', unmount);
    killAll(); // While the engines can still be told by their working directory.
    execFileSync('umount', ['--lazy', folder]);
  };
  process.once('exit', unmount);
  return unmount;
}

async function full(disk: keyof typeof SIZE_MB, given: Settings, progress: Progress): Promise<Outcome> {
  await using shop = await ProgramShop.open({ name: `full-${disk}`, model: true });
  await shop.program.stop();
  const folder = join(shop.dataDir, disk);
  const unmount = mount(folder, SIZE_MB[disk]);
  try {
    await shop.restart();
    const ballast = join(folder, 'ballast');
    let asked = 0;
    let answered = 0;
    const hit = async () => {
      for (const end = performance.now() + given.seconds * 1_000; performance.now() < end; await pause(100)) {
        fill(ballast);
        asked++;
        if ((await shop.predict(asked)) !== null) answered++;
      }
      rmSync(ballast);
    };
    const notes = () => [`${answered} of ${asked} predictions answered while it was full`, ...shop.silence];
    const what = disk === 'nats' ? 'log' : 'database';
    const outcome = await strikes(shop, given, progress, { what, hit, from: 'end', notes });
    await shop.program.stop();
    return outcome;
  } finally {
    unmount();
  }
}

export const fullDisk: Fault = {
  name: 'full-disk',
  about: 'the disk of the log, then the one of the database, full for 20 s (needs root)',
  full: settings(3, 500, 20),
  quick: settings(1, 200, 8),
  async run(given, progress) {
    if (process.getuid?.() !== 0) throw new Error('not run: a disk of its own can only be mounted by root');
    return [await full('nats', given, progress), await full('postgres', given, progress)];
  },
};
