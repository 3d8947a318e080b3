// kill -9 of each thread's process at random points: gateway, fold and tables run as processes of their own on one pair of engines, and die one
// at a time at a named point (crash-points.ts) or, where that point does not come up, at a random moment. Events come by NATS all the while.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import pg from 'pg';
import { openKeyring } from '#streams/keyring/keyring.ts';
import { configOf, openLog } from '../streams/gateway/harness.ts';
import { startTestEngines } from '../support/engines.ts';
import { until } from '../support/program.ts';
import { POINTS, type Point, type Role } from './crash-points.ts';
import { type Fault, outcome, random, settings } from './fault.ts';
import { judge } from './judge.ts';
import { Part } from './part.ts';
import type { PartConfig } from './part-process.ts';
import { type Door, Producers } from './producers.ts';
import { SOURCE, sentSale, shopOf } from './shop.ts';

const PER_MESSAGE = 20;
/** A point that has not come up by then: the process dies at a random moment instead. */
const PATIENCE_MS = 1_500;
const ROLES = Object.keys(POINTS) as Role[];

export const faultPoints: Fault = {
  name: 'fault-points',
  about: 'kill -9 of gateway, fold or tables, each a process of its own, at a random one of 22 named points',
  full: settings(200, 400, 1),
  quick: settings(9, 400, 1),
  async run({ rounds, rate, seconds, seed }, progress) {
    await using opened = new AsyncDisposableStack();
    const engines = opened.adopt(await startTestEngines(), (each) => each.stop());
    const log = opened.use(await openLog(engines));
    const { kek, ...rest } = configOf(engines, { inDoor: true });
    const gateway = { ...rest, kek: Buffer.from(kek).toString('base64') };
    const shop = shopOf(2_000);
    const parts = new Map<Role, Part>();
    for (const role of ROLES) {
      const config: PartConfig = {
        role,
        gateway,
        databaseUrl: engines.postgres.url,
        snapshotDir: join(engines.dataDir.path, `snapshots-${role}`),
      };
      parts.set(role, opened.use(await Part.start(config)));
    }

    const nc = opened.adopt(await engines.nats.connect('publisher'), (each) => each.close());
    const js = jetstream(nc, { timeout: 5_000 });
    const open = async (): Promise<Door> => ({
      send: async (batch) => {
        const events = Array.from({ length: PER_MESSAGE }, (_, i) => sentSale(shop, batch * PER_MESSAGE + i));
        return (await js.publish(`in.${SOURCE}`, JSON.stringify(events), { msgID: `batch-${batch}` })).seq;
      },
      [Symbol.dispose]: () => undefined,
    });
    const producers = new Producers({ open, perSecond: rate / PER_MESSAGE, doors: 4 });

    const next = random(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
    const recoveryMs: number[] = [];
    const lagMs: number[] = [];
    const died = new Map<string, number>();
    for (let round = 1; round <= rounds; round++) {
      const role = ROLES[(round - 1) % ROLES.length]!;
      const part = parts.get(role)!;
      const point: Point = pick(POINTS[role]);
      await sleep(next() * seconds * 1_000);
      part.arm(point, 1 + Math.floor(next() * 5));
      let byItself = true;
      const atRandom = setTimeout(
        () => {
          byItself = false;
          part.kill();
        },
        PATIENCE_MS + next() * 500,
      );
      await part.gone;
      clearTimeout(atRandom);
      const struck = performance.now();
      const where = byItself ? point : `${role}: a random moment`;
      died.set(where, (died.get(where) ?? 0) + 1);
      const target = await log.last();
      await part.restart();
      recoveryMs.push(performance.now() - struck);
      // The gateway is back when it has stored something; the others when they have all that was stored.
      await until(
        `${role} at ${target}`,
        async () => (role === 'gateway' ? (await log.last()) > target : (await part.position()) >= target),
        120_000,
      );
      lagMs.push(performance.now() - struck);
      progress(
        `round ${round} of ${rounds}: ${where}; ${Math.round(recoveryMs.at(-1)!)} ms until it answers, ${Math.round(lagMs.at(-1)!)} ms until it has all`,
      );
    }

    await producers.finish();
    const events = producers.handed * PER_MESSAGE;
    await until('IN is empty', async () => (await log.messages('IN')).length === 0, 120_000);
    const last = await log.last();
    for (const role of ['fold', 'tables'] as const)
      await until(`${role} at ${last}`, async () => (await parts.get(role)!.position()) >= last, 120_000);
    progress(`judging ${events} events`);
    const tables = opened.adopt(new pg.Pool({ connectionString: engines.postgres.url, max: 2 }), (pool) => pool.end());
    const keyring = opened.use(await openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate: false }));
    const stateDigest = async () => {
      const [fold, beside] = [await parts.get('fold')!.digest(), await parts.get('tables')!.digest()];
      return fold === beside ? fold : `${fold} and, beside the tables, ${beside}`;
    };
    const verdict = await judge({ store: log.store, keyring, tables, stateDigest }, shop, events);
    const notes = [...died].sort(([a], [b]) => (a < b ? -1 : 1)).map(([where, times]) => `${where} ${times}×`);
    return [outcome('', rounds, verdict, { recoveryMs, lagMs, notes })];
  },
};
