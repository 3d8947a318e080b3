// A score id is the whole question: computed again it gives the same bits, and nobody else can make one.
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { createMac } from '#streams/keyring/hmac.ts';
import { createScoreIds, type ScoreCoordinates } from '#streams/keyring/score-id.ts';
import { createPlatform, type Platform } from './support/platform.ts';

interface Replay {
  verdict: string;
  detail: string;
  replayed: Record<string, unknown> | null;
  differences: { name: string; given: number; replayed: number }[];
  compared: string[];
}
let platform: Platform;
beforeEach(async () => {
  platform = await createPlatform();
  platform.orders([
    { customer: 'c-1', day: '2025-01-10', amount: 20 },
    { customer: 'c-1', day: '2025-02-10', amount: 31.5 },
    { customer: 'c-1', day: '2025-04-02', amount: 12 },
    { customer: 'c-2', day: '2025-03-01', amount: 99 },
  ]);
  await platform.deployCdnow();
});
async function ask(path: string, body: object): Promise<Record<string, unknown> & { score_id: string }> {
  const response = await platform.as('analyst', 'POST', path, body);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown> & { score_id: string };
}
async function verify(score_id: string, more: object = {}): Promise<Replay> {
  const response = await platform.as('analyst', 'POST', '/api/verify/score', { score_id, ...more });
  expect(response.status).toBe(200);
  return (await response.json()) as Replay;
}

const QUESTIONS: [string, string, object][] = [
  ['churn', '/api/predict/churn', { customer_id: 'c-1', horizon_days: 61.5 }],
  ['churn as of a day', '/api/predict/churn', { customer_id: 'c-1', as_of: '2025-03-15' }],
  ['value by months and discount', '/api/predict/clv', { customer_id: 'c-1', months: 7, discount_monthly: 0.013 }],
  ['value by days', '/api/predict/clv', { customer_id: 'c-1', horizon_days: 200, discount_monthly: 0 }],
  ['value by default', '/api/predict/clv', { customer_id: 'c-1' }],
];

test.each(QUESTIONS)(
  '%s: the same bits after the log has grown and another model is in force',
  async (_, path, body) => {
    const answer = await ask(path, body);
    platform.orders([
      { customer: 'c-1', day: '2025-06-02', amount: 500 },
      { customer: 'c-1', day: '2025-03-02', amount: 7 },
    ]);
    const other = {
      model: 'clv',
      unit: 'week',
      bgNbd: { r: 1, alpha: 9, a: 1, b: 3 },
      gammaGamma: { p: 2, q: 4, v: 10 },
    };
    const imported = await platform.as('admin', 'POST', '/api/models', other);
    await platform.deps.deployments.deploy(((await imported.json()) as { id: string }).id, 'test');
    expect(await ask(path, body)).not.toEqual(answer);

    const same = await verify(answer.score_id, { given: answer });
    expect(same).toMatchObject({ verdict: 'same', differences: [] });
    expect(same.compared.length).toBeGreaterThan(4);
    // Computed again it is the same answer in every field but whom it names.
    expect({ ...same.replayed, customer_id: 'c-1' }).toEqual(answer);
  },
);

test('a value that differs in the last bit is different, and both are shown', async () => {
  const { score_id, p_churn } = await ask('/api/predict/churn', { customer_id: 'c-1' });
  const bits = new Float64Array([p_churn as number]);
  new BigUint64Array(bits.buffer)[0]! += 1n;
  expect(await verify(score_id, { value: p_churn })).toMatchObject({ verdict: 'same', compared: ['p_churn'] });
  expect(await verify(score_id, { value: bits[0] })).toMatchObject({
    verdict: 'different',
    differences: [{ name: 'p_churn', given: bits[0], replayed: p_churn }],
  });
  expect(await verify(score_id)).toMatchObject({ verdict: 'replayed', compared: [] });
});

test('an erased customer’s score is erased; one that was altered, or is of another workspace, is none', async () => {
  const { score_id } = await ask('/api/predict/churn', { customer_id: 'c-2' });
  const bytes = Buffer.from(score_id, 'base64url');
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 0x10;
    expect(createScoreIds(platform.deps.signingKey).read(altered.toString('base64url')), `byte ${at}`).toMatchObject({
      ok: false,
    });
  }
  for (const id of [`${score_id.slice(0, -4)}AAAA`, 'x', score_id.slice(4)])
    expect(await verify(id)).toMatchObject({ verdict: 'not-a-score', replayed: null });
  await platform.as('admin', 'POST', '/api/erasures', { customer_id: 'c-2' });
  expect(await verify(score_id, { value: 0.5 })).toMatchObject({ verdict: 'erased', replayed: null, differences: [] });
});

test('an id of the first version is refused with what to do; a forged one is not mistaken for it', async () => {
  const signed = Buffer.alloc(55);
  signed[0] = 1;
  const mac = createMac(platform.deps.signingKey)(signed.toString('latin1'), 'latin1').slice(0, 12);
  const first = Buffer.concat([signed, Buffer.from(mac, 'latin1')]);
  const { verdict, detail } = await verify(first.toString('base64url'));
  expect([verdict, detail]).toEqual(['not-a-score', expect.stringContaining('earlier version')]);
  first[20]! ^= 1;
  expect((await verify(first.toString('base64url'))).detail).toContain('altered');
});

test('a score signed here about a log that is not here any more is not in the log', async () => {
  const { score_id } = await ask('/api/predict/churn', { customer_id: 'c-1' });
  const ids = createScoreIds(platform.deps.signingKey);
  const read = ids.read(score_id);
  if (!read.ok) throw new Error(read.reason);
  for (const change of [
    { seq: read.value.seq + 100 },
    { sid: new Uint8Array(16).fill(7) },
    { digest: 'ab'.repeat(16) },
  ])
    expect(await verify(ids.sign({ ...read.value, ...change }))).toMatchObject({ verdict: 'not-in-log' });
});

test('what is signed is read back, whatever it is', () => {
  const ids = createScoreIds(platform.deps.signingKey);
  const horizon = fc.double({ min: 0.001, max: 3653, noNaN: true });
  const rate = fc.double({ min: 0, max: 1, noNaN: true });
  const question = fc.oneof(
    fc.record({ kind: fc.constant('churn' as const), horizonDays: horizon }),
    fc.record({ kind: fc.constant('clv' as const), horizonDays: horizon, discountMonthly: rate }),
    fc.record({ kind: fc.constant('clv' as const), months: horizon, discountMonthly: rate }),
  );
  const coordinates: fc.Arbitrary<ScoreCoordinates> = fc.record({
    digest: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    sid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    seq: fc.integer({ min: 0, max: 2 ** 47 }),
    at: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    clock: fc.constantFrom('log' as const, 'wall' as const),
    question,
  });
  fc.assert(
    fc.property(coordinates, (score) => {
      const read = ids.read(ids.sign(score));
      expect(read).toEqual({ ok: true, value: { ...score, sid: Uint8Array.from(score.sid) } });
    }),
  );
});
