// kill -9 of an engine, again and again, while events are posted: its supervisor starts it again, publishers wait or send again.
import { readdirSync, readFileSync } from 'node:fs';
import { type Fault, type Outcome, type Progress, type Settings, settings } from './fault.ts';
import { ProgramShop, pause } from './program-shop.ts';
import { strikes } from './strikes.ts';

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

async function killed(engine: 'nats' | 'postgres', settings: Settings, progress: Progress): Promise<Outcome[]> {
  await using shop = await ProgramShop.open({ name: `kill-${engine}` });
  return [await strikes(shop, settings, progress, { hit: () => kill(shop.program.enginePid(engine)) })];
}

export const killNats: Fault = {
  name: 'kill-nats',
  about: 'kill -9 of nats-server under load; its supervisor starts it again',
  full: settings(50, 20_000, 3),
  quick: settings(2, 2_000, 1),
  run: (settings, progress) => killed('nats', settings, progress),
};

export const killPostgres: Fault = {
  name: 'kill-postgres',
  about: 'kill -9 of PostgreSQL’s postmaster under load',
  full: settings(20, 5_000, 4),
  quick: settings(1, 1_000, 1),
  run: (settings, progress) => killed('postgres', settings, progress),
};

const AWAY_MS = 60_000;
/** Seldom enough to leave the machine alone; a start that is killed in between takes longer. */
const AGAIN_MS = 100;

/** The postmaster of this data directory, as long as it does not answer to that name by its working directory alone. */
const postmasters = (folder: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes('/postgres -D ') && line.includes(folder);
      } catch {
        return false; // Gone meanwhile.
      }
    });

export const postgresAway: Fault = {
  name: 'postgres-away',
  about: 'PostgreSQL killed again whenever it comes back, for 60 s; predictions are asked all the while',
  full: settings(2, 2_000, 3),
  quick: settings(1, 500, 1),
  async run(settings, progress) {
    await using shop = await ProgramShop.open({ name: 'postgres-away', model: true });
    let asked = 0;
    let answered = 0;
    const hit = async () => {
      for (const end = performance.now() + AWAY_MS; performance.now() < end; await pause(AGAIN_MS)) {
        for (const pid of postmasters(shop.dataDir)) kill(pid);
        if ((await shop.predict(asked++)) !== null) answered++;
      }
    };
    const notes = () => [`${answered} of ${asked} predictions answered while it was away`, ...shop.silence];
    return [await strikes(shop, settings, progress, { hit, notes })];
  },
};
