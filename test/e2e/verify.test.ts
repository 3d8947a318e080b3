// The promises of the log, kept by the program as a user has it: a revoked source is out, the keyring is known to belong to the log or not
// to, and what was predicted can be computed again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KeyringReport, StoredScoresReport } from '#api/integrity-deps.ts';
import type { Replay } from '#api/predict/replay.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { type Ended, type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('verify');
const dataDir = join(folder, 'main');
let program: Program;

const order = (customer_id: string, day: string) => ({
  type: 'order.placed',
  customer_id,
  at: `${day}T10:00:00Z`,
  data: { amount: '20.00', currency: 'EUR', order_id: `${customer_id} ${day}` },
});
const send = async (...events: object[]) => program.call('POST', '/api/events', events);
const verify = (...args: string[]): Promise<Ended> => run(['verify', ...args, '--json', '--data-dir', dataDir]);
const keyring = async () => {
  const ended = await verify('--keyring');
  return { code: ended.code, stderr: ended.stderr, report: ended.json<KeyringReport>() };
};
const TABLES = ['identities', 'erased', 'counters', 'pending_facts'];
/** The keyring as a backup has it, and as a restore of that backup leaves it. */
const backUp = () =>
  program.sql(
    TABLES.map((name) => `drop table if exists kept_${name}; create table kept_${name} as table ${name};`).join(''),
    'axiom47_keyring',
  );
const restore = () =>
  program.sql(
    TABLES.map((name) => `delete from ${name}; insert into ${name} overriding system value table kept_${name};`).join(
      '',
    ),
    'axiom47_keyring',
  );

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
  await deploy(program, folder, { bgNbd, gammaGamma });
  await send(...['c-1', 'c-2', 'c-3'].flatMap((id, i) => [order(id, '2026-01-10'), order(id, `2026-0${i + 2}-14`)]));
  // A 202 says stored, not folded: until then the answer is of the population, and has no score id.
  for (const customer_id of ['c-1', 'c-2', 'c-3'])
    await until(`${customer_id} is known`, async () => {
      const { basis } = await program.call('POST', '/api/predict/churn', { customer_id });
      return basis === 'history';
    });
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

test('predictions and stored scores are computed again, bit for bit, also after more has come in', async () => {
  const churn = await program.call<{ p_churn: number; score_id: string }>('POST', '/api/predict/churn', {
    customer_id: 'c-1',
  });
  const clv = await program.call('POST', '/api/predict/clv', {
    items: [{ customer_id: 'c-1' }, { customer_id: 'c-2' }],
    months: 6,
  });
  const answers = join(folder, 'answers.json');
  writeFileSync(answers, JSON.stringify(clv));
  await until('every score is stored', async () => {
    const [row] = await program.sql<{ n: string }>('select count(*) as n from rm.scores where clv_mean is not null');
    return Number(row?.n) === 3;
  });
  await send(order('c-1', '2026-05-01'), order('c-4', '2026-05-02'));

  const one = await verify('--score', churn.score_id, '--value', String(churn.p_churn));
  expect([one.code, one.json<Replay>().verdict]).toEqual([0, 'same']);
  const wrong = await verify('--score', churn.score_id, '--value', '0.5');
  expect([wrong.code, wrong.json<Replay>().differences]).toEqual([
    1,
    [{ name: 'p_churn', given: 0.5, replayed: churn.p_churn }],
  ]);
  const several = await verify('--score', answers);
  expect([several.code, several.json<{ items: Replay[] }>().items.map(({ verdict }) => verdict)]).toEqual([
    0,
    ['same', 'same'],
  ]);
  const forged = await verify('--score', `${churn.score_id.slice(0, -6)}AAAAAA`);
  expect([forged.code, forged.json<Replay>().verdict]).toEqual([2, 'not-a-score']);

  const stored = await verify('--scores');
  expect(stored.json<StoredScoresReport>()).toMatchObject({ different: 0, differences: [] });
  expect(stored.json<StoredScoresReport>().checked).toBeGreaterThanOrEqual(3);
  expect(await program.sql('select distinct clock from masked.scores')).toEqual([{ clock: 'log' }]);
  // A stored score that somebody has touched is found.
  await program.sql('update rm.scores set p_churn = p_churn + 1e-16 * 8 where p_churn is not null');
  const touched = await verify('--scores');
  expect([touched.code, touched.json<StoredScoresReport>().different > 0]).toEqual([1, true]);
  expect(touched.stderr).toMatch(/stored scores are not what the log gives; the first: p_churn of clv_model@1/);
});

test('the keyring belongs to the log; an older one is found out in both directions', async () => {
  const before = await keyring();
  expect([before.code, before.report]).toEqual([0, expect.objectContaining({ ok: true, orphans: 0, returned: 0 })]);
  const gone = await program.call<{ score_id: string }>('POST', '/api/predict/churn', { customer_id: 'c-2' });
  await backUp();
  await send(order('late-1', '2026-05-03'), order('late-2', '2026-05-03'));
  await program.json(['workspace', 'erase', 'c-2', '--yes']);
  const after = await keyring();
  expect([after.code, after.report]).toEqual([0, expect.objectContaining({ ok: true, erased: 1, orphans: 0 })]);
  const erased = await verify('--score', gone.score_id);
  expect([erased.code, erased.json<Replay>().verdict]).toEqual([0, 'erased']);

  // What a restore in the wrong order leaves: the log knows two customers and an erasure that the keyring does not.
  await program.sql('create table newest as table identities', 'axiom47_keyring');
  await restore();
  const older = await keyring();
  expect(older.code).toBe(1);
  expect(older.report).toMatchObject({ ok: false, orphans: 2, returned: 1 });
  expect(older.report.named.orphans).toHaveLength(2);
  expect(older.stderr).toMatch(/2 ids in the log have no mapping.*older than the log: restore the newest keyring/);
  expect(older.stderr).toMatch(/1 erased ids have a mapping again/);
  expect(older.stderr + older.report).not.toMatch(/late-|c-2/);

  await program.sql(
    'delete from identities; insert into identities overriding system value table newest; drop table newest;',
    'axiom47_keyring',
  );
  // A mapping without an event is what a crash between the two commits leaves.
  await program.sql(
    `insert into identities (customer_id, anonymous, sid, sid_key, key_seed)
     values ('crashed', false, '00000000-0000-4000-8000-000000000001', 1, sha256('seed'))`,
    'axiom47_keyring',
  );
  const whole = await keyring();
  expect([whole.code, whole.report]).toEqual([0, expect.objectContaining({ ok: true, orphans: 0, unused: 1 })]);
});

test('a revoked source is out at once by HTTP and NATS, also after a restart, until it has new credentials', async () => {
  const till = await program.json<{ writeKey: string; nats: { url: string; creds: string } }>([
    'source',
    'add',
    'till',
  ]);
  const track = (writeKey: string) =>
    program.request('POST', '/v1/track', {
      body: { userId: 'c-1', event: 'seen', messageId: crypto.randomUUID() },
      headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
      token: null,
    });
  const connect = (creds: string) =>
    connectNats({ servers: [till.nats.url], seed: creds }, { reconnect: false, timeoutMs: 2_000 });
  expect((await track(till.writeKey)).status).toBe(200);
  const open = await connect(till.nats.creds);
  expect(await program.json(['source', 'revoke', 'till'])).toEqual({ source: 'till', writeKeys: 1, nats: true });
  expect((await track(till.writeKey)).status).toBe(401);
  await open.closed();
  await expect(connect(till.nats.creds)).rejects.toThrow();

  // A keyring from before the revocation says the key is good; the log says it is not.
  await program.sql('update access.write_keys set revoked_at = null', 'axiom47_keyring');
  await program.stop();
  program = await serve(['--data-dir', dataDir]);
  expect((await track(till.writeKey)).status).toBe(401);

  const again = await program.json<typeof till>(['source', 'add', 'till', '--rotate']);
  expect((await track(again.writeKey)).status).toBe(200);
  expect((await track(till.writeKey)).status).toBe(401);
  await (await connectNats({ servers: [again.nats.url], seed: again.nats.creds })).close();
});
