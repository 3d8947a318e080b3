// What leaves the page as text: addresses, commands, files.
import { expect, test } from 'vitest';
import { safeNext } from '#ui/account.ts';
import { curlGet, curlPost } from '#ui/curl.ts';
import { csv } from '#ui/download.ts';
import { parseSearch, stringifySearch, textOf } from '#ui/routes.ts';
import { stepsOf } from '#ui/views/seeding.tsx';

test('an address carries the page’s state and nothing empty', () => {
  expect(stringifySearch({ q: 'c-1', sort: 'clv', cursor: undefined, x: '' })).toBe('?q=c-1&sort=clv');
  expect(stringifySearch({})).toBe('');
  expect(parseSearch('?q=00042&as_of=2026-03-03')).toEqual({ q: '00042', as_of: '2026-03-03' });
  expect(textOf('  ')).toBeUndefined();
  expect(textOf(7)).toBe('7');
});

test('after signing in only an address within the console is gone to', () => {
  expect(safeNext('/customers?sort=clv')).toBe('/customers?sort=clv');
  for (const bad of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', undefined])
    expect(safeNext(bad)).toBe('/');
});

test('a copied command keeps the credential a variable and survives quotes', () => {
  expect(curlGet('/api/home', 'http://h')).toBe(`curl -H "Authorization: Bearer $KEY" 'http://h/api/home'`);
  expect(curlPost('/api/predict/churn', { customer_id: "o'neil" }, 'http://h')).toContain(
    `{"customer_id":"o'\\''neil"}`,
  );
  const long = { summary: { frequency: 3, recency: 20, T: 30 }, months: 12, left: undefined };
  const command = curlPost('/api/predict/clv', long, 'http://h');
  const lines = command.split(' \\\n  ');
  expect(lines.slice(0, 3)).toEqual([
    "curl 'http://h/api/predict/clv'",
    '-H "Authorization: Bearer $KEY"',
    "-H 'content-type: application/json'",
  ]);
  expect(JSON.parse(/^-d '(.*)'$/s.exec(lines[3]!)![1]!)).toEqual({ summary: long.summary, months: 12 });
  // What is long has a line for each part, however deep.
  for (const line of command.split('\n').slice(3)) expect(line.length).toBeLessThanOrEqual(48);
  expect(command).toContain('\n    "months": 12');
});

test('CSV quotes what must be quoted, leaves absent figures empty, and disarms formulas', () => {
  const text = csv(
    ['id', 'net'],
    [
      ['a,"b"', 1.5],
      ['=1+1', null],
      ['-x', Number.NaN],
      ['plain', -2],
    ],
  );
  expect(text).toBe('id,net\r\n"a,""b""",1.5\r\n\'=1+1,\r\n\'-x,\r\nplain,-2\r\n');
});

test('the demo’s steps are done by what stands behind them, and not while events still come in', () => {
  const none = { model: null, churn_rate: null, customers: null };
  const some = { events: 9, customers: 3, orders: 4, events_per_second: 0 };
  const done = (...given: Parameters<typeof stepsOf>) => stepsOf(...given).map((step) => step.done);
  expect(done(none, { events: 0, customers: 0, orders: 0, events_per_second: 0 })).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(done(none, { ...some, events_per_second: 8_000 })).toEqual([false, false, false, false]);
  expect(done(none, some)).toEqual([true, true, false, false]);
  const model = { id: 'clv@1', version: 1 };
  expect(done({ model, churn_rate: null, customers: 30 }, some)).toEqual([true, true, true, false]);
  expect(done({ model, churn_rate: 0.5, customers: 30 }, some)).toEqual([true, true, true, true]);
});
