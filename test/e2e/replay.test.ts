// Time travel as a user has it: what was answered at a position is answered again, whatever came in, was put in force or was forgotten since.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('replay');
const dataDir = join(folder, 'main');
let program: Program;

const order = (customer_id: string, day: string, amount = '20.00') => ({
  type: 'order.placed',
  customer_id,
  at: `${day}T10:00:00Z`,
  data: { amount, currency: 'EUR', order_id: `${customer_id} ${day}` },
});
const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
const replay = (...args: string[]) => run(['replay', ...args, '--data-dir', dataDir]);
interface Answer {
  p_churn: number;
  p_alive: number;
  score_id: string;
  features: object;
  as_of: { seq: number; at: string };
  model: { id: string; version: number };
}
interface Moment {
  state: string;
  customers: number;
  buyers: number;
  orders: number;
  gross: Record<string, string>;
  as_of: { seq: number; at: string };
  models: { id: string; version: number; deployed_seq: number }[];
}
const moment = (asOf: number | string) => program.call<Moment>('GET', `/api/past?as_of=${asOf}`);
const churnOf = (customer_id: string, as_of?: object) =>
  program.call<Answer>('POST', '/api/predict/churn', { customer_id, strict: true, ...(as_of && { as_of }) });
const known = (customer_id: string, frequency: number) =>
  until(`${customer_id} has ${frequency} repeats`, async () => {
    const { features } = await program.call<{ features: { frequency: number } }>('POST', '/api/predict/churn', {
      customer_id,
    });
    return features.frequency === frequency;
  });

let then: { seq: number; ann: Answer; moment: Moment };

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  await deploy(program, folder, { bgNbd, gammaGamma });
  await program.call('POST', '/api/events', [
    ...['2026-01-10', '2026-02-14', '2026-03-01'].map((day) => order('ann', day)),
    ...['2026-01-12', '2026-02-20'].map((day) => order('bob', day, '35.50')),
    order('cy', '2026-01-20', '7.25'),
  ]);
  await known('ann', 2);
  await known('bob', 1);
  const ann = await churnOf('ann');
  then = { seq: ann.as_of.seq, ann, moment: await moment(ann.as_of.seq) };
  // More orders, one that comes late, another model, somebody erased.
  await program.call('POST', '/api/events', [
    order('ann', '2026-04-02'),
    order('dee', '2026-04-20'),
    order('ann', '2026-01-05'),
  ]);
  await deploy(program, folder, { bgNbd: { ...bgNbd, r: bgNbd.r * 1.5 }, gammaGamma });
  await known('ann', 4);
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

test('everybody at a position is what it was when that was the present', async () => {
  expect(then.moment).toMatchObject({ customers: 3, buyers: 3, orders: 6, gross: { EUR: '138.25' } });
  const { state, customers, gross, models } = await moment(then.seq);
  expect({ state, customers, gross }).toEqual({ state: then.moment.state, customers: 3, gross: { EUR: '138.25' } });
  expect(models).toEqual(then.moment.models);
  const now = await program.call<Moment>('GET', '/api/past');
  expect(now).toMatchObject({ customers: 4, orders: 9, gross: { EUR: '198.25' } });
  expect(now.state).not.toBe(state);
  expect(now.models[0]!.deployed_seq).toBeGreaterThan(models[0]!.deployed_seq);
  // A time is of what is known today: the order of January that came late counts.
  expect(await moment('2026-02-15')).toMatchObject({ orders: 5, buyers: 3, gross: { EUR: '102.75' } });
});

test('a customer is answered by the model of then, bit for bit, by the API, by `replay` and by `verify --score`', {
  timeout: 240_000,
}, async () => {
  const again = await churnOf('ann', then.ann.as_of);
  expect(again).toEqual(then.ann);
  expect((await churnOf('ann')).p_churn).not.toBe(then.ann.p_churn);
  const bare = await churnOf('ann', { seq: then.seq });
  expect(bare.p_churn).toBe(then.ann.p_churn);
  const { ref } = await program.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id: 'ann' });
  expect(await program.call('GET', `/api/customers/${ref}?as_of=${then.seq}`)).toMatchObject({
    orders: 3,
    model: then.ann.model,
    churn: { p_churn: then.ann.p_churn },
  });

  const shown = (await replay('--as-of', String(then.seq), '--customer', 'ann', '--json')).json<{
    customer: { orders: number; timeline: object[] };
    churn: Answer;
    clv: { clv_mean: number };
  }>();
  expect(shown.churn).toEqual(then.ann);
  expect(shown.customer).toMatchObject({ orders: 3, timeline: [{}, {}, {}] });
  expect(shown.clv.clv_mean).toBeGreaterThan(0);
  const text = await replay('--as-of', String(then.seq), '--customer', 'ann');
  expect(text.stdout).toContain(`p_churn ${then.ann.p_churn}`);
  expect(text.stdout).toContain('2026-03-01');
  expect(text.stdout).not.toContain('2026-04-02');

  const verified = await run([
    'verify',
    '--score',
    then.ann.score_id,
    '--value',
    String(then.ann.p_churn),
    '--json',
    '--data-dir',
    dataDir,
  ]);
  expect([verified.code, verified.json<{ verdict: string }>().verdict]).toEqual([0, 'same']);
});

test('what is not there is refused: positions and times outside the log, and customers it does not hold', {
  timeout: 240_000,
}, async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await replay(...args);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('--as-of', '999999')).toMatch(/the log ends at sequence \d+; 999999 has not been written/);
  expect(await refused('--as-of', '2099-01-01')).toContain('later than now');
  expect(await refused('--as-of', '2001-01-01')).toContain('the first order is of 2026-01-05');
  expect(await refused('--as-of', 'yesterday')).toContain("--as-of is not a time ('yesterday')");
  expect(await refused('--as-of', '0')).toContain('begins at sequence 1');
  expect(await refused('--as-of', '3', '--customer', 'nobody')).toContain('no event of this customer is known');
  expect(await refused('--as-of', String(then.seq), '--customer', 'dee')).toContain(
    'no event of this customer is known',
  );
  expect(await refused()).toContain('--as-of');
});

test('an erasure reaches the past; the rest of it stays', async () => {
  const erased = await run(['workspace', 'erase', 'bob', '--yes', '--data-dir', dataDir]);
  expect(erased.code).toBe(0);
  await until('bob is out of the past', async () => (await moment(then.seq)).customers === 2);
  expect(await moment(then.seq)).toMatchObject({ customers: 2, erased: 1, gross: { EUR: '67.25' } });
  expect(await churnOf('ann', then.ann.as_of)).toEqual(then.ann);
});

test('after a restart the index goes on; without a server the command starts one', { timeout: 240_000 }, async () => {
  const before = await moment(then.seq);
  await program[Symbol.asyncDispose]();
  const { code, json } = await replay('--as-of', String(then.seq), '--json');
  expect(code).toBe(0);
  expect(json<Moment>().state).toBe(before.state);
  program = await serve(['--data-dir', dataDir]);
  const status = await program.call<{ indexed: number; making: number | null; entries: number }>(
    'GET',
    '/api/past/status',
  );
  expect(status).toMatchObject({ making: null, entries: 10 });
  expect(await churnOf('ann', then.ann.as_of)).toEqual(then.ann);
});
