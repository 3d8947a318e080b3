// Events in over HTTP: limits, strict mode, broken bodies, and what a failing engine looks like from outside.
import { pack } from 'msgpackr';
import { beforeAll, describe, expect, test } from 'vitest';
import { MAX_EVENTS, MAX_EVENTS_BODY } from '#api/routes/events.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await createPlatform();
});

const order = (id: string, extra: object = {}) => ({
  id,
  type: 'order.placed',
  customer_id: 'c-1',
  at: '2026-05-20T10:00:00Z',
  data: { order_id: id, amount: '42.00', currency: 'EUR' },
  ...extra,
});
const send = (body: unknown, headers: Record<string, string> = {}, path = '/api/events') =>
  platform.as('data-engineer', 'POST', path, body, headers);

describe('POST /api/events', () => {
  test('202 with what was stored, known already and refused', async () => {
    const answer = await send([order('a'), order('a'), { ...order('b'), at: 'soon' }, order('c')]);
    expect(answer.status).toBe(202);
    const body = (await answer.json()) as { rejected: object[] };
    expect(body).toMatchObject({ accepted: 3, duplicates: 0, seq: platform.position() });
    expect(body.rejected).toEqual([{ index: 2, id: 'b', reason: 'bad-time', detail: expect.any(String) }]);
    expect(await (await send([order('a'), order('d')])).json()).toMatchObject({ accepted: 1, duplicates: 1 });
  });

  test('one object, without an array and without a content type (as curl -d sends it)', async () => {
    const answer = await send(JSON.stringify(order('single')), { 'content-type': 'application/x-www-form-urlencoded' });
    expect(answer.status).toBe(202);
  });

  test('msgpack', async () => {
    const key = await platform.key('data-engineer');
    const answer = await platform.app.request('/api/events', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/msgpack' },
      body: new Uint8Array(pack([order('m-1'), order('m-2')])),
    });
    expect(await answer.json()).toMatchObject({ accepted: 2 });
  });

  test.each(['header', 'query'])('strict by %s: one bad event and nothing is stored', async (how) => {
    const before = platform.position();
    const batch = [order(`s-${how}`), { ...order('t'), customer_id: '' }];
    const answer = await send(
      batch,
      how === 'header' ? { 'x-strict-mode': '1' } : {},
      how === 'query' ? '/api/events?strict=1' : undefined,
    );
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ reason: 'strict-rejected', rejected: [{ index: 1, id: 't' }] });
    expect(platform.position()).toBe(before);
  });

  test.each([
    ['{"id": ', 7],
    ['[{"id": "a"},\n {"id" "b"}]', 20],
    ['', 0],
    ['nonsense', 1],
  ])('broken JSON %j is refused at its position', async (text, position) => {
    const answer = await send(text);
    expect(answer.status).toBe(400);
    const problem = (await answer.json()) as { position: number; detail: string; reason: string };
    expect(problem.reason).toBe('not-json');
    expect(Math.abs(problem.position - position)).toBeLessThanOrEqual(1);
    expect(problem.detail).toMatch(/line \d+, column \d+/);
  });

  test('the position is in the line it says', async () => {
    const problem = (await (await send('[\n {"id": "a"},\n {"id" "b"}\n]')).json()) as { detail: string };
    expect(problem.detail).toContain('line 3');
  });

  test('bytes that are not UTF-8', async () => {
    const key = await platform.key('data-engineer');
    const answer = await platform.app.request('/api/events', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]),
    });
    expect(answer.status).toBe(400);
  });

  test('more than 2,500 events, as JSON and as msgpack', async () => {
    const many = Array.from({ length: MAX_EVENTS + 1 }, () => ({}));
    const json = await send(many);
    expect(json.status).toBe(413);
    expect(await json.json()).toMatchObject({ reason: 'too-many-items' });
    const key = await platform.key('data-engineer');
    const packed = await platform.app.request('/api/events', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/msgpack' },
      body: new Uint8Array(pack(many)),
    });
    expect(packed.status).toBe(413);
  });

  test('512 KB is the limit, whether the length is declared or the body comes in chunks', async () => {
    const text = JSON.stringify([order('big', { data: { note: 'x'.repeat(MAX_EVENTS_BODY) } })]);
    const declared = await send(text, { 'content-length': String(text.length) });
    expect(declared.status).toBe(413);
    expect(await declared.json()).toMatchObject({ reason: 'too-large' });
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const key = await platform.key('data-engineer');
    const chunked = await platform.app.request('/api/events', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: endless,
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    expect(sent).toBeLessThan(MAX_EVENTS_BODY + 4 * 65_536);
  });

  test.each([
    ['keyring-unavailable', 503],
    ['store-unavailable', 503],
    ['unknown-source', 422],
  ])('the gateway’s %s is %d with its reason', async (code, status) => {
    platform.clock.broken = Object.assign(new Error('the engine does not answer'), { code });
    const answer = await send([order('later')]);
    platform.clock.broken = null;
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ reason: code, detail: 'the engine does not answer' });
  });

  test('an unforeseen error is 500 without its words, and is logged under the trace id', async () => {
    platform.clock.broken = new Error('secret detail');
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const answer = await send([order('later')], { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    platform.clock.broken = null;
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toContain('secret detail');
    expect(JSON.parse(text)).toMatchObject({ trace_id: trace });
    expect(platform.logged.some((line) => line.includes(trace) && line.includes('secret detail'))).toBe(true);
  });
});

describe('Segment', () => {
  const post = async (call: string, body: unknown) => {
    const writeKey = await platform.access.createWriteKey('shop', 0);
    return platform.app.request(`/v1/${call}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  };
  const completed = (id: string) => ({
    userId: 'u-1',
    event: 'Order Completed',
    messageId: id,
    timestamp: '2026-05-21T00:00:00Z',
    properties: { order_id: id, revenue: 42, currency: 'EUR' },
  });

  test('track and batch land in the ledger; the same message again counts once', async () => {
    expect(await (await post('track', completed('m1'))).json()).toMatchObject({ success: true, accepted: 1 });
    const again = await post('batch', {
      batch: [
        { type: 'track', ...completed('m1') },
        { type: 'track', ...completed('m2') },
      ],
    });
    expect(await again.json()).toMatchObject({ success: true, accepted: 1, duplicates: 1 });
    const known = await platform.as('data-engineer', 'GET', `/api/customers/${platform.refOf('u-1')}`);
    expect(await known.json()).toMatchObject({ orders: 2, net: 84 });
  });

  test('what was refused is named, and success is false when that was everything', async () => {
    const refused = { ...completed('r1'), timestamp: 'soon' };
    const alone = await post('track', refused);
    expect(alone.status).toBe(200);
    const rejected = [{ index: 0, id: 'r1', reason: 'bad-time', detail: expect.any(String) }];
    expect(await alone.json()).toMatchObject({ success: false, accepted: 0, rejected });
    const batch = (...messages: object[]) => post('batch', { batch: messages.map((m) => ({ type: 'track', ...m })) });
    expect(await (await batch(refused)).json()).toMatchObject({ success: false, accepted: 0, rejected });
    expect(await (await batch(refused, completed('r2'))).json()).toMatchObject({
      success: true,
      accepted: 1,
      rejected,
    });
    expect(await (await batch(refused, completed('r2'))).json()).toMatchObject({ success: true, duplicates: 1 });
  });

  test.each([
    ['track', '[]', 'send one JSON object'],
    ['track', '7', 'send one JSON object'],
    ['batch', '{}', 'batch: an array'],
    ['batch', '{"batch": 3}', 'batch: an array'],
  ])('%s with %s is refused', async (call, body, detail) => {
    const answer = await post(call, body);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { detail: string }).detail).toContain(detail);
  });
});
