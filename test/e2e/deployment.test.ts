// Deployments by the program as a user has it: gates that stop a bad challenger, a canary that answers the same customers through restarts, answers
// that come back bit for bit, and a version the program takes back by itself.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeOf } from '#domain/canary.ts';
import { csvRows, fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';

type Gate = {
  rule: string;
  value: number | null;
  limit: number | null;
  passed: boolean | null;
  applicable: boolean;
  why: string;
  what_to_do: string | null;
};
interface Step {
  id: string;
  stage: string;
  percent: number | null;
  seq: number | null;
  changed: boolean;
  gates: Gate[];
}
interface Deployment {
  active: string | null;
  canary: { id: string; percent: number } | null;
  shadow: string | null;
  challenger: string | null;
  challenger_by_hand: boolean;
  aliases: Record<string, string | null>;
  versions: { id: string; stage: string; taken_back: number }[];
  watched: { id: string; against: string } | null;
  comparisons: { id: string; against: string; compared: number; churn: { psi: number; rank_correlation: number } }[];
  history: {
    event: string;
    id: string | null;
    by: string;
    reason: string | null;
    automatic: boolean;
    seq: number | null;
  }[];
}
interface Churn {
  p_churn: number;
  score_id: string;
  model: { id: string };
  as_of: { seq: number };
}
interface Problem {
  reason: string;
  detail: string;
  refused?: string;
  gates?: Gate[];
}
type Params = { r: number; alpha: number; a: number; b: number };

const MODEL = 'clv_model';
const reason = 'tried in a test';
const folder = temporaryFolder('deployment');
const dataDir = join(folder, 'main');
const customers = [...new Set(csvRows(fixture('clv_transactions.csv')).map((row) => row.customer_id!))];
const asked = customers.slice(0, 120);
const places = new Map<string, number>();
let program: Program;

const state = () => program.call<Deployment>('GET', `/api/deployments/${MODEL}`);
/** Waits until the first version is active again, by no hand; answers how that is told. */
async function rolledBack() {
  const { history } = await until(
    'it was rolled back',
    async () => {
      const now = await state();
      return now.active === `${MODEL}@1` && now.history[0]!.seq !== null && now;
    },
    60_000,
  );
  expect(history[0]).toMatchObject({ event: 'model.rolled-back', by: 'system', automatic: true });
  return history[0]!;
}
const step = (id: string, verb: string, body: object = {}) =>
  program.call<Step>('POST', `/api/models/${encodeURIComponent(id)}/${verb}`, { reason, ...body });
const refusal = async (id: string, verb: string, body: object = {}) => {
  const { status, body: problem } = await program.request<Problem>(
    'POST',
    `/api/models/${encodeURIComponent(id)}/${verb}`,
    { body: { reason, ...body } },
  );
  return { status, ...problem };
};
const churn = (customer_id: string, as_of?: number) =>
  program.call<Churn>('POST', '/api/predict/churn', { customer_id, ...(as_of !== undefined && { as_of }) });
/** Of everybody asked about, by id: the version that answered and the bits of the answer. */
async function answers(as_of?: number): Promise<Map<string, { model: string; p: number }>> {
  const items = asked.map((customer_id) => ({ customer_id }));
  const body = { items, ...(as_of !== undefined && { as_of }) };
  const answer = await program.call<{ items: (Churn & { customer_id: string })[] }>('POST', '/api/predict/churn', body);
  return new Map(answer.items.map((each) => [each.customer_id, { model: each.model.id, p: each.p_churn }]));
}
const inCanary = async (as_of?: number) =>
  [...(await answers(as_of))].filter(([, { model }]) => model === `${MODEL}@2`).map(([id]) => id);
/** A version from the parameters of the first, changed. */
async function challenger(change: (params: Params) => Params): Promise<string> {
  const { artefact } = await program.call<{ artefact: Record<string, unknown> }>('GET', `/api/models/${MODEL}@1`);
  const name = ['bgNbd', 'mbgNbd', 'paretoNbd'].find((each) => artefact[each] !== undefined)!;
  const { unit, gammaGamma } = artefact;
  const file = { model: 'clv', unit, gammaGamma, [name]: change(artefact[name] as Params) };
  return (await program.call<{ id: string }>('POST', '/api/models', file)).id;
}
const later = (params: Params): Params => ({ ...params, alpha: params.alpha * 1.02 });
/** Everybody is taken to buy forty times as often as they do: who is silent for a week has left. */
const wrong = (params: Params): Params => ({ ...params, r: params.r * 20, alpha: params.alpha / 2 });

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop']);
  for (const customer_id of asked) {
    const { ref } = await program.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id });
    places.set(customer_id, placeOf(Buffer.from(ref.slice('sid:'.length), 'hex'), MODEL));
  }
});
afterAll(removeFolders);

describe('a challenger much like the active version', () => {
  let first: Awaited<ReturnType<typeof answers>>;
  let beforeCanary: number;
  let duringCanary: number;

  test('the first version is active: nothing there was to compare it with, and what could be judged was', async () => {
    expect(await state()).toMatchObject({ active: `${MODEL}@1`, canary: null, aliases: { champion: `${MODEL}@1` } });
    first = await answers();
    expect([...new Set([...first.values()].map(({ model }) => model))]).toEqual([`${MODEL}@1`]);
    expect(await challenger(later)).toBe(`${MODEL}@2`);
  });

  test('in shadow it is scored beside the active one, and answers nobody', async () => {
    expect(await step(`${MODEL}@latest`, 'shadow')).toMatchObject({ id: `${MODEL}@2`, stage: 'shadow', seq: null });
    const { comparisons } = await until('the shadow was scored', async () => {
      const now = await state();
      return now.comparisons.length > 0 && now;
    });
    expect(comparisons[0]).toMatchObject({ id: `${MODEL}@2`, against: `${MODEL}@1`, compared: customers.length });
    expect(comparisons[0]!.churn.rank_correlation).toBeGreaterThan(0.99);
    expect(await answers()).toEqual(first);
  });

  test('its gates are passed, each with its value and limit', async () => {
    const { passed, gates } = await program.call<{ passed: boolean; gates: Gate[] }>(
      'GET',
      `/api/models/${MODEL}@shadow/gates`,
    );
    expect(passed).toBe(true);
    const shift = gates.find(({ rule }) => rule === 'score-shift')!;
    expect(shift).toMatchObject({ limit: 0.5, passed: true, applicable: true });
    expect(gates.filter(({ applicable }) => !applicable).every(({ why }) => why.length > 0)).toBe(true);
  });

  test('a canary answers the customers whose place is below its share, in every way of asking', async () => {
    beforeCanary = (await churn(asked[0]!)).as_of.seq;
    const canary = await step(`${MODEL}@2`, 'canary', { percent: 30 });
    expect(canary).toMatchObject({ stage: 'canary', percent: 30, changed: true, seq: expect.any(Number) });
    expect((await step(`${MODEL}@2`, 'canary', { percent: 30 })).changed).toBe(false);
    const mine = asked.filter((id) => places.get(id)! < 0.3);
    expect(mine.length).toBeGreaterThan(10);
    expect(await inCanary()).toEqual(mine);
    duringCanary = (await churn(mine[0]!)).as_of.seq;
    for (const id of [...mine.slice(0, 5), ...asked.filter((each) => !mine.includes(each)).slice(0, 5)]) {
      const by = { id: mine.includes(id) ? `${MODEL}@2` : `${MODEL}@1` };
      expect((await churn(id)).model).toMatchObject(by);
      const value = await program.call<{ model: object }>('POST', '/api/predict/clv', { customer_id: id });
      expect(value.model).toMatchObject(by);
      expect((await program.customer<{ churn: { model: string } }>(id)).churn.model).toBe(by.id);
    }
    for (const kind of ['churn', 'clv']) {
      const columns = await program.call<{ columns: { model: number[] }; models: string[] }>(
        'POST',
        '/api/predict/batch',
        {
          customer_ids: asked,
          kind,
        },
      );
      const said = columns.columns.model.map((i) => columns.models[i]);
      expect(said).toEqual(asked.map((id) => (mine.includes(id) ? `${MODEL}@2` : `${MODEL}@1`)));
    }
    const value = await program.call<{ items: { model: { id: string } }[] }>('POST', '/api/predict/clv', {
      items: asked.map((customer_id) => ({ customer_id })),
    });
    expect(value.items.map(({ model }) => model.id === `${MODEL}@2`)).toEqual(asked.map((id) => mine.includes(id)));
    // Of whom nothing is known, nothing decides: the active version answers.
    expect((await churn('nobody-ever')).model.id).toBe(`${MODEL}@1`);
  });

  test('a score of the canary can be computed again, and an earlier moment has its own answerers', async () => {
    const { score_id, p_churn } = await churn(asked.find((id) => places.get(id)! < 0.3)!);
    const verified = await program.json<{ verdict: string }>([
      'verify',
      '--score',
      score_id,
      '--value',
      String(p_churn),
    ]);
    expect(verified.verdict).toBe('same');
    expect(await answers(beforeCanary)).toEqual(first);
    expect(await inCanary(duringCanary)).toEqual(asked.filter((id) => places.get(id)! < 0.3));
  });

  test('a scoring of the base says of every customer which version answered, with the digits of the single answer', async () => {
    const out = join(folder, 'scores.csv');
    await program.json(['score', '--out', out, '--identified']);
    const lines = new Map(csvRows(out).map((row) => [row.customer_id!, row]));
    for (const [id, { model, p }] of await answers()) {
      const line = lines.get(id)!;
      expect([id, line.model, line.clv_model, Number(line.p_churn)]).toEqual([id, model, model, p]);
    }
    const { score_id } = await churn(asked.find((id) => places.get(id)! < 0.3)!);
    expect([...lines.values()].some((line) => line.score_id === score_id)).toBe(true);
  });

  test('the table of scores has a row of the canary for each of its customers, and of nobody else', async () => {
    const sids = async (where: string) =>
      (await program.sql<{ sid: string }>(`select c.sid from rm.customers c ${where}`)).map(({ sid }) => sid).sort();
    const all = await sids('where c.orders > 0');
    const mine = all.filter((sid) => placeOf(Buffer.from(sid.replaceAll('-', ''), 'hex'), MODEL) < 0.3);
    const scored = () =>
      sids(`join rm.scores s using (sid_key) where s.model_id = '${MODEL}@2' and s.p_churn is not null`);
    await until('the canary has scored its customers', async () => (await scored()).length >= mine.length);
    expect(await scored()).toEqual(mine);
    expect(mine.length).toBeGreaterThan(50);
  });

  test('an earlier moment names who answered then', async () => {
    const at = async (seq: number) =>
      (
        await program.json<{ models: { id: string; version: number; percent: number }[] }>([
          'replay',
          '--as-of',
          String(seq),
        ])
      ).models.map(({ id, version, percent }) => [id, version, percent]);
    expect(await at(beforeCanary)).toEqual([[MODEL, 1, 100]]);
    expect(await at(duringCanary)).toEqual([
      [MODEL, 1, 100],
      [MODEL, 2, 30],
    ]);
  });

  test('aliases name the versions on the command line', async () => {
    expect(await program.json(['model', 'alias', MODEL])).toEqual({
      [MODEL]: {
        champion: `${MODEL}@1`,
        production: `${MODEL}@1`,
        challenger: `${MODEL}@2`,
        shadow: null,
        canary: `${MODEL}@2`,
        latest: `${MODEL}@2`,
      },
    });
    const card = await program.json<{ markdown: string }>(['model', 'card', `${MODEL}@champion`]);
    expect(card.markdown).toContain(`${MODEL}@1`);
    const none = await run(['model', 'card', `${MODEL}@shadow`, '--data-dir', dataDir]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is no model')]);
    const [one, two] = await program.json<{ id: string; stage: string; percent: number | null }[]>(['model', 'list']);
    expect([one, two]).toMatchObject([
      { id: `${MODEL}@1`, stage: 'active', percent: null },
      { id: `${MODEL}@2`, stage: 'canary', percent: 30 },
    ]);
  });

  test('killed in the middle it goes on as it was; more percent only adds customers', async () => {
    const before = await answers();
    const history = (await state()).history.length;
    await program.kill();
    program = await serve(['--data-dir', dataDir]);
    expect(await answers()).toEqual(before);
    expect((await state()).history).toHaveLength(history);
    const few = await inCanary();
    await step(`${MODEL}@canary`, 'canary', { percent: 60 });
    const more = await inCanary();
    expect(more).toEqual(asked.filter((id) => places.get(id)! < 0.6));
    expect(few.every((id) => more.includes(id))).toBe(true);
  });

  test('promoted it answers everybody; rolled back, every earlier answer is there again to the last bit', async () => {
    await step(`${MODEL}@canary`, 'promote');
    expect([...(await answers()).values()].every(({ model }) => model === `${MODEL}@2`)).toBe(true);
    const back = await step(`${MODEL}@2`, 'rollback');
    expect(back).toMatchObject({ id: `${MODEL}@1`, stage: 'active', changed: true });
    expect(await answers()).toEqual(first);
    // Asked again: it does not answer any more, so there is nothing to do.
    expect((await step(`${MODEL}@2`, 'rollback')).changed).toBe(false);
    expect(await inCanary(duringCanary)).toEqual(asked.filter((id) => places.get(id)! < 0.3));
  });
});

describe('a bad challenger', () => {
  let bad: string;
  let before: Awaited<ReturnType<typeof answers>>;
  beforeAll(async () => {
    bad = await challenger(wrong);
    before = await answers();
  });

  test('is stopped by its gates, whoever asks and however', async () => {
    for (const [verb, body] of [
      ['promote', {}],
      ['canary', { percent: 10 }],
    ] as const) {
      const no = await refusal(bad, verb, body);
      expect(no).toMatchObject({ status: 422, reason: 'gates-not-passed' });
      const failed = no.gates!.filter(({ passed }) => passed !== true);
      expect(failed.map(({ rule }) => rule)).toContain('score-shift');
      for (const { what_to_do } of failed) expect(what_to_do).not.toBeNull();
    }
    expect((await program.request('POST', `/api/models/${bad}/deploy`)).status).toBe(422);
    expect(await answers()).toEqual(before);
  });

  test('on the command line it is exit code 2 with every rule that stands in the way', async () => {
    const no = await run(['model', 'promote', bad, '--reason', reason, '--data-dir', dataDir]);
    expect([no.code, no.stdout]).toEqual([2, '']);
    expect(no.stderr).toMatch(/is not put in force \(.*score-shift.*say --yes/);
    const preview = await run(['model', 'canary', bad, '--percent', '5', '--dry-run', '--data-dir', dataDir]);
    expect([preview.code, preview.stdout]).toEqual([
      2,
      expect.stringMatching(/score-shift +NO[\s\S]*Nothing was done/),
    ]);
    expect(await answers()).toEqual(before);
  });

  test('who builds models does not approve them; who answers for them does not deploy them', async () => {
    const keyOf = async (role: string) => (await program.json<{ key: string }>(['key', 'create', '--role', role])).key;
    const [builder, owner] = [await keyOf('ml-engineer'), await keyOf('product')];
    const ask = async (token: string, verb: string, body: object) =>
      (await program.request('POST', `/api/models/${bad}/${verb}`, { body: { reason, ...body }, token })).status;
    expect(await ask(builder, 'approve', {})).toBe(403);
    expect(await ask(owner, 'canary', { percent: 10 })).toBe(403);
    expect(await ask(builder, 'canary', { percent: 10 })).toBe(422);
    // Of one rule that is none of those which stand in the way: they still do.
    expect(await ask(owner, 'approve', { rules: ['brier-worse'] })).toBe(200);
    expect(await ask(builder, 'canary', { percent: 10 })).toBe(422);
  });

  test('named the challenger by hand and freed of the name again, by whoever deploys, with a reason that is kept', async () => {
    const path = `/api/deployments/${MODEL}/challenger`;
    const free = (token?: string) =>
      program.request<object>('DELETE', path, { body: { reason: 'it was a joke' }, ...(token && { token }) });
    await step(bad, 'challenger');
    expect(await state()).toMatchObject({ challenger: bad, challenger_by_hand: true });
    const { key } = await program.json<{ key: string }>(['key', 'create', '--role', 'product']);
    expect((await free(key)).status).toBe(403);
    expect((await program.request('DELETE', path, { body: {} })).status).toBe(400);
    expect(await free()).toMatchObject({ status: 200, body: { model: MODEL, challenger: null, changed: true } });
    expect(await free()).toMatchObject({ status: 200, body: { changed: false } });
    const { history, ...after } = await state();
    expect(after).toMatchObject({ challenger: null, challenger_by_hand: false });
    expect(history[0]).toMatchObject({ event: 'model.challenger-named', id: null, reason: 'it was a joke', seq: null });
    expect((await program.request('DELETE', '/api/deployments/none/challenger', { body: { reason } })).status).toBe(
      404,
    );
    const alias = ['model', 'alias', 'challenger'];
    await program.json([...alias, bad, '--reason', reason]);
    const freed = await program.json([...alias, MODEL, '--remove', '--reason', reason]);
    expect(freed).toEqual({ model: MODEL, challenger: null, changed: true });
    expect(await answers()).toEqual(before);
  });

  test('approved as a canary all the same, it is taken back by the program, with the reason', async () => {
    await step(bad, 'approve');
    expect(await step(bad, 'canary', { percent: 50 })).toMatchObject({ stage: 'canary' });
    expect((await state()).canary).toMatchObject({ id: bad });
    const after = await until(
      'it was taken back',
      async () => {
        const now = await state();
        return now.canary === null && now.history[0]!.seq !== null && now;
      },
      60_000,
    );
    expect(after.history[0]).toMatchObject({ event: 'model.withdrawn', id: bad, by: 'system', automatic: true });
    expect(after.history[0]!.reason).toMatch(/score-difference: .* apart.* while watched/);
    expect(await answers()).toEqual(before);
  });

  test('having been taken back once, it needs another approval; active, it is rolled back', async () => {
    expect((await refusal(bad, 'promote')).gates!.find(({ rule }) => rule === 'taken-back')).toMatchObject({
      value: 1,
      passed: false,
    });
    await step(bad, 'approve');
    await step(bad, 'promote');
    await rolledBack();
    expect(await answers()).toEqual(before);
  });
});

describe('a challenger by which nobody comes again', () => {
  /** Worth next to nothing: the difference is less than the whole, however wrong it is. */
  const collapsed = {
    model: 'clv',
    unit: 'week',
    bgNbd: { r: 0.62, alpha: 50_000, a: 3, b: 0.9 },
    gammaGamma: { p: 5.1, q: 3.6, v: 0.5 },
  };
  let id: string;
  beforeAll(async () => {
    ({ id } = await program.call<{ id: string }>('POST', '/api/models', collapsed));
  });

  test('whose artefact was changed by a byte is let into no stage', async () => {
    const { digest } = await program.call<{ digest: string }>('GET', `/api/models/${id}`);
    const file = join(dataDir, 'artefacts', `${digest}.json`);
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.replace('50000', '50001'));
    for (const [verb, body] of [
      ['shadow', {}],
      ['challenger', {}],
      ['canary', { percent: 10 }],
      ['promote', {}],
    ] as const)
      expect([verb, await refusal(id, verb, body)]).toEqual([
        verb,
        expect.objectContaining({ status: 409, reason: 'artefact-damaged' }),
      ]);
    expect(await state()).toMatchObject({ shadow: null, canary: null, active: `${MODEL}@1` });
    await writeFile(file, whole);
  });

  test('approved and promoted all the same, it is taken back by what everybody is worth', async () => {
    const before = await answers();
    await step(id, 'approve');
    await step(id, 'promote');
    const last = await rolledBack();
    expect(last.reason).toMatch(/value-level: in total .* while watched/);
    expect(await answers()).toEqual(before);
  });
});

describe('a classifier of subscribers', () => {
  const NAME = 'subscription_churn_model';
  const home = join(folder, 'subscribers');
  let server: Program;
  interface Classifier {
    logistic: { intercept: number; coefficients: { coef: number }[] };
  }
  const variant = async (change: (model: Classifier) => void): Promise<string> => {
    const model = await server.call<{ artefact: Classifier }>('GET', `/api/models/${NAME}@1`);
    change(model.artefact);
    return (await server.call<{ id: string }>('POST', '/api/models', model.artefact)).id;
  };
  const gatesOf = async (id: string) => {
    const { gates } = await server.call<{ gates: Gate[] }>('GET', `/api/models/${id}/gates`);
    return gates.filter(({ passed }) => passed !== true).map(({ rule }) => rule);
  };

  beforeAll(async () => {
    server = await serve(['--empty', '--currency', 'USD', '--data-dir', home]);
    const table = ['--kind', 'subscription', '--snapshot', '2024-01-01', '--currency', 'USD', '--attributes', 'all'];
    const columns = ['--customer', 'customer_id', '--tenure', 'tenure_months:months', '--ended', 'churned=1'];
    const rest = ['--amount', 'monthly_charge', '--name', 'contract'];
    await server.json(['import', fixture('churn.csv'), ...table, ...columns, ...rest]);
  });

  test('its own file is the version that is there', async () => {
    expect(await variant(() => undefined)).toBe(`${NAME}@1`);
  });

  test('trained with another seed it passes its gates, and goes through canary and back', async () => {
    const kind = ['churn-logistic', '--definition', 'contractual'];
    const { id } = await server.json<{ id: string }>(['train', ...kind, '--seed', '7']);
    expect(id).toBe(`${NAME}@2`);
    expect(await gatesOf(`${NAME}@latest`)).toEqual([]);
    const tried = await server.json<Step>(['model', 'canary', `${NAME}@latest`, '--percent', '20', '--reason', reason]);
    expect(tried).toMatchObject({ id, stage: 'canary', percent: 20 });
    const back = await server.json<Step>(['model', 'rollback', NAME, '--reason', reason]);
    expect(back).toMatchObject({ id: `${NAME}@1`, stage: 'active' });
    // In force at once where nothing speaks against it: the same gates.
    const trained = await server.json<{ deployed: boolean; refused: object | null }>([
      'train',
      ...kind,
      '--seed',
      '8',
      '--deploy',
    ]);
    expect([trained.deployed, trained.refused]).toEqual([true, null]);
    await server.json(['model', 'rollback', NAME, '--reason', reason]);
  });

  test('with every sign turned round it ranks the other way, and is stopped', async () => {
    const id = await variant(({ logistic }) => {
      for (const each of logistic.coefficients) each.coef = -each.coef;
    });
    // Its own figures are those of the version it was made from: from outside they are not believed.
    expect(await gatesOf(id)).toEqual(expect.arrayContaining(['rank-disagreement', 'calibration-slope']));
  });

  test('with its intercept moved it is stopped; approved and in force all the same, it is rolled back by the program', async () => {
    const id = await variant(({ logistic }) => {
      logistic.intercept += 5;
    });
    expect(await gatesOf(id)).toContain('score-shift');
    const subscriber = csvRows(fixture('churn.csv')).find(({ churned }) => churned === '0')!.customer_id!;
    const answer = async () => {
      const { p_churn, model } = await server.call<Churn>('POST', '/api/predict/churn', { customer_id: subscriber });
      return [model.id, p_churn];
    };
    const before = await answer();
    expect(before[0]).toBe(`${NAME}@1`);
    await server.json(['model', 'deploy', id, '--yes']);
    await until('it answers no more', async () => (await answer())[0] === `${NAME}@1`, 60_000);
    expect(await answer()).toEqual(before);
    const [last] = await server.json<Deployment['history']>(['model', 'history', NAME]);
    expect(last).toMatchObject({ event: 'model.rolled-back', automatic: true, by: 'system' });
  });
});
