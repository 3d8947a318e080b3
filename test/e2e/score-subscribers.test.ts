// Subscribers scored as a base, by the classifier and by the Cox model: the digits of single predictions, blanks with a reason, who moved and why; the same
// comparison asked again, or cut off by a killed server, is the same. And a plan that outlives its server.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScoreResult } from '#ops/jobs/score.ts';
import type { Split } from '#processors/scoring/moves.ts';
import { csvRows, fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { jobsOf } from '../support/program-jobs.ts';

interface Line {
  customer_id: string;
  p_churn: number | null;
  lower: number | null;
  horizon_days: number | null;
  model: string | null;
  clv_mean: number | null;
  not_scored: string | null;
  no_value: string | null;
  no_interval: string | null;
  score_id: string | null;
}
interface Plan {
  id: string;
  last: { job: string | null; missed: number } | null;
}
const DAY = '2024-01-01';
const folder = temporaryFolder('score-subscribers');
const dataDir = join(folder, 'main');
const rows = csvRows(fixture('churn.csv'));
let program: Program;

const { job, ended, ask } = jobsOf<ScoreResult>(() => program, 150_000);
const linesOf = (file: string): Line[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
async function scored(
  name: string,
  ...args: string[]
): Promise<{ result: ScoreResult & { job: string }; lines: Line[] }> {
  const file = join(folder, `${name}.ndjson`);
  const result = await program.json<ScoreResult & { job: string }>(['score', '--out', file, '--identified', ...args]);
  return { result, lines: linesOf(file) };
}
/** Whatever of a result does not say when or as which job it was made. */
const said = ({ delta, bands, customers, rows: written, not_scored }: ScoreResult) => ({
  delta,
  bands,
  customers,
  written,
  not_scored,
});

beforeAll(async () => {
  program = await serve(['--empty', '--currency', 'USD', '--data-dir', dataDir]);
  const table = ['--kind', 'subscription', '--snapshot', DAY, '--currency', 'USD', '--attributes', 'all'];
  const columns = ['--customer', 'customer_id', '--tenure', 'tenure_months:months', '--ended', 'churned=1'];
  await program.json([
    'import',
    fixture('churn.csv'),
    ...table,
    ...columns,
    '--amount',
    'monthly_charge',
    '--name',
    'contract',
  ]);
}, 300_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

test('the front page names the models that answer about subscribers', async () => {
  const home = await program.call<{ model: null; models_in_force: string[] }>('GET', '/api/home');
  expect(home.model).toBeNull();
  expect(home.models_in_force.map((id) => id.split('@')[0]).sort()).toEqual([
    'subscription_churn_model',
    'subscription_survival_model',
  ]);
});

test.each([
  ['the classifier over its own horizon', [], {}, 'subscription_churn_model'],
  ['the Cox model over another', ['--horizon', '90d'], { horizon_days: 90 }, 'subscription_survival_model'],
] as const)(
  '%s: the digits of single predictions; value and interval are blank, with the reason',
  async (_, args, asked, model) => {
    const { result, lines } = await scored(`by-${model}`, ...args);
    expect(result).toMatchObject({ customers: rows.length, rows: rows.length });
    expect(new Set(lines.map(({ customer_id }) => customer_id)).size).toBe(rows.length);
    for (const { clv } of Object.values(result.bands)) expect(clv).toBeNull();
    const answered = lines.filter(({ p_churn }) => p_churn !== null);
    expect(answered.length).toBeGreaterThan(rows.length / 2);
    expect(new Set(answered.map((line) => line.model!.split('@')[0]))).toEqual(new Set([model]));
    for (const line of lines) {
      expect([line.clv_mean, line.no_value]).toEqual([null, 'no-model']);
      expect(line.not_scored === null).toBe(line.p_churn !== null);
      expect([line.lower, line.no_interval]).toEqual([
        null,
        line.p_churn === null ? null : 'parameter-uncertainty-not-estimated',
      ]);
    }
    const step = Math.floor(lines.length / 25);
    for (let i = 0; i < lines.length; i += step) {
      const { customer_id, p_churn, score_id, horizon_days, not_scored } = lines[i]!;
      const answer = await program.request<Line & { reason: string }>('POST', '/api/predict/churn', {
        body: { customer_id, ...asked },
      });
      if (p_churn === null) expect([answer.status, answer.body.reason === undefined]).toEqual([422, false]);
      else expect(answer.body).toMatchObject({ p_churn, score_id, horizon_days });
      if (p_churn === null) expect(not_scored).not.toBeNull();
    }
    const people = await run(['score', '--out', join(folder, 'people.csv'), '--data-dir', dataDir]);
    expect([people.code, people.stdout]).toEqual([
      0,
      expect.stringMatching(/no lifetime value: no model of purchases/),
    ]);
  },
  300_000,
);

test('who moved: their own events and another model, split so that the parts sum; asked again or cut off, it is the same', async () => {
  const { result: first } = await scored('first');
  const nothing = await ended((await ask('score', { format: 'ndjson', delta_against: first.job })).id);
  expect(nothing.result).toMatchObject({ customers: rows.length, rows: 0 });
  const active = rows.filter(({ churned }) => churned === '0').map(({ customer_id }) => customer_id!);
  const movers = active.slice(0, 12);
  const events = movers.map((customer_id, i) => ({
    id: `renewed-${customer_id}`,
    type: 'activity.recorded',
    customer_id,
    at: `${DAY}T1${i % 10}:00:00Z`,
    data: { name: 'support.contacted' },
  }));
  await program.call('POST', '/api/events', events);
  // Live input would wait a week for late events.
  const withoutTenure = ['--without', 'subscription_tenure_days', '--lateness', '0'];
  const trained = await program.json<{ id: string }>([
    'train',
    'churn-logistic',
    '--definition',
    'contractual',
    ...withoutTenure,
  ]);
  await program.json(['model', 'deploy', trained.id, '--yes']);
  const body = { format: 'ndjson', quantiles: true, delta_against: first.job };
  const whole = await ended((await ask('score', body)).id);
  expect(whole.status).toBe('succeeded');
  const delta = whole.result!.delta!;
  expect(delta.against.job).toBe(first.job);
  // Everybody stands in the report, once.
  const counted = Object.values(delta.transitions).reduce((sum, { customers }) => sum + customers, 0);
  expect(counted).toBe(rows.length);
  expect(delta.by_churn.length).toBeGreaterThan(5);
  const sums = (split: Split) => split.before + split.clock + split.events + split.model === split.after;
  for (const { p_churn, clv_mean } of delta.by_churn) {
    expect([sums(p_churn), clv_mean]).toEqual([true, null]);
    expect(p_churn.model).not.toBe(0);
  }
  const ends = await program.call<{ p_churn: number }>('POST', '/api/predict/churn', {
    customer_id: await program
      .call<{ customer_id: string }>('GET', `/api/customers/${delta.by_churn[0]!.ref}`)
      .then(({ customer_id }) => customer_id),
  });
  expect(delta.by_churn[0]!.p_churn.after).toBeCloseTo(ends.p_churn, 11);

  const again = await ended((await ask('score', { ...body, as_of: whole.result!.as_of })).id);
  expect(said(again.result!)).toEqual(said(whole.result!));

  const { id } = await ask('score', { ...body, as_of: whole.result!.as_of });
  await until(
    'a part is written',
    async () => (await job(id)).steps.length >= 2 || (await job(id)).status !== 'running',
    60_000,
  );
  await program.kill();
  program = await serve(['--data-dir', dataDir]);
  expect(said((await ended(id)).result!)).toEqual(said(whole.result!));
}, 500_000);

test('a plan outlives its server: it runs at its minute, and is there after a restart', async () => {
  const plan = await program.json<Plan>([
    'schedule',
    'create',
    '* * * * *',
    '--zone',
    'Europe/Sofia',
    'score',
    '--no-quantiles',
  ]);
  const lastOf = async () => (await program.json<Plan[]>(['schedule', 'list'])).find(({ id }) => id === plan.id)!.last;
  const ran = await until('it has run', lastOf, 100_000);
  expect((await ended(ran.job!)).status).toBe('succeeded');
  await program.json(['schedule', 'pause', plan.id]);
  await program.stop();
  program = await serve(['--data-dir', dataDir]);
  expect(await program.json<Plan[]>(['schedule', 'list'])).toMatchObject([{ id: plan.id, status: 'paused', next: [] }]);
  const asked = await program.json<{ id: string; kind: string }>(['schedule', 'run', plan.id]);
  expect([asked.kind, (await ended(asked.id)).status]).toEqual(['score', 'succeeded']);
  const gone = await run(['schedule', 'remove', plan.id, '--data-dir', dataDir]);
  expect([gone.code, gone.stdout]).toEqual([0, expect.stringMatching(/is removed/)]);
  expect(await program.json(['schedule', 'list'])).toEqual([]);
  const wrong = await run(['schedule', 'create', '0 3 * *', 'score', '--data-dir', dataDir]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/five fields/)]);
}, 300_000);
