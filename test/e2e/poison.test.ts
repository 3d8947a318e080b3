// Poison as a user meets it: a program that throws at one customer's order and never comes back from another's, a message of a newer program, bytes
// that are none, and 8 MB. Each customer is parked, the others flow, nothing is lost, and the mended program gives what a clean run gives.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, expect, test } from 'vitest';
import { SYSTEM_INBOX } from '#ops/engines/nats-external.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { PackWriter } from '#streams/pack.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { storedEvent } from '../support/stored-event.ts';

const folder = temporaryFolder('poison');
const dataDir = join(folder, 'main');
afterAll(removeFolders);

const POISONED = {
  NODE_OPTIONS: `--import=${pathToFileURL(resolve(import.meta.dirname, '../support/poisoned-process.ts')).href}`,
};
const order = (id: string, n: number, amount = '20.00') => ({
  type: 'order.placed',
  customer_id: id,
  at: `2026-01-${String(10 + n).padStart(2, '0')}T10:00:00Z`,
  data: { amount, currency: 'EUR', order_id: `${id}-${n}` },
});
/** What is sent to both installations, in three steps. */
const BEFORE = ['c-1', 'c-2', 'c-3', 'c-4'].map((id) => order(id, 0));
const THROWS = [order('c-1', 1, '666.00'), order('c-1', 2), order('c-2', 1)];
const NEVER_ENDS = [order('c-3', 1, '777.00'), order('c-3', 2), order('c-2', 2)];

interface Page {
  items: { customer_id: string | null; reason: string; events: number; tries: number; seq: number }[];
  total: number;
  events: number;
}
const orders = (program: Program) => async (id: string) => {
  const { ref } = await program.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id: id });
  return (await program.call<{ orders: number }>('GET', `/api/customers/${ref}?timeline=0`)).orders;
};
const letters = async (): Promise<Page> =>
  (await run(['dead-letters', 'list', '--json', '--data-dir', dataDir])).json<Page>();
const summary = ({ items }: Page) => items.map(({ customer_id, reason, events }) => [customer_id, reason, events]);
const portable = async (program: Program) =>
  (await program.call<{ digests: { portable: string } }>('GET', '/api/log?portable=1')).digests.portable;

async function clean(): Promise<string> {
  await using program = await serve(['--empty', '--data-dir', join(folder, 'clean')]);
  for (const batch of [BEFORE, THROWS, NEVER_ENDS]) await program.call('POST', '/api/events', batch);
  await until('all of it is applied', async () => (await orders(program)('c-2')) === 3);
  return await portable(program);
}

test('throwing, endless, unknown and unreadable events park their customer and nobody else; the mended program gives the clean digest', async () => {
  const wanted = await clean();
  {
    await using program = await serve(['--empty', '--data-dir', dataDir], { env: POISONED });
    const ordersOf = orders(program);
    await program.call('POST', '/api/events', BEFORE);
    await program.call('POST', '/api/events', THROWS);
    await until('the others flow', async () => (await ordersOf('c-2')) === 2);
    expect(summary(await letters())).toEqual([['c-1', 'failed', 2]]);
    expect((await letters()).items[0]!.tries).toBe(3);
    expect(await ordersOf('c-1'), 'as before the event').toBe(1);

    // 8 MB are refused at both doors: nothing of it comes near the log.
    const huge = { ...order('c-2', 9), data: { note: 'x'.repeat(8 << 20) } };
    await expect(program.call('POST', '/api/events', [huge])).rejects.toThrow(/413|at most/);
    const seed = readFileSync(join(dataDir, 'secrets', 'nats-system.nk'), 'ascii').trim();
    const nc = await connectNats({ servers: [program.served.nats], seed, inboxPrefix: SYSTEM_INBOX });
    const js = jetstream(nc);
    const { info } = nc;
    await js.publish('in.events', new Uint8Array(info!.max_payload - 1_000).fill(0x78));
    const inQuarantine = async () =>
      (await program.call<{ reasons: Record<string, number> }>('GET', '/api/quarantine')).reasons;
    await until('it is in the quarantine', async () => Object.keys(await inQuarantine()).length > 0);

    // Bytes that are no message, and an event of a newer program, in the log itself.
    const { ref } = await program.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id: 'c-4' });
    const sid = Uint8Array.from(Buffer.from(ref.slice(4), 'hex'));
    const newer = new PackWriter();
    newer.add(storedEvent(1, { sid, counter: 0, schemaVersion: 9 }));
    await js.publish('evt.0.main', Uint8Array.of(0xc1, 0xff, 0x00));
    await js.publish(
      'evt.1.main',
      newer.encode({ tenant: 'main', gateway: 'newer', epoch: 1, ingestedAt: Date.now() }),
    );
    await nc.close();
    await until('they are parked', async () => (await letters()).total === 3);
    expect(summary(await letters())).toEqual([
      ['c-1', 'failed', 2],
      [null, 'unreadable', 1],
      ['c-4', 'unknown', 1],
    ]);

    await program.call('POST', '/api/events', NEVER_ENDS);
    // The thread is ended and started again three times; meanwhile the columns answer.
    expect((await program.call<{ items: object[] }>('GET', '/api/customers')).items).toHaveLength(4);
    await until('the others flow again', async () => (await ordersOf('c-2')) === 3, 120_000);
    expect(summary(await letters())).toEqual([
      ['c-1', 'failed', 2],
      [null, 'unreadable', 1],
      ['c-4', 'unknown', 1],
      ['c-3', 'stuck', 2],
    ]);
    expect(await ordersOf('c-3')).toBe(1);
    const compared = await run(['verify', '--projections', '--data-dir', dataDir]);
    expect([compared.code, compared.stderr], 'the tables hold what the ledger holds').toEqual([0, '']);
    const { metricsUrl } = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as { metricsUrl: string };
    await until('it is counted', async () =>
      (await (await fetch(metricsUrl)).text()).includes('axiom47_parked_customers 4'),
    );
    await program.kill();
  }
  // A program without the mistakes tries what failed by itself; what hung when it is asked to.
  await using program = await serve(['--data-dir', dataDir]);
  const ordersOf = orders(program);
  expect(summary(await letters())).toEqual([
    [null, 'unreadable', 1],
    ['c-4', 'unknown', 1],
    ['c-3', 'stuck', 2],
  ]);
  expect(await ordersOf('c-1')).toBe(3);
  const replay = await run(['dead-letters', 'replay', '--json', '--data-dir', dataDir]);
  expect(replay.json<object>()).toMatchObject({ applied: 2, parked: 2, customers: 2 });
  expect(replay.code).toBe(1);
  expect(await ordersOf('c-3')).toBe(3);
  // c-4 is as it was before the event that is parked, so this is the state of a log without it.
  expect(await portable(program)).toBe(wanted);
  await until('the tables follow', async () => {
    const compared = await run(['verify', '--projections', '--data-dir', dataDir]);
    return compared.code === 0;
  });
  const shown = await run(['dead-letters', 'show', String((await letters()).items[1]!.seq), '--data-dir', dataDir]);
  expect(shown.stdout).toContain('start that version');
}, 400_000);
