// A log whose file was damaged while the server was stopped, as a user meets it: `verify --chain` names the place with and without a server, a
// server that has read past it goes on serving, and one that would have to read it refuses to start.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, expect, test } from 'vitest';
import type { ChainAnswer, LedgersReport, RebuildState } from '#api/integrity-deps.ts';
import { SYSTEM_INBOX } from '#ops/engines/nats-external.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { type Ended, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';

const folder = temporaryFolder('chain');
const dataDir = join(folder, 'main');
afterAll(removeFolders);

const verify = async (): Promise<Ended & { report: ChainAnswer }> => {
  const ended = await run(['verify', '--chain', '--json', '--data-dir', dataDir]);
  return { ...ended, report: ended.json<ChainAnswer>() };
};
const order = (n: number) => ({
  type: 'order.placed',
  customer_id: `c-${n % 5}`,
  at: `2026-01-${String(10 + n).padStart(2, '0')}T10:00:00Z`,
  data: { amount: '20.00', currency: 'EUR', order_id: `o-${n}` },
});

test('a flipped bit in the store is named, served around where it was read before, and refused where it would be read', async () => {
  {
    await using program = await serve(['--empty', '--data-dir', dataDir]);
    for (let n = 0; n < 12; n++) await program.call('POST', '/api/events', [order(n)]);
  }
  const whole = await verify();
  expect([whole.code, whole.report.ok, whole.report.faults]).toEqual([0, true, []]);
  // Stopping seals all of it.
  expect(whole.report.sealed_to).toBe(whole.report.messages);
  expect(whole.report.messages).toBeGreaterThanOrEqual(12);

  const files = readdirSync(join(dataDir, 'nats'), { recursive: true, encoding: 'utf8' });
  const block = files.find((name) => name.endsWith(join('EVT', 'msgs', '1.blk')))!;
  const path = join(dataDir, 'nats', block);
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length * 0.7)]! ^= 8;
  writeFileSync(path, bytes);

  const stopped = await verify();
  expect(stopped.code).toBe(1);
  const [fault] = stopped.report.faults;
  expect(fault!.from).toBeGreaterThan(2);
  expect(fault!.from).toBeLessThanOrEqual(whole.report.messages);
  expect(Date.parse(fault!.at!)).toBeGreaterThan(1_700_000_000_000);
  expect(stopped.stderr).toMatch(new RegExp(`axiom47: EVT ${fault!.from}( to \\d+)? \\(20..-`));
  expect(stopped.stderr).toContain('restore the log from a backup');

  // Whoever has to read the place says which it is instead of serving a part.
  for (const name of readdirSync(join(dataDir, 'snapshots')))
    rmSync(join(dataDir, 'snapshots', name), { recursive: true });
  const refused = await run(['serve', '--port', '0', '--data-dir', dataDir]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain(`EVT ${fault!.from} (`);
  expect(refused.stderr).toContain('verify --chain');
}, 120_000);

test('a message lost under a running server: it serves on, and says which projections had read it', async () => {
  const other = join(folder, 'other');
  await using program = await serve(['--empty', '--data-dir', other]);
  for (let n = 0; n < 6; n++) await program.call('POST', '/api/events', [order(n)]);
  await until(
    'tables and ledger hold it',
    async () => (await program.call<{ items: object[] }>('GET', '/api/customers')).items.length === 5,
  );
  const projections = () => run(['verify', '--projections', '--data-dir', other]);
  expect([(await projections()).code, (await program.call<LedgersReport>('GET', '/api/ledgers')).ok]).toEqual([
    0,
    true,
  ]);
  await program.sql(
    'update rm.customers set net_minor = net_minor + 1 where sid_key = (select min(sid_key) from rm.customers)',
  );
  const differ = await projections();
  expect([differ.code, differ.stderr]).toEqual([
    1,
    expect.stringMatching(/customers, log position \d+, customer [0-9a-f]{32}: the table has/),
  ]);
  const { metricsUrl } = JSON.parse(readFileSync(join(other, 'run.json'), 'utf8')) as { metricsUrl: string };
  expect(await (await fetch(metricsUrl)).text()).toContain('axiom47_ledger_mismatches 1');
  // State alone is mended from the ledger, and the ledger equals one folded from the start.
  const customers = await run(['rebuild', 'customers', '--json', '--data-dir', other]);
  expect([customers.code, customers.json<RebuildState>()]).toEqual([
    0,
    expect.objectContaining({ what: 'customers', step: 'done', rows: 5, compared: 5, differs: 1 }),
  ]);
  expect((await projections()).code).toBe(0);
  const ledger = await run(['rebuild', 'ledger', '--json', '--data-dir', other]);
  expect([ledger.code, ledger.json<RebuildState>()]).toEqual([
    0,
    expect.objectContaining({
      ...{ what: 'ledger', step: 'done', rows: 6, compared: 5, differs: 0 },
      detail: expect.stringMatching(/folded anew, which serves now$/),
    }),
  ]);
  const scores = await run(['rebuild', 'scores', '--json', '--data-dir', other]);
  expect([scores.code, scores.json<RebuildState>()]).toEqual([
    0,
    expect.objectContaining({ what: 'scores', step: 'done', differs: 0 }),
  ]);
  // What was found is mended from the log, under the eyes of the same server.
  await program.sql('delete from rm.transactions where sid_key = (select min(sid_key) from rm.transactions)');
  const rebuilt = await run(['rebuild', 'tables', '--json', '--data-dir', other]);
  expect([rebuilt.code, rebuilt.stderr]).toEqual([0, '']);
  expect(rebuilt.json<RebuildState>()).toMatchObject({ step: 'done', differs: 1 });
  expect((await projections()).code).toBe(0);
  await program.call('POST', '/api/events', [order(6)]);
  await until('the new tables are written', async () => {
    const [row] = await program.sql<{ n: string }>('select count(*) as n from masked.transactions');
    return row!.n === '7';
  });
  expect(await program.sql("select nspname from pg_namespace where nspname like 'rm%'")).toEqual([{ nspname: 'rm' }]);
  const ask = () => program.call<ChainAnswer>('POST', '/api/verify/chain');
  const { messages, ok } = await ask();
  expect(ok).toBe(true);
  const seed = readFileSync(join(other, 'secrets', 'nats-system.nk'), 'ascii').trim();
  const nc = await connectNats({ servers: [program.served.nats], seed, inboxPrefix: SYSTEM_INBOX });
  await (await jetstreamManager(nc)).streams.deleteMessage('EVT', messages - 2, true);
  await nc.close();
  // Within seconds also what was just written is sealed; a hole is a hole before that too.
  expect(await ask()).toMatchObject({
    ok: false,
    faults: [
      {
        kind: 'missing',
        from: messages - 2,
        to: messages - 2,
        stopped_by: [],
        read_before: ['ledger', 'events', 'customers'],
      },
    ],
  });
  const said = await run(['verify', '--chain', '--data-dir', other]);
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining('ledger, events, customers had read it')]);
}, 120_000);
