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
  expect(safeNext('/customers?q=a')).toBe('/customers?q=a');
  for (const bad of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', undefined])
    expect(safeNext(bad)).toBe('/');
});

test('a copied command keeps the credential a variable and survives quotes', () => {
  expect(curlGet('/api/home', 'http://h')).toBe(`curl -H "Authorization: Bearer $KEY" 'http://h/api/home'`);
  expect(curlPost('/api/predict/churn', { customer_id: "o'neil" }, 'http://h')).toContain(
    `{"customer_id":"o'\\''neil"}`,
  );
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

test('the demo’s steps are done by what stands behind them', () => {
  const nothing = { model: null, churn_rate: null, customers: null };
  const counters = { events: 0, customers: 0, orders: 0 };
  expect(stepsOf(nothing, counters).map(({ done }) => done)).toEqual([false, false, false, false]);
  expect(stepsOf(nothing, { events: 9, customers: 3, orders: 4 }).map(({ done }) => done)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  const model = { id: 'clv@1', version: 1 };
  expect(
    stepsOf({ model, churn_rate: 0.5, customers: 30 }, { events: 9, customers: 30, orders: 40 }).every(
      ({ done }) => done,
    ),
  ).toBe(true);
});
