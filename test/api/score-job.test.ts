// The whole base as a job over HTTP: the digits of single predictions, a file without gaps or repeats however often the work was cut short, who moved
// and why, and refusals that leave nothing behind.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { ScoreResult } from '#ops/jobs/score.ts';
import type { scoreBase } from '#processors/scoring/score-base.ts';
import { createMemoryObjects } from '#test/support/memory-objects.ts';
import { CDNOW_COVARIANCE, CDNOW_MODEL } from './support/cdnow-model.ts';
import type { Order } from './support/memory-log.ts';
import { createPlatform, type Platform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;
type Row = Record<string, number | string | null>;

const dayOf = (n: number): string => new Date(Date.UTC(2025, 0, 1 + n)).toISOString().slice(0, 10);
const BUYERS: Order[] = Array.from({ length: 120 }, (_, i) =>
  [0, 11 + (i % 50), 70 + (i % 40), 150 + (i % 30)].slice(0, 1 + (i % 4)).map((day) => ({
    customer: `c${i}`,
    day: dayOf(day + (i % 9)),
    amount: 20 + (i % 7) + i / 100,
  })),
).flat();

const ask = async (platform: Platform, method: string, path: string, body?: unknown, headers = {}) => {
  const response = await platform.as('admin', method, path, body, headers);
  return { status: response.status, response, body: (await response.json()) as Answer };
};
/** Asked for and waited for. */
async function ended(platform: Platform, body: object): Promise<Answer> {
  const asked = await ask(platform, 'POST', '/api/jobs/score', body);
  expect([asked.status, asked.body], JSON.stringify(asked.body)).toMatchObject([202, { kind: 'score' }]);
  return await waited(platform, asked.body.id);
}
async function waited(platform: Platform, id: string): Promise<Answer> {
  await (await platform.as('admin', 'GET', `/api/jobs/${id}/events`)).text();
  return (await ask(platform, 'GET', `/api/jobs/${id}`)).body;
}
async function done(
  platform: Platform,
  body: object = {},
): Promise<{ id: string; result: ScoreResult; log: Answer[] }> {
  const job = await ended(platform, body);
  expect(job.status, JSON.stringify(job.failure)).toBe('succeeded');
  return job;
}
async function textOf(platform: Platform, id: string): Promise<string> {
  const response = await platform.as('admin', 'GET', `/api/jobs/${id}/result`);
  expect(response.status).toBe(200);
  return await response.text();
}
const rowsOf = async (platform: Platform, id: string): Promise<Row[]> =>
  (await textOf(platform, id)).split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]));

async function shop(options: Parameters<typeof createPlatform>[0] = {}): Promise<Platform> {
  const platform = await createPlatform(options);
  await platform.deployCdnow(CDNOW_COVARIANCE);
  platform.orders(BUYERS);
  return platform;
}

describe('the digits', () => {
  test('of 40 customers are those of /api/predict, bit for bit, with the same score ids; money and interval too', async () => {
    const platform = await shop();
    const { id, result } = await done(platform, { format: 'ndjson', horizon_days: 60, months: 6, identified: true });
    expect(result).toMatchObject({ customers: 120, rows: 120, not_scored: {}, family: 'clv' });
    const rows = new Map((await rowsOf(platform, id)).map((row) => [row.customer_id, row]));
    expect(rows.size).toBe(120);
    for (let i = 0; i < 40; i++) {
      const customer_id = `c${(i * 37) % 120}`;
      const { body: churn } = await ask(platform, 'POST', '/api/predict/churn', { customer_id, horizon_days: 60 });
      const { body: clv } = await ask(platform, 'POST', '/api/predict/clv', { customer_id, months: 6 });
      expect(rows.get(customer_id)).toEqual({
        customer_id,
        p_churn: churn.p_churn,
        p_alive: churn.p_alive,
        lower: churn.lower,
        upper: churn.upper,
        horizon_days: 60,
        band: churn.band,
        clv_mean: clv.clv_mean,
        clv_p05: clv.clv_p05,
        clv_p50: clv.clv_p50,
        clv_p95: clv.clv_p95,
        expected_purchases: clv.expected_purchases,
        value_days: clv.horizon_days,
        basis: churn.basis,
        currency: clv.currency,
        model: churn.model.id,
        clv_model: clv.model.id,
        as_of_seq: churn.as_of.seq,
        as_of_at: churn.as_of.at,
        not_scored: null,
        no_value: null,
        no_interval: null,
        score_id: churn.score_id,
        clv_score_id: clv.score_id,
      });
      expect(churn.lower).not.toBeNull();
    }
  });

  test('of an earlier day are those of that day; who was not a customer yet is not in the file', async () => {
    const platform = await shop();
    const as_of = '2025-01-05';
    const { id } = await done(platform, { format: 'ndjson', as_of, quantiles: false, identified: true });
    const rows = await rowsOf(platform, id);
    const first = BUYERS.filter(({ day }) => day <= as_of).map(({ customer }) => customer);
    expect(rows.map((row) => row.customer_id).sort()).toEqual([...new Set(first)].sort());
    for (const { customer_id, p_churn, clv_mean, clv_p50, as_of_at } of rows.slice(0, 12)) {
      const { body: churn } = await ask(platform, 'POST', '/api/predict/churn', { customer_id, as_of });
      const { body: clv } = await ask(platform, 'POST', '/api/predict/clv', { customer_id, as_of });
      expect([p_churn, clv_mean, clv_p50, as_of_at]).toEqual([churn.p_churn, clv.clv_mean, null, churn.as_of.at]);
    }
  });

  test('CSV says the same; by ref where nobody asked for names, which are disarmed for spreadsheets where somebody did', async () => {
    const platform = await shop();
    platform.orders([{ customer: '=1+1', day: dayOf(40), amount: 20 }]);
    const spelled = await textOf(platform, (await done(platform, { identified: true })).id);
    expect(spelled.split('\n').filter((line) => line.includes('=1+1'))).toEqual([expect.stringMatching(/^'=1\+1,/)]);
    const { id } = await done(platform);
    const [head, ...lines] = (await textOf(platform, id)).trimEnd().split('\n');
    const names = head!.split(',');
    expect(names.slice(0, 3)).toEqual(['ref', 'p_churn', 'p_alive']);
    expect(lines).toHaveLength(121);
    const row = Object.fromEntries(lines[7]!.split(',').map((cell, i) => [names[i], cell]));
    const { body } = await ask(platform, 'GET', `/api/customers/${row.ref}`);
    const { body: churn } = await ask(platform, 'POST', '/api/predict/churn', { customer_id: body.customer_id });
    expect([Number(row.p_churn), row.score_id]).toEqual([churn.p_churn, churn.score_id]);
    const packed = await platform.as('admin', 'GET', `/api/jobs/${id}/result`, undefined, {
      'accept-encoding': 'gzip',
    });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.headers.get('content-disposition')).toBe(`attachment; filename="scores-${id}.csv"`);
    await packed.body?.cancel();
    const told = await platform.as('admin', 'HEAD', `/api/jobs/${id}/result`);
    expect([told.status, told.headers.get('content-type'), await told.text()]).toEqual([
      200,
      'text/csv; charset=utf-8',
      '',
    ]);
    const file = join(platform.exportsFolder, `scores-${id}.csv.gz`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    rmSync(file);
    const { status, body: gone } = await ask(platform, 'GET', `/api/jobs/${id}/result`);
    expect([status, gone.detail]).toEqual([404, expect.stringContaining('is no longer in the folder exports')]);
  });
});

describe('as Parquet', () => {
  const parquetOf = async (platform: Platform, id: string): Promise<Answer[]> => {
    const response = await platform.as('admin', 'GET', `/api/jobs/${id}/result`);
    expect(response.headers.get('content-type')).toBe('application/vnd.apache.parquet');
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="scores-${id}.parquet"`);
    return await parquetReadObjects({ file: await response.arrayBuffer() });
  };

  test('another reader finds the rows of NDJSON, to the last bit; who was erased since is not among them', async () => {
    const platform = await shop();
    const asked = { horizon_days: 60, identified: true };
    const lines = await rowsOf(platform, (await done(platform, { ...asked, format: 'ndjson' })).id);
    const { id, result } = await done(platform, { ...asked, format: 'parquet' });
    expect(result).toMatchObject({ rows: 120, format: 'parquet' });
    const rows = await parquetOf(platform, id);
    const plain = rows.map((row) => ({
      ...row,
      as_of_seq: Number(row.as_of_seq),
      as_of_at: row.as_of_at.toISOString(),
    }));
    expect(plain).toEqual(lines);
    await platform.deps.gateway.erase({ customerId: 'c7' } as Parameters<typeof platform.deps.gateway.erase>[0]);
    expect((await parquetOf(platform, id)).map(({ customer_id }) => customer_id)).toEqual(
      lines.map(({ customer_id }) => customer_id).filter((name) => name !== 'c7'),
    );
  });

  test('of nobody, a file with columns and no rows', async () => {
    const platform = await createPlatform();
    await platform.deployCdnow(CDNOW_COVARIANCE);
    const { id } = await done(platform, { format: 'parquet' });
    const response = await platform.as('admin', 'GET', `/api/jobs/${id}/result`);
    const { num_rows, schema } = parquetMetadata(await response.arrayBuffer());
    expect([num_rows, schema[1]!.name]).toEqual([0n, 'ref']);
  });
});

describe('cut short', () => {
  test('goes on with the parts that are missing: the same file, no gaps, no repeats, nothing left beside it', async () => {
    const made: number[] = [];
    let left = 2;
    const scoring =
      (score: typeof scoreBase): typeof scoreBase =>
      (store, work, say) =>
        score(store, work, {
          ...say,
          part(part) {
            if (left-- === 0) throw new Error('the process dies here');
            made.push(part.report.part);
            say.part(part);
          },
        });
    const platform = await shop({ customers: 300, scoring });
    const broken = await ended(platform, { format: 'ndjson' });
    expect(broken).toMatchObject({ status: 'failed', failure: { reason: 'error' } });
    expect((await platform.as('admin', 'GET', `/api/jobs/${broken.id}/result`)).status).toBe(404);
    expect(readdirSync(platform.exportsFolder)).toEqual([`${broken.id}.parts`]);
    // What comes meanwhile is not of this question.
    platform.orders([{ customer: 'c1', day: dayOf(200), amount: 5 }]);
    left = 100;
    expect((await ask(platform, 'POST', `/api/jobs/${broken.id}/retry`, {})).status).toBe(202);
    const resumed = await waited(platform, broken.id);
    expect(resumed).toMatchObject({ status: 'succeeded', attempt: 2, result: { customers: 120, rows: 120 } });
    expect([...made].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    const whole = await done(platform, { format: 'ndjson', as_of: resumed.result.as_of });
    expect(await textOf(platform, broken.id)).toBe(await textOf(platform, whole.id));
    const refs = (await rowsOf(platform, broken.id)).map(({ ref }) => ref);
    expect(new Set(refs).size).toBe(120);
    expect(readdirSync(platform.exportsFolder).filter((name) => !name.endsWith('.ndjson.gz'))).toEqual([]);
  });

  test('the same key is the same job, also when it is over; another body under it is refused', async () => {
    const platform = await shop();
    const headers = { 'idempotency-key': 'nightly-2025-07-01', authorization: `Bearer ${await platform.key('admin')}` };
    const post = async (body: object) => {
      const response = await platform.as('nobody', 'POST', '/api/jobs/score', body, headers);
      return { response, body: (await response.json()) as Answer };
    };
    const first = await post({ quantiles: false });
    await waited(platform, first.body.id);
    const again = await post({ quantiles: false });
    expect([again.body.id, again.response.headers.get('idempotent-replayed')]).toEqual([first.body.id, 'true']);
    const other = await post({ quantiles: true });
    expect([other.response.status, other.body.reason]).toEqual([422, 'idempotency-key-reused']);
  });
});

describe('against an earlier scoring', () => {
  const MODEL: ClvModel = {
    model: 'clv',
    unit: 'week',
    bgNbd: { ...CDNOW_MODEL.bgNbd!, r: 0.3 },
    gammaGamma: CDNOW_MODEL.gammaGamma!,
  };

  test('the same day and model: only who did something is in the file; the report counts everybody', async () => {
    const platform = await shop();
    platform.orders([{ customer: 'clock', day: dayOf(220), amount: 9 }]);
    const before = await done(platform);
    platform.orders([
      { customer: 'c3', day: dayOf(215), amount: 80 },
      { customer: 'c8', day: dayOf(216), amount: 80 },
      { customer: 'new', day: dayOf(217), amount: 30 },
    ]);
    const { id, result } = await done(platform, { format: 'ndjson', delta_against: 'previous', identified: true });
    expect((await rowsOf(platform, id)).map((row) => row.customer_id).sort()).toEqual(['c3', 'c8', 'new']);
    expect(result.delta!.against.job).toBe(before.id);
    const cells = Object.entries(result.delta!.transitions);
    expect(cells.reduce((sum, [, { customers }]) => sum + customers, 0)).toBe(122);
    expect(cells.filter(([key]) => key.startsWith('new>')).map(([, { customers }]) => customers)).toEqual([1]);
    expect(result.delta!.by_churn.map(({ ref }) => ref).sort()).toEqual(
      ['c3', 'c8'].map((name) => platform.refOf(name)).sort(),
    );
    for (const { p_churn, clv_mean } of result.delta!.by_churn)
      expect([p_churn.clock, p_churn.model, clv_mean!.clock, clv_mean!.model]).toEqual([0, 0, 0, 0]);
  });

  test('events, days and another model: the parts of each move are what one thing at a time makes, and sum exactly', async () => {
    const platform = await shop();
    const before = await done(platform);
    const then = before.result.as_of;
    platform.orders(
      Array.from({ length: 30 }, (_, i) => ({ customer: `c${i}`, day: dayOf(230 + (i % 5)), amount: 60 })),
    );
    const between = { seq: platform.position(), at: `${dayOf(234)}T00:00:00.000Z` };
    await platform.deployModel(MODEL);
    const { result } = await done(platform, { delta_against: before.id });
    const delta = result.delta!;
    expect(delta.order).toEqual(['clock', 'events', 'model']);
    expect(delta.by_churn).toHaveLength(20);
    expect(result.rows).toBe(120);
    const values = async (customer_id: string, as_of: object) => {
      const { body: churn } = await ask(platform, 'POST', '/api/predict/churn', { customer_id, as_of });
      const { body: clv } = await ask(platform, 'POST', '/api/predict/clv', { customer_id, as_of });
      return { p_churn: churn.p_churn as number, clv_mean: clv.clv_mean as number };
    };
    for (const mover of [...delta.by_churn, ...delta.by_value]) {
      for (const split of [mover.p_churn, mover.clv_mean!]) {
        expect(split.before + split.clock + split.events + split.model).toBe(split.after);
        expect(split.clock + split.events + split.model).toBe(split.after - split.before);
      }
      // Each corner asked of the single prediction: what was known then, then on the later day, then all of it by the model of then.
      const { body } = await ask(platform, 'GET', `/api/customers/${mover.ref}`);
      const corners = [
        await values(body.customer_id, then),
        await values(body.customer_id, { seq: then.seq, at: between.at }),
        await values(body.customer_id, between),
        await values(body.customer_id, result.as_of),
      ];
      for (const name of ['p_churn', 'clv_mean'] as const) {
        const { before: start, clock, events, model } = mover[name]!;
        const path = [start, start + clock, start + clock + events, start + clock + events + model];
        for (const [i, corner] of corners.entries())
          expect(path[i]).toBeCloseTo(corner[name], name === 'p_churn' ? 11 : 5);
      }
    }
    const sums = Object.values(delta.transitions).reduce((sum, cell) => sum + cell.clv_after, 0);
    expect(sums).toBeCloseTo(
      Object.values(result.bands).reduce((sum, { clv }) => sum + clv!, 0),
      6,
    );
  });

  test('who was erased since is in neither: not in the report, and no longer in a file written before', async () => {
    const platform = await shop();
    const before = await done(platform, { format: 'ndjson' });
    const ref = platform.refOf('c5');
    expect((await rowsOf(platform, before.id)).some((row) => row.ref === ref)).toBe(true);
    await platform.deps.gateway.erase({ customerId: 'c5' } as Parameters<typeof platform.deps.gateway.erase>[0]);
    expect(await rowsOf(platform, before.id)).toHaveLength(119);
    expect(await textOf(platform, before.id)).not.toContain(ref);
    const past = await done(platform, { format: 'ndjson', as_of: before.result.as_of });
    expect(past.result).toMatchObject({ customers: 119, rows: 119 });
    const { result } = await done(platform, { delta_against: before.id });
    expect(Object.values(result.delta!.transitions).reduce((sum, { customers }) => sum + customers, 0)).toBe(119);
  });

  test.each([
    ['nothing before', {}, 'previous', /no earlier score job of the same models/],
    ['no such job', {}, 'f'.repeat(32), /there is no score job f+; GET/],
    ['another horizon', { horizon_days: 30 }, 'that', /over another horizon or at another discount/],
    ['a dry run', { dry_run: true }, 'that', /was a dry run/],
  ])('%s: refused with what to do', async (_title, first, against, said) => {
    const platform = await shop();
    const before = Object.keys(first).length > 0 ? await done(platform, first) : null;
    const job = await ended(platform, { delta_against: against === 'that' ? before!.id : against });
    expect(job).toMatchObject({
      status: 'failed',
      failure: { reason: 'refused', message: expect.stringMatching(said) },
    });
  });
});

test('a dry run counts, measures and writes nothing', async () => {
  const platform = await shop();
  const { id, result } = await done(platform, { dry_run: true });
  expect(result.estimate).toMatchObject({ customers: 120, sampled: 120 });
  expect(result.estimate!.bytes).toBeGreaterThan(1_000);
  expect(result.estimate!.seconds).toBeGreaterThanOrEqual(result.estimate!.read_seconds);
  expect(readdirSync(platform.exportsFolder)).toEqual([]);
  expect((await platform.as('admin', 'GET', `/api/jobs/${id}/result`)).status).toBe(404);
});

test('a dry run of a comparison reads the log twice, as the job would, and says the bytes of everybody', async () => {
  const compared: (number | null)[] = [];
  const platform = await shop({
    scoring: (score) => (store, work, say) => {
      compared.push(work.before?.seq ?? null);
      return score(store, work, say);
    },
  });
  const { result: first } = await done(platform, { quantiles: false });
  platform.orders([{ customer: 'c1', day: BUYERS[0]!.day, amount: 7 }]);
  const whole = await done(platform, { quantiles: false, dry_run: true });
  const delta = await done(platform, { quantiles: false, dry_run: true, delta_against: 'previous' });
  expect(compared).toEqual([null, null, first.as_of.seq]);
  const { customers, sampled, bytes } = whole.result.estimate!;
  expect(delta.result.estimate).toMatchObject({ customers, sampled, bytes });
});

test('who may ask for a scoring may end it and ask again, and nobody else’s kind of job', async () => {
  const platform = await shop();
  const first = await done(platform);
  const other = await ask(platform, 'POST', '/api/jobs/backtest', { horizon_days: 30 });
  const named = await done(platform, { identified: true });
  const post = async (role: Parameters<Platform['as']>[0], id: string, verb: string) => {
    const response = await platform.as(role, 'POST', `/api/jobs/${id}/${verb}`, {});
    return [response.status, ((await response.json()) as Answer).reason];
  };
  for (const role of ['analyst', 'product', 'data-engineer'] as const)
    for (const verb of ['cancel', 'retry']) {
      // It has succeeded; that it has is all that stands in the way.
      expect(await post(role, first.id, verb)).toEqual([409, 'job-ended']);
      expect(await post(role, other.body.id, verb)).toEqual([403, 'forbidden']);
    }
  expect(await post('data-engineer', named.id, 'cancel')).toEqual([403, 'forbidden']);
});

test('names leave only with the permission that lists need; a file is for whoever may ask for it', async () => {
  const platform = await shop();
  const post = (role: Parameters<Platform['as']>[0], body: object) =>
    platform.as(role, 'POST', '/api/jobs/score', body);
  expect((await post('ml-engineer', { identified: true })).status).toBe(403);
  expect((await post('ml-engineer', {})).status).toBe(202);
  const named = await done(platform, { identified: true });
  const get = async (role: Parameters<Platform['as']>[0]) =>
    (await platform.as(role, 'GET', `/api/jobs/${named.id}/result`)).status;
  expect([await get('ml-engineer'), await get('anonymous'), await get('analyst')]).toEqual([403, 401, 200]);
});

test('the object store has the same bytes, under a name that says nothing of anybody', async () => {
  const objects = createMemoryObjects();
  const platform = await shop({ objects });
  const { id, result } = await done(platform);
  const [[key, bytes]] = [...objects.stored] as [[string, Uint8Array]];
  expect([key, bytes.length]).toEqual([`exports/scores-${id}.csv.gz`, result.file!.bytes]);
  const text = gunzipSync(bytes).toString('utf8');
  expect(text).toBe(await textOf(platform, id));
  expect(
    text
      .split('\n')
      .slice(1, -1)
      .every((line) => /^sid:[0-9a-f]{32},/.test(line)),
  ).toBe(true);
});

describe('refused, and nothing is left', () => {
  test.each([
    ['unknown model', { model: 'clv@99' }, /there is no model clv@99/],
    ['a position the log does not have', { as_of: 10_000 }, /the log ends at sequence \d+; 10000 has not been written/],
    ['a day to come', { as_of: '2031-01-01' }, /is later than now/],
  ])('%s', async (_title, body, said) => {
    const platform = await shop();
    const job = await ended(platform, body);
    expect(job).toMatchObject({
      status: 'failed',
      failure: { reason: 'refused', message: expect.stringMatching(said) },
    });
    expect(readdirSync(platform.exportsFolder)).toEqual([]);
  });
  test('no model in force', async () => {
    const platform = await createPlatform();
    platform.orders(BUYERS.slice(0, 5));
    const job = await ended(platform, {});
    expect(job.failure).toEqual({
      reason: 'refused',
      message: expect.stringMatching(/^no model is in force at position 1: /),
    });
  });
  test.each([
    [{ horizon_days: 4000 }, '/horizon_days'],
    [{ horizon_days: 0 }, '/horizon_days'],
    [{ months: 121 }, '/months'],
    [{ format: 'xlsx' }, '/format'],
    [{ model: 'clv@1@2' }, '/model'],
    [{ delta_against: 'last' }, '/delta_against'],
  ])('%j points at %s', async (body, pointer) => {
    const platform = await createPlatform();
    const { status, body: problem } = await ask(platform, 'POST', '/api/jobs/score', body);
    expect([status, problem.errors[0].pointer]).toEqual([400, pointer]);
  });
});
