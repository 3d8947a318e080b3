// Another time zone as a user has it: shown first, done on --yes, the past stays answered as it was, and kill -9 leaves no mixture.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ZonePreview } from '#api/integrity-deps.ts';
import type { Replay } from '#api/predict/replay.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('zone');
const dataDir = join(folder, 'main');
let program: Program;
beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
  await deploy(program, folder, { bgNbd, gammaGamma });
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

const order = (customer_id: string, at: string) => ({
  type: 'order.placed',
  customer_id,
  at,
  data: { amount: '20.00', currency: 'EUR', order_id: `${customer_id} ${at}` },
});
interface Churn {
  p_churn: number;
  score_id: string;
  as_of: { seq: number; at: string };
  features: { frequency: number; T_days: number };
}
const churn = (customer_id: string, as_of?: object) =>
  program.call<Churn>('POST', '/api/predict/churn', { customer_id, ...(as_of ? { as_of } : {}) });
const frequencies = async () => Promise.all(['c-1', 'c-2'].map(async (id) => (await churn(id)).features.frequency));
const tableDays = async () => {
  const rows = await program.sql<{ day: string }>(
    'select day::text as day from masked.transactions order by txn_ts, day',
  );
  return rows.map(({ day }) => day);
};

// Ten commands and two starts: minutes on a machine that others use too.
const PATIENCE = { timeout: 240_000 };

test(
  'a rebuild gives every earlier day to the new zone; before it nothing changes, and the past never does',
  PATIENCE,
  async () => {
    // In UTC two days each; in Berlin c-1 has bought on one day only, and c-2's date stays that date.
    const events = [
      order('c-1', '2026-01-10T23:30:00Z'),
      order('c-1', '2026-01-11T10:00:00Z'),
      order('c-2', '2026-01-10'),
      order('c-2', '2026-01-11T22:30:00Z'),
    ];
    await program.call('POST', '/api/events', events);
    await until('both are known', async () => (await frequencies()).join() === '1,1');
    const before = await churn('c-1');
    expect(await program.json(['workspace', 'zone', 'Europe/Berlin'])).toMatchObject({ version: 2 });
    const wrong = await run(['workspace', 'zone', 'Mars/Olympus', '--data-dir', dataDir]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('not an IANA time zone')]);
    expect(await frequencies()).toEqual([1, 1]);
    await program.call('POST', '/api/events', [order('c-3', '2026-01-12T23:30:00Z')]);
    const stamped = ['2026-01-10', '2026-01-10', '2026-01-11', '2026-01-11', '2026-01-13'];
    await until('the table has all', async () => (await tableDays()).length === 5);
    expect((await tableDays()).sort()).toEqual(stamped);

    const preview = await program.json<ZonePreview & { rebuilt: boolean }>(['rebuild', '--zone']);
    expect(preview).toMatchObject({ customers: 3, frequency: 1, repeatsBefore: 2, repeatsAfter: 1, rebuilt: false });
    expect((await tableDays()).sort()).toEqual(stamped);

    expect(await program.json(['rebuild', '--zone', '--yes'])).toMatchObject({ frequency: 1, rebuilt: true });
    expect(await frequencies()).toEqual([0, 1]);
    expect((await tableDays()).sort()).toEqual(['2026-01-10', '2026-01-11', '2026-01-11', '2026-01-11', '2026-01-13']);
    const { as_of, ...then } = await churn('c-1', before.as_of);
    expect({ ...then, as_of }).toEqual(before);
    const replay = await program.json<Replay>([
      'verify',
      '--score',
      before.score_id,
      '--value',
      String(before.p_churn),
    ]);
    expect(replay.verdict).toBe('same');
    const again = await run(['rebuild', '--zone', '--yes', '--data-dir', dataDir]);
    expect([again.code, again.stderr]).toEqual([
      2,
      expect.stringContaining('every day is of the zone in force already'),
    ]);
  },
);

test('kill -9 in the middle: the next start is wholly in the new zone', PATIENCE, async () => {
  await program.json(['workspace', 'zone', 'America/New_York']);
  const { seq } = await program.call<{ seq: number }>('POST', '/api/zone/rebuild');
  await program.kill();
  program = await serve(['--data-dir', dataDir]);
  await until('the tables are filled again', async () => {
    const zone = await program.call<{ rezoned: number; tablesSeq: number }>('GET', '/api/zone');
    return zone.rezoned === 3 && zone.tablesSeq >= seq;
  });
  expect(await frequencies()).toEqual([1, 1]);
  expect((await tableDays()).sort()).toEqual(['2026-01-10', '2026-01-10', '2026-01-11', '2026-01-11', '2026-01-12']);
  const { state } = (await program.call<{ digests: { state: string } }>('GET', '/api/log')).digests;
  await program.stop();
  program = await serve(['--data-dir', dataDir]);
  expect((await program.call<{ digests: { state: string } }>('GET', '/api/log')).digests.state).toBe(state);
});
