// The whole base through the whole program: the self-made shop in sixteen parts, a server killed between them, who moved after new events, somebody
// erased, and the command.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScoreResult } from '#ops/jobs/score.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { fixture, golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

interface JobAnswer {
  id: string;
  status: string;
  attempt: number;
  steps: string[];
  failure: { reason: string; message: string } | null;
  result?: ScoreResult;
}
const CUSTOMERS = 800;
const LAST = '2025-06-29';
const folder = temporaryFolder('score');
const dataDir = join(folder, 'main');
const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
let program: Program;

const job = (id: string) => program.call<JobAnswer>('GET', `/api/jobs/${id}`);
const ended = (id: string) =>
  until(
    `job ${id} has ended`,
    async () => {
      const now = await job(id);
      return now.status !== 'queued' && now.status !== 'running' && now;
    },
    100_000,
  );
const ask = (body: object) => program.call<JobAnswer>('POST', '/api/jobs/score', body);
const textOf = async (id: string): Promise<string> => {
  const headers = { authorization: `Bearer ${program.token}` };
  return await (await fetch(new URL(`/api/jobs/${id}/result`, program.served.url), { headers })).text();
};

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
  const { id } = await ask({ format: 'ndjson', months: 120 });
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
  const whole = await ended((await ask({ format: 'ndjson', months: 120, as_of: resumed.result!.as_of })).id);
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
  const order = (customer_id: string) => ({
    type: 'order.placed',
    customer_id,
    at: `${LAST}T10:00:00Z`,
    data: { amount: '90.00', currency: 'EUR', order_id: `late ${customer_id}` },
  });
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
  const again = await textOf(all.job);
  expect(again.includes('\nC0012,')).toBe(true);
  expect(again.includes('\nC0013,')).toBe(false);
  const dry = await program.json<ScoreResult>(['score', '--dry-run']);
  expect(dry.estimate).toMatchObject({ customers: CUSTOMERS, sampled: CUSTOMERS });
}, 400_000);

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
