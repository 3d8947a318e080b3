// Events of a source nobody has added yet are kept, and come in when it is there: once, however often that is asked for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { QuarantineReplay } from '#api/quarantine-replay.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { independentFold } from '../support/independent-fold.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';

const dataDir = join(temporaryFolder('replay'), 'main');
let program: Program;

const order = (customer_id: string, day: string, order_id?: string, amount: unknown = 20) => ({
  type: 'order.placed',
  customer_id,
  at: `${day}T10:00:00Z`,
  data: { amount, currency: 'EUR', ...(order_id === undefined ? {} : { order_id }) },
});
const plain = (customer: string, day: string, key: string) => ({
  kind: 'order' as const,
  customer,
  key,
  day: Date.parse(day) / 86_400_000,
  minor: 2_000,
  currency: 'EUR',
  revision: 0,
});

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

test('refused for its source, stored when the source is there; twins stay two, what is still wrong stays refused', async () => {
  const seed = readFileSync(join(dataDir, 'secrets', 'nats-system.nk'), 'utf8').trim();
  const nc = await connectNats({ servers: [program.served.nats], seed, inboxPrefix: '_AXIOM47' });
  const twin = order('c-1', '2026-02-01');
  await jetstream(nc).publish('in.till', JSON.stringify([order('c-1', '2026-01-10', 'o-1'), twin, twin]));
  await jetstream(nc).publish('in.till', JSON.stringify(order('c-2', '2026-01-11', 'o-2', 'much')));
  await nc.close();
  const refused = () => program.call<{ reasons: Record<string, number> }>('GET', '/api/quarantine');
  await until('both are in the quarantine', async () => (await refused()).reasons['unknown-source'] === 2);
  expect(await program.json<QuarantineReplay>(['quarantine', 'replay'])).toMatchObject({
    accepted: 0,
    refused: { 'unknown-source': 2 },
  });

  await program.json(['source', 'add', 'till']);
  const done = await program.json<QuarantineReplay>(['quarantine', 'replay', '--reason', 'unknown-source']);
  expect(done).toMatchObject({ rows: 2, accepted: 3, duplicates: 0, refused: { 'bad-amount': 1 } });
  expect((await refused()).reasons).toEqual({ 'unknown-source': 1 });
  expect(await program.json<QuarantineReplay>(['quarantine', 'replay'])).toMatchObject({ rows: 1, accepted: 0 });

  const oracle = independentFold([
    plain('c-1', '2026-01-10', 'o-1'),
    plain('c-1', '2026-02-01', 'twin 1'),
    plain('c-1', '2026-02-01', 'twin 2'),
  ]);
  await until('the ledger holds each once', async () => {
    const { digests } = await program.call<{ digests: { portable: string } }>('GET', '/api/log?portable=1');
    return digests.portable === oracle.digest;
  });
  const wrong = await run(['quarantine', 'replay', '--run', 'r', '--data-dir', dataDir]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--reason and --source only')]);
});
