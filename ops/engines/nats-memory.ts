// How much memory nats-server may keep. It forgets the blocks it has read of the log whenever Go collects garbage, which by default is at every
// doubling of a small heap, so one message of somewhere costs reading and decrypting its whole block of 2 MB: 2 ms instead of 0.1.
import { totalmem } from 'node:os';

const MOST_BYTES = 512 * 2 ** 20;
const SHARE_OF_MACHINE = 16;

/**
 * Environment of a nats-server beside us: garbage is collected near the limit, not at a share of the small heap it needs itself (Go holds itself to
 * the limit, https://go.dev/doc/gc-guide; above it, it collects more often, it does not fail).
 * @param machineBytes memory of the machine. A sixteenth of it, at most 512 MiB, is the limit.
 */
export const natsMemory = (machineBytes = totalmem()): { GOGC: string; GOMEMLIMIT: string } => ({
  GOGC: '4000',
  GOMEMLIMIT: `${Math.floor(Math.min(MOST_BYTES, machineBytes / SHARE_OF_MACHINE) / 2 ** 20)}MiB`,
});
