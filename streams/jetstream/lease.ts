// Is this still the gateway that last took the name? An epoch is taken once (epoch.ts); whoever held the one before is looked after here. Its packs
// are right in any case, numbered on their own, but what it knows by heart is not: customers erased and keys revoked since.
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { StoreUnavailable } from '../event-store.ts';
import type { StreamLog } from './link.ts';
import { LEASES } from './topology.ts';

export interface Lease {
  /** Resolves when it was ours a moment ago: a process that stood still looks again first. @throws StoreUnavailable when it is another's, or nobody answers. */
  held(): Promise<void>;
  /** Settles with the reason when another gateway has taken the name. */
  readonly lost: Promise<Error>;
  close(): void;
}

const LOOK_MS = 1_000;
/** Older knowledge than this is none. */
const FRESH_MS = 5_000;

/**
 * ms since it was made, whatever stands still: while the machine is suspended the steady clock does (CLOCK_MONOTONIC on Linux), while somebody sets the
 * wall's back that one does. Of two readings the larger difference counts, so it never runs slow.
 */
export function createUnstoppedClock(
  steady: () => number = () => performance.now(),
  wall: () => number = () => Date.now(),
): () => number {
  let elapsed = 0;
  let last = { steady: steady(), wall: wall() };
  return () => {
    const next = { steady: steady(), wall: wall() };
    elapsed += Math.max(0, next.steady - last.steady, next.wall - last.wall);
    last = next;
    return elapsed;
  };
}

/** @param now a clock that goes on while the process or the machine is stopped, ms. */
export async function watchLease(
  nc: NatsConnection,
  gateway: string,
  epoch: number,
  log: StreamLog,
  now: () => number = createUnstoppedClock(),
): Promise<Lease> {
  const leases = await new Kvm(nc).open(LEASES);
  const lost = Promise.withResolvers<Error>();
  let taken: StoreUnavailable | null = null;
  let lookedAt = now();
  let looking: Promise<void> | null = null;

  async function lookOnce(): Promise<void> {
    const begun = now();
    const entry = await leases.get(`gateway.${gateway}`);
    const newest = entry?.operation === 'PUT' ? Number(entry.string()) : 0;
    lookedAt = begun;
    if (!(newest > epoch) || taken !== null) return;
    taken = new StoreUnavailable(
      `another gateway has taken the name '${gateway}' (epoch ${newest}, ours ${epoch}): this one takes nothing in any more; stop it, or give each a name of its own`,
    );
    log.warn({ gateway, epoch, newest }, 'another gateway has taken over');
    lost.resolve(taken);
  }
  const look = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = null;
    });
    return looking;
  };
  // A log that is away is no other gateway: it is asked again, and by whoever wants to store.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  timer.unref();

  return {
    async held() {
      if (taken === null && now() - lookedAt > FRESH_MS)
        await look().catch((cause: Error) => {
          throw new StoreUnavailable(`the lease of gateway '${gateway}' cannot be read (${cause.message})`, cause);
        });
      if (taken !== null) throw taken;
    },
    lost: lost.promise,
    close: () => clearInterval(timer),
  };
}
