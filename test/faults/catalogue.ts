// Every fault the program is put through, in the order they are run.
import type { Fault } from './fault.ts';
import { faultPoints } from './fault-points.ts';
import { killNats, killPostgres, postgresAway } from './kill-engines.ts';
import { killServer } from './kill-server.ts';

export const catalogue: readonly Fault[] = [killNats, killPostgres, postgresAway, killServer, faultPoints];
