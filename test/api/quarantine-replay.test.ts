// What is handed to the gateway when refused input is tried again, and what then stays in the quarantine.
import { beforeEach, expect, test } from 'vitest';
import { replayQuarantine } from '#api/quarantine-replay.ts';
import type { IngestAnswer, IngestRequest } from '#streams/gateway/protocol.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createQuarantine, type Quarantine, type QuarantineRow } from '#streams/quarantine.ts';

const AT = Date.UTC(2026, 0, 1);
let quarantine: Quarantine;
let requests: (Omit<IngestRequest, 'body'> & { body: unknown })[];
/** What the gateway refuses now: an event whose `amount` is not a number. */
const gateway = {
  async ingest(request: IngestRequest): Promise<IngestAnswer> {
    const body = JSON.parse(new TextDecoder().decode(request.body)) as { batch?: unknown[] } & unknown[];
    requests.push({ ...request, body });
    if (request.source === 'ghost') throw Object.assign(new Error('no source'), { code: 'unknown-source' });
    const values = (body.batch ?? body) as { amount?: unknown }[];
    const rejected = values.flatMap(({ amount }, index) =>
      typeof amount === 'number' ? [] : [{ index, id: null, reason: 'bad-amount' as const, detail: 'not a number' }],
    );
    return {
      accepted: values.length - rejected.length,
      duplicates: 0,
      rejected,
      lastSeq: 40 + requests.length,
      money: [],
    };
  },
};
const row = (value: unknown, changes: Partial<QuarantineRow> = {}): QuarantineRow => ({
  rowNumber: 0,
  reason: 'bad-field',
  detail: 'd',
  raw: typeof value === 'string' ? value : JSON.stringify(value),
  rows: 1,
  ...changes,
});
const put = (rows: QuarantineRow[], source = 'shop', run: string | null = null) =>
  quarantine.put({ at: AT, source, run, rows });
const replay = (filter = {}) => replayQuarantine({ quarantine, gateway }, filter);
const left = async () => (await quarantine.list({ limit: 100 })).rows.map(({ raw }) => raw);

beforeEach(() => {
  requests = [];
  quarantine = createQuarantine({ store: createMemoryStore(), remove: async () => undefined, now: () => AT });
});

test('rows of one batch go in together, in their order, as of the time they came; what is stored is taken out, the rest stays as it is', async () => {
  await put([row({ amount: 1 }), row({ amount: 'x' }), row({ amount: 1 })]);
  await put([row({ amount: 2 })], 'till');
  const before = (await quarantine.list({ limit: 100 })).rows.find(({ raw }) => raw.includes('x'));
  expect(await replay()).toEqual({
    rows: 4,
    accepted: 3,
    duplicates: 0,
    refused: { 'bad-amount': 1 },
    left: { imports: 0, others: 0 },
    seq: 42,
  });
  expect(requests.map(({ source, body, replayOf }) => ({ source, body, replayOf }))).toEqual([
    { source: 'till', body: [{ amount: 2 }], replayOf: AT },
    { source: 'shop', body: [{ amount: 1 }, { amount: 'x' }, { amount: 1 }], replayOf: AT },
  ]);
  expect((await quarantine.list({ limit: 100 })).rows).toEqual([before]);
  expect(await replay()).toMatchObject({ rows: 1, accepted: 0, refused: { 'bad-amount': 1 } });
});

test('Segment’s calls go through Segment’s door; a message refused as a whole brings all its events', async () => {
  await put([row({ type: 'track', amount: 1 }), row([{ amount: 1 }, { amount: 2 }])]);
  expect(await replay()).toMatchObject({ rows: 2, accepted: 3 });
  expect(requests.map(({ door, body }) => [door, body])).toEqual([
    ['segment', { batch: [{ type: 'track', amount: 1 }] }],
    ['http', [{ amount: 1 }, { amount: 2 }]],
  ]);
});

test('rows of an import, conflicts and rows of the erased are left, what is no JSON or of no source is refused again', async () => {
  await put([row('a,b,c', { rowNumber: 7 })], 'shop', 'run-0001');
  await put([row({ number: 1 }, { reason: 'conflict' }), row('', { reason: 'erased' })]);
  await put([row('{', { reason: 'not-json' })]);
  await put([row({ amount: 1 }, { reason: 'unknown-source' })], 'ghost');
  const before = await left();
  expect(await replay()).toMatchObject({
    rows: 2,
    accepted: 0,
    refused: { 'not-json': 1, 'unknown-source': 1 },
    left: { imports: 1, others: 2 },
  });
  expect(await left()).toEqual(before);
  expect(await replay({ reason: 'unknown-source' })).toMatchObject({ rows: 1, left: { imports: 0, others: 0 } });
});

test('many pages are one replay', async () => {
  for (let i = 0; i < 3; i++) await put(Array.from({ length: 400 }, (_, n) => row({ amount: n })));
  expect(await replay()).toMatchObject({ rows: 1_200, accepted: 1_200 });
  expect(requests.map(({ body }) => (body as unknown[]).length)).toEqual([400, 400, 400]);
  expect(await left()).toEqual([]);
});

test('an outage on the way ends it with the error; what was stored before has left the quarantine', async () => {
  await put([row({ amount: 1 })]);
  await put([row({ amount: 2 })]);
  const outage = Object.assign(new Error('the keyring database does not answer'), { code: 'keyring-unavailable' });
  const failing = {
    ingest: async (request: IngestRequest) => {
      if (requests.length === 1) throw outage;
      return gateway.ingest(request);
    },
  };
  await expect(replayQuarantine({ quarantine, gateway: failing }, {})).rejects.toBe(outage);
  expect(await left()).toEqual(['{"amount":1}']);
});
