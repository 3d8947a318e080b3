// Left truncation through the whole program (facts §9): a live source that covers only from a day on, its events, who is left out of fits and
// predictions, and what changing the declaration changes, also across a restart.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csvRows, dayOf, fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';

interface FitAnswer {
  ok: boolean;
  n?: number;
  message?: string;
  excluded: { leftTruncated: number; anonymous: number; noRate: number };
  diagnostics: { code: string; message: string }[];
}

const DAY_MS = 86_400_000;
const dataDir = temporaryFolder('coverage');
const rows = csvRows(fixture('clv_transactions.csv')) as { customer_id: string; date: string; amount: string }[];
const firstDays = new Map<string, number>();
for (const { customer_id, date } of rows)
  firstDays.set(customer_id, Math.min(dayOf(date), firstDays.get(customer_id) ?? Number.POSITIVE_INFINITY));
/** Customers first seen before the day, and all others. */
const split = (day: number) => {
  const before = [...firstDays.values()].filter((first) => first < day).length;
  return { before, after: firstDays.size - before };
};
const median = [...firstDays.values()].sort((a, b) => a - b)[Math.floor(firstDays.size / 2)]!;
const text = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);

let program: Program;
const train = (body: object = {}) => program.call<FitAnswer>('POST', '/api/fit', { kind: 'clv', ...body });
const source = (...args: string[]) => program.json<Record<string, unknown>>(['source', ...args]);

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
});
afterAll(removeFolders);

test('a source of before DATE + burn-in: those customers are left out of the fit, which says so, and are not predicted', async () => {
  await source('add', 'till', '--coverage', text(median - 180));
  expect(await source('list')).toContainEqual(
    expect.objectContaining({ name: 'till', coverage: text(median - 180), burn_in_days: 180 }),
  );
  for (let from = 0; from < rows.length; from += 500) {
    const events = rows.slice(from, from + 500).map(({ customer_id, date, amount }, i) => ({
      type: 'order.placed',
      customer_id,
      at: date,
      data: { order_id: `o-${from + i}`, amount, currency: 'EUR' },
    }));
    const sent = await program.request('POST', '/api/events?source=till', { body: events });
    expect([sent.status, sent.body.accepted]).toEqual([202, events.length]);
  }
  const { before, after } = split(median);
  expect(Math.min(before, after)).toBeGreaterThan(100);
  const fitted = await until('all events are in the fit', async () => {
    const answer = await train({ deploy: true });
    return answer.excluded.leftTruncated + (answer.n ?? 0) === firstDays.size && answer;
  });
  expect(fitted).toMatchObject({ ok: true, n: after, excluded: { leftTruncated: before, anonymous: 0, noRate: 0 } });
  expect(fitted.diagnostics.find(({ code }) => code === 'left-truncated-excluded')!.message).toMatch(
    new RegExp(`^${before} customers left out, ${after} customers taken: .*axiom47 source set`),
  );
  const ask = (wanted: (first: number) => boolean) => {
    const [customer_id] = [...firstDays].find(([, first]) => wanted(first))!;
    return program.request('POST', '/api/predict/churn', { body: { customer_id } });
  };
  expect(await ask((first) => first < median)).toMatchObject({
    status: 422,
    body: { reason: 'not-applicable', detail: expect.stringContaining('may have bought before the data begin') },
  });
  expect(await ask((first) => first >= median)).toMatchObject({ status: 200, body: { basis: 'history' } });
});

test('what is said later counts at once: other days, other burn-ins, complete; a past position keeps what it knew', async () => {
  const { digests } = await program.call<{ digests: { seq: number } }>('GET', '/api/log');
  const longer = await program.json<object>(['source', 'set', 'till', '--burn-in', '190']);
  expect(longer).toMatchObject({ coverage: text(median - 180), burn_in_days: 190 });
  expect((await train()).excluded.leftTruncated).toBe(split(median + 10).before);
  await source('set', 'till', '--coverage', 'complete');
  const all = await train();
  expect(all).toMatchObject({ ok: true, n: firstDays.size, excluded: { leftTruncated: 0 } });
  expect(all.diagnostics.map(({ code }) => code)).not.toContain('left-truncated-excluded');
  expect((await train({ as_of: digests.seq })).excluded.leftTruncated).toBe(split(median).before);
  // Too few remain: refused, with who is missing and what would change it.
  await source('set', 'till', '--coverage', '2040-01-01', '--burn-in', '0');
  const refused = await train();
  expect(refused).toMatchObject({ ok: false, excluded: { leftTruncated: firstDays.size } });
  expect(refused.message).toMatch(
    new RegExp(`${firstDays.size} customers left out, 0 customers taken.*source set NAME`),
  );
});

test('the declaration survives a restart, and the command line refuses what cannot be', async () => {
  await source('set', 'till', '--coverage', text(median), '--burn-in', '0');
  await program.stop();
  program = await serve(['--data-dir', dataDir]);
  expect((await train()).excluded.leftTruncated).toBe(split(median).before);
  for (const [args, message] of [
    [['set', 'till'], 'nothing to set'],
    [['set', 'till', '--burn-in', '-1'], 'burn-in'],
    [['set', 'till', '--burn-in', '4000'], 'whole days from 0 to 3653'],
    [['set', 'nobody', '--burn-in', '1'], 'no source nobody'],
  ] as const) {
    const ended = await run(['source', ...args, '--data-dir', dataDir]);
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.stderr).toContain(message);
  }
});
