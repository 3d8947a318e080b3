// Every fault the program is put through, in the order they are run.
import { bitFlips } from './bit-flips.ts';
import { reconnects, slowReaders } from './crowd.ts';
import { disorder, duplicates } from './disorder.ts';
import type { Fault } from './fault.ts';
import { faultPoints } from './fault-points.ts';
import { fullDisk } from './full-disk.ts';
import { killNats, killPostgres, postgresAway } from './kill-engines.ts';
import { killServer } from './kill-server.ts';
import { modelOnJetStream } from './model-jetstream.ts';
import { soak } from './soak.ts';
import { poison, versions } from './suites.ts';

export const catalogue: readonly Fault[] = [
  killNats,
  killPostgres,
  postgresAway,
  killServer,
  faultPoints,
  duplicates,
  disorder,
  poison,
  versions,
  fullDisk,
  bitFlips,
  slowReaders,
  reconnects,
  modelOnJetStream,
  soak,
];
