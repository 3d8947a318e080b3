// A disk that fills up while events come in: refused in clear words, nothing acknowledged is lost, and it goes on once there is room again.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { killAll, type Program, removeFolders, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('full-disk');
const disk = join(folder, 'disk');
const ballast = join(disk, 'ballast');

/** A small disk of its own: only root may mount one, and not in every container. */
const mounted = ((): boolean => {
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=0755', 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

let inUse = mounted;
const unmount = (): void => {
  if (!inUse) return;
  inUse = false;
  killAll(); // While the engines can still be told by their working directory.
  execFileSync('umount', ['--lazy', disk]);
};
process.once('exit', unmount);
afterAll(async () => {
  unmount();
  await removeFolders();
});

function fill(): void {
  const file = openSync(ballast, 'w');
  const block = Buffer.alloc(65_536, 47);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

describe.skipIf(!mounted)(
  mounted ? 'a full disk' : 'a full disk [skipped: a disk of its own cannot be mounted here; run as root]',
  () => {
    const dataDir = join(disk, 'main');
    let program: Program;
    let batch = 0;
    let acknowledged = 0;
    const orders = (n: number) =>
      Array.from({ length: 500 }, (_, i) => ({
        type: 'order.placed',
        customer_id: `d-${i}`,
        at: `2026-0${1 + (n % 9)}-10T10:00:00Z`,
        data: { order_id: `d-${i}-${n}`, amount: '5.00', currency: 'EUR' },
      }));
    /** Posts the next batch; one that was refused is the next one again, as a publisher does it. */
    async function post(): Promise<{ status: number; body: Record<string, unknown> }> {
      const answer = await program.request('POST', '/api/events', { body: orders(batch) });
      if (answer.status === 202) {
        batch++;
        acknowledged += 500;
      }
      return answer;
    }
    const ordersInLog = async () => (await program.call<{ orders: number }>('GET', '/api/log')).orders;

    async function fillUp(): Promise<void> {
      fill();
      expect(statfsSync(disk).bavail).toBe(0);
      const refused = await until('the log refuses', async () => {
        const answer = await post();
        return answer.status !== 202 && answer;
      });
      expect(refused).toMatchObject({ status: 503, body: { reason: 'store-unavailable' } });
    }

    beforeAll(async () => {
      program = await serve(['--empty', '--data-dir', dataDir]);
      const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
      await deploy(program, folder, { bgNbd, gammaGamma });
      await post();
    });
    afterAll(async () => {
      rmSync(ballast, { force: true });
      await program[Symbol.asyncDispose]();
    });

    test('events get 503, questions are answered; with room again the log goes on by itself', async () => {
      await fillUp();
      expect((await program.request('GET', '/readyz')).text).toContain('"name":"log","ok":false');
      const churn = await program.call('POST', '/api/predict/churn', { customer_id: 'd-1' });
      expect(churn).toMatchObject({ basis: 'history' });

      rmSync(ballast);
      await until(
        'events are taken again',
        async () => {
          await sleep(500);
          return (await post()).status === 202;
        },
        50_000,
      );
      await until('each order is there once', async () => {
        const found = await ordersInLog();
        if (found > acknowledged) throw new Error(`${found} orders, ${acknowledged} were acknowledged`);
        return found === acknowledged;
      });
      await until('the tables too', async () => {
        const [row] = await program.sql<{ n: number }>('select count(*)::int as n from rm.transactions');
        return row!.n === acknowledged;
      });
      expect(program.stderr).toContain('restarting nats-server');
    });

    test('a stop on a full disk ends; the next start has everything that was acknowledged', async () => {
      await fillUp();
      // A stop that hangs is told by this test's own timeout.
      await program.stop();
      rmSync(ballast);
      program = await serve(['--data-dir', dataDir]);
      // Of the refused batch any part may have come through, lane by lane: it was sent, and nobody said it was not stored.
      const there = await ordersInLog();
      expect(there).toBeGreaterThanOrEqual(acknowledged);
      expect(there).toBeLessThanOrEqual(acknowledged + 500);
      expect((await post()).status).toBe(202);
      expect(await until('and goes on', async () => (await ordersInLog()) === acknowledged)).toBe(true);
    });
  },
);
