// The whole base through the whole program: the self-made shop in sixteen parts, a server killed between them, who moved after new events, somebody
// erased, and the command.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScoreResult } from '#ops/jobs/score.ts';
import { EXPORTED } from '#projections/exports.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { fixture, golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { jobsOf } from '../support/program-jobs.ts';
import { deploy } from './model-suites.ts';

const CUSTOMERS = 800;
const LAST = '2025-06-29';
const folder = temporaryFolder('score');
const dataDir = join(folder, 'main');
const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
let program: Program;

const { job, ended, ask } = jobsOf<ScoreResult>(() => program, 100_000);
const textOf = async (id: string): Promise<string> => {
  const headers = { authorization: `Bearer ${program.token}` };
  return await (await fetch(new URL(`/api/jobs/${id}/result`, program.served.url), { headers })).text();
};
const order = (customer_id: string) => ({
  type: 'order.placed',
  customer_id,
  at: `${LAST}T10:00:00Z`,
  data: { amount: '90.00', currency: 'EUR', order_id: `late ${customer_id}` },
});

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop']);
  await deploy(program, folder, { bgNbd, gammaGamma });
}, 300_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

test('a server killed between two parts goes on at its next start: the same file as in one go, nobody twice, nobody missing', async () => {
  // Ten years of purchases take their time.
  const { id } = await ask('score', { format: 'ndjson', months: 120 });
  await until(
    'a part is written',
    async () => {
      const { steps, status, failure } = await job(id);
      if (status === 'failed') expect.fail(failure!.message);
      return steps.length >= 2;
    },
    60_000,
  );
  await program.kill();
  program = await serve(['--data-dir', dataDir]);
  const resumed = await ended(id);
  expect(resumed).toMatchObject({ status: 'succeeded', attempt: 2, failure: null });
  expect(resumed.steps).toHaveLength(1 + 16 + 1);
  expect(resumed.result).toMatchObject({ customers: CUSTOMERS, rows: CUSTOMERS, family: 'clv_model' });
  const text = await textOf(id);
  const rows = text.trimEnd().split('\n');
  expect(new Set(rows.map((line) => JSON.parse(line).ref)).size).toBe(CUSTOMERS);
  const whole = await ended((await ask('score', { format: 'ndjson', months: 120, as_of: resumed.result!.as_of })).id);
  expect((await textOf(whole.id)) === text).toBe(true);
}, 400_000);

test('the command writes what single predictions say; then who moved, and why; who was erased is in no file', async () => {
  const first = join(folder, 'scores.csv.gz');
  const plain = ['--no-quantiles', '--identified'];
  const all = await program.json<ScoreResult & { job: string }>(['score', '--out', first, ...plain]);
  const rows = gunzipSync(readFileSync(first)).toString('utf8').trimEnd().split('\n');
  expect([rows[0]!.slice(0, 20), rows.length]).toEqual(['customer_id,p_churn,', CUSTOMERS + 1]);
  for (let i = 1; i < 8; i++) {
    const [customer_id, p_churn] = rows[i * 100]!.split(',');
    const answer = await program.call<{ p_churn: number }>('POST', '/api/predict/churn', { customer_id });
    expect(Number(p_churn)).toBe(answer.p_churn);
  }
  await program.call('POST', '/api/events', ['C0011', 'C0012', 'nobody yet'].map(order));
  await until('the orders are known', async () => {
    const answer = await program.request<{ features: { recency_days: number } }>('POST', '/api/predict/churn', {
      body: { customer_id: 'nobody yet', strict: true },
    });
    return answer.status === 200;
  });
  const erased = await run(['workspace', 'erase', 'C0013', '--yes', '--data-dir', dataDir]);
  expect(erased.code, erased.stderr).toBe(0);
  const second = join(folder, 'moved.csv');
  const people = await run(['score', '--out', second, '--delta', ...plain, '--data-dir', dataDir]);
  expect([people.code, people.stderr]).toEqual([0, expect.not.stringContaining('axiom47:')]);
  expect(people.stdout).toMatch(
    /P\(churn\) moved farthest, and why:\ncustomer +from +to +before +clock +events +model +after/,
  );
  const moved = readFileSync(second, 'utf8').trimEnd().split('\n');
  expect(
    moved
      .slice(1)
      .map((line) => line.split(',')[0])
      .sort(),
  ).toEqual(['C0011', 'C0012', 'nobody yet']);
  const none = await run(['score', '--out', second, '--delta', ...plain, '--data-dir', dataDir]);
  expect(none.stdout).toMatch(/: nobody moved; all 800 have the score they had\n$/);
  expect(none.stdout).not.toMatch(/from +to +customers/);
  const again = await textOf(all.job);
  expect(again.includes('\nC0012,')).toBe(true);
  expect(again.includes('\nC0013,')).toBe(false);
  const dry = await program.json<ScoreResult>(['score', '--dry-run']);
  expect(dry.estimate).toMatchObject({ customers: CUSTOMERS, sampled: CUSTOMERS });
}, 400_000);

interface Transaction {
  customer_id: string;
  txn_ts: string;
  amount: string;
  currency: string;
  kind: string;
  seq: number;
}

test('tables are taken along: CSV, NDJSON and Parquet hold the rows that SQL finds, by the keyring’s names', async () => {
  const odd = '=1+1, "x"';
  await program.call('POST', '/api/events', [order(odd)]);
  const find = `select t.sid_key::text, c.sid::text, t.at, t.day, t.minor::text, t.currency, t.kind, t.seq::text
                from rm.transactions t join rm.customers c using (sid_key) order by t.seq, t.order_key`;
  type Found = Record<'sid_key' | 'sid' | 'minor' | 'currency' | 'seq', string> & {
    at: Date;
    day: number;
    kind: number;
  };
  const keyring = 'select customer_id, sid_key::text from identities';
  const names = new Map<string, string>();
  const found = await until('the tables hold the order', async () => {
    for (const row of await program.sql<{ customer_id: string; sid_key: string }>(keyring, 'axiom47_keyring'))
      names.set(row.sid_key, row.customer_id);
    const rows = await program.sql<Found>(find);
    return rows.some(({ sid_key }) => names.get(sid_key) === odd) && rows;
  });
  const truth = (who: (row: Found) => string, rows = found) =>
    rows
      .map((row): Transaction => {
        const amount = ((row.kind === 1 ? -1 : 1) * Number(row.minor)) / 100;
        const { currency } = row;
        const kind = row.kind === 0 ? 'order' : 'refund';
        const [txn_ts, seq] = [row.at.toISOString(), Number(row.seq)];
        return { customer_id: who(row), txn_ts, amount: amount.toFixed(2), currency, kind, seq };
      })
      .map((row) => JSON.stringify(row))
      .sort();
  const named = truth(({ sid_key }) => names.get(sid_key)!);
  const read = (rows: readonly Record<string, unknown>[]) =>
    rows
      .map(({ customer_id, ref, txn_ts, amount, currency, kind, seq }) => {
        const at = txn_ts instanceof Date ? txn_ts.toISOString() : txn_ts;
        const money = Number(amount).toFixed(2);
        return { customer_id: customer_id ?? ref, txn_ts: at, amount: money, currency, kind, seq: Number(seq) };
      })
      .map((row) => JSON.stringify(row))
      .sort();
  const json = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const get = async (query: string) => {
    const headers = { authorization: `Bearer ${program.token}` };
    const answer = await fetch(new URL(`/api/export?${query}`, program.served.url), { headers });
    return { rows: Number(answer.headers.get('x-axiom47-rows')), text: await answer.text() };
  };

  const csv = await get('table=transactions&identified=true');
  expect(csv.rows).toBe(found.length);
  const cells: Record<string, string>[] = parse(csv.text, { columns: true });
  const guarded = cells.filter(({ customer_id }) => customer_id === `'${odd}`);
  expect(guarded).toHaveLength(1);
  for (const row of guarded) row.customer_id = odd;
  expect(read(cells)).toEqual(named);
  const ndjson = await get('table=transactions&format=ndjson');
  expect(read(json(ndjson.text))).toEqual(truth(({ sid }) => `sid:${sid.replaceAll('-', '')}`));
  const path = join(folder, 'all.parquet');
  const parquet = await program.json<{ rows: number }>(['export', 'transactions', '--out', path, '--identified']);
  const { buffer } = Uint8Array.from(readFileSync(path));
  expect(read(await parquetReadObjects({ file: buffer }))).toEqual(named);
  expect(parquet.rows).toBe(found.length);

  const days = found.map(({ day }) => day).sort((a, b) => a - b);
  const middle = days[Math.floor(days.length / 2)]!;
  const half = await get(`table=transactions&as_of=${new Date(middle * 86_400_000).toISOString().slice(0, 10)}`);
  const upTo = found.filter(({ day }) => day <= middle).length;
  expect([half.rows, parse(half.text, { columns: true }).length]).toEqual([upTo, upTo]);
  expect(upTo).toBeLessThan(found.length);

  for (const { name, ofCustomers } of EXPORTED) {
    const { rows, text } = await get(`table=${name}`);
    const schema = ['deployments', 'erased_totals'].includes(name) ? 'rm' : 'masked';
    const [counted] = await program.sql<{ n: number }>(`select count(*)::int as n from ${schema}.${name}`);
    expect([name, rows, parse(text, { columns: true }).length]).toEqual([name, counted!.n, counted!.n]);
    expect([name, text.startsWith('ref,')]).toEqual([name, ofCustomers]);
  }
  const scores = json((await run(['export', 'scores', '--json', '--data-dir', dataDir])).stdout);
  const stored = await program.sql<{ p_churn: number }>('select p_churn from rm.scores');
  expect(scores.map(({ p_churn }) => p_churn).sort()).toEqual(stored.map(({ p_churn }) => p_churn).sort());
}, 120_000);

test('names go to who may see them; what there is not is refused with what there is', async () => {
  const { key } = await program.json<{ key: string }>(['key', 'create', '--role', 'ml-engineer']);
  const get = (query: string) => program.request('GET', `/api/export?${query}`, { token: key });
  expect((await get('table=scores')).status).toBe(200);
  const refused = await get('table=scores&identified=true');
  expect([refused.status, refused.body.detail]).toEqual([403, expect.stringContaining('not with customer ids')]);
  for (const [query, status, said] of [
    ['table=nothing', 404, /there is no table nothing; there are customers, transactions/],
    ['table=scores&as_of=2025-01-01', 422, /scores: the table holds what is so now.*axiom47 score --as-of/],
    ['table=transactions&as_of=5', 422, /transactions: .*not a position of the log/],
  ] as const) {
    const answer = await get(query);
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringMatching(said)]);
  }
  for (const [args, said] of [
    [['nothing'], /there is no table nothing; there are customers, transactions/],
    [['scores', '--as-of', '2025-01-01'], /scores: the table holds what is so now/],
  ] as const) {
    const { code, stdout, stderr } = await run(['export', ...args, '--data-dir', dataDir]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.split('\n').filter((line) => line.startsWith('axiom47: '))).toEqual([expect.stringMatching(said)]);
  }
});

test.each([
  [['--out', 'x.csv', '--model', 'clv_model@99'], /there is no model clv_model@99/],
  [['--out', 'x.csv', '--as-of', '99999999'], /the log ends at sequence/],
  [['--out', 'x.csv', '--format', 'xlsx'], /--format xlsx: one of csv, ndjson, parquet/],
  [[], /score needs --out FILE, or --dry-run/],
])('%j is refused in one line with what to do, exit code 2', async (args, said) => {
  const { code, stdout, stderr } = await run(['score', ...args, '--data-dir', dataDir, '--json']);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr.split('\n').filter((line) => line.startsWith('axiom47: '))).toEqual([expect.stringMatching(said)]);
});
