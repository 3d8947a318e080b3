// Every fault the program is put through, in the order they are run.
import type { Fault } from './fault.ts';
import { faultPoints } from './fault-points.ts';
import { killNats, killPostgres, postgresAway } from './kill-engines.ts';
import { killServer } from './kill-server.ts';
import { modelOnJetStream } from './model-jetstream.ts';
import { soak } from './soak.ts';

export const catalogue: readonly Fault[] = [
  killNats,
  killPostgres,
  postgresAway,
  killServer,
  faultPoints,
  modelOnJetStream,
  soak,
];
