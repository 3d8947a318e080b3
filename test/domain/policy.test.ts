import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admitLabel,
  createPolicyState,
  DEFAULT_POLICY,
  isSmall,
  MAX_LABELS,
  plainValue,
  type Sorted,
  sortField,
} from '#domain/policy.ts';
import { cleanId, cleanText, looksPersonal, shapeOf } from '#domain/text.ts';

const nothing = (): Sorted => ({ props: null, sealed: null, dropped: 0 });

describe('what looks personal', () => {
  test.each([
    ['erika@example.org', 'an e-mail address'],
    ['contact: erika@example.org!', 'an e-mail address'],
    ['+49 30 901820', 'a phone number'],
    ['(030) 901-820', 'a phone number'],
    ['030 901820', 'a phone number'],
    ['555-867-5309', 'a phone number'],
    ['4111 1111 1111 1111', 'a card number'],
    ['paid with 5500-0000-0000-0004', 'a card number'],
    [4111111111111111, 'a card number'],
    ['378282246310005', 'a card number'],
  ])('%s is %s', (value, kind) => expect(looksPersonal(value)).toBe(kind));

  test.each([
    'web',
    'newsletter-2024',
    '2026-11-20',
    '1234567890',
    '12.50',
    '4111111111111112',
    'tier 1',
    'v1.2.3-4',
    'iOS 17.0',
    1795168800000,
    'a@b',
  ])('%s is nobody’s', (value) => expect(looksPersonal(value)).toBeNull());
});

describe('the field policy', () => {
  const policy = { ...DEFAULT_POLICY, fields: { tier: 'keep', note: 'seal', tracker: 'drop' } as const };

  test('keeps, seals and drops by name; unnamed fields are dropped, each counted', () => {
    const into = nothing();
    for (const [field, value] of Object.entries({
      tier: 'gold',
      note: 'likes tea',
      tracker: 1,
      session_id: 'abc',
      free: 'text',
    }))
      expect(sortField(field, value, policy, into)).toEqual({ ok: true, value: null });
    expect(into).toEqual({ props: { tier: 'gold' }, sealed: { note: 'likes tea' }, dropped: 3 });
  });

  test('with `otherwise: seal`, unnamed fields are sealed', () => {
    const into = nothing();
    sortField('free', { deep: ['text'] }, { ...policy, otherwise: 'seal' }, into);
    expect(into).toEqual({ props: null, sealed: { free: { deep: ['text'] } }, dropped: 0 });
  });

  test.each([
    'erika@example.org',
    '+49 30 901820',
    '4111111111111111',
    { nested: 1 },
    ['a'],
    'x'.repeat(65),
    '',
    'line\nbreak',
    Number.NaN,
  ])('a kept field may not be %j', (value) => {
    const sorted = sortField('tier', value, policy, nothing());
    expect(sorted.ok).toBe(false);
    if (!sorted.ok && String(value).length > 9) expect(sorted.reason).not.toContain(String(value));
  });

  test('__proto__ is a field like any other nobody named', () => {
    const into = nothing();
    const hostile = JSON.parse('{"__proto__": {"polluted": true}}') as object;
    for (const field in hostile)
      sortField(field, (hostile as Record<string, unknown>)[field], { ...policy, otherwise: 'seal' }, into);
    expect(into).toEqual({ props: null, sealed: null, dropped: 1 });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('two hundred names travel in the clear; the next one is `other`, one seen before stays itself', () => {
    const { names } = createPolicyState();
    for (let i = 0; i < MAX_LABELS; i++) expect(admitLabel(`n${i}`, names)).toEqual({ ok: true, value: `n${i}` });
    expect(admitLabel('one more', names)).toEqual({ ok: true, value: 'other' });
    expect(admitLabel('n7', names)).toEqual({ ok: true, value: 'n7' });
    expect(names.size).toBe(MAX_LABELS);
    expect(admitLabel('erika@example.org', names).ok).toBe(false);
  });

  test('plain values come out as they went in, or not at all', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const plain = plainValue(value);
        if (plain.ok) expect(plain.value).toBe(typeof value === 'string' ? value.trim() : value);
      }),
    );
  });
});

describe('texts', () => {
  test.each([
    [' c-1 ', 'c-1'],
    [42, '42'],
    [42n, '42'],
    ['名前', '名前'],
    ['', null],
    ['   ', null],
    ['a\u0000b', null],
    ['a\nb', null],
    ['broken \ud800', null],
    ['not utf-8 \ufffd', null],
    ['x'.repeat(257), null],
    [2 ** 53, null],
    [-1, null],
    [1.5, null],
    [{}, null],
    [true, null],
  ])('the id %s is %s', (value, id) => expect(cleanId(value)).toBe(id));

  test('a clean text is trimmed and bounded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const clean = cleanText(text, 10);
        if (clean !== null) expect(clean.length > 0 && clean.length <= 10 && clean === text.trim()).toBe(true);
      }),
    );
  });

  test('a shape shows the form, never the letters', () => {
    expect(shapeOf('Erika M. 1990-01-02')).toBe("'aaaaa a. 9999-99-99'");
    expect(shapeOf('x'.repeat(30))).toBe(`'${'a'.repeat(24)}' and 6 more`);
  });

  test('size counts texts, keys and depth, and stops early', () => {
    expect(isSmall({ a: 'x'.repeat(1000) })).toBe(true);
    expect(isSmall({ a: 'x'.repeat(70_000) })).toBe(false);
    expect(isSmall(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i, 1])))).toBe(false);
    let deep: unknown = 1;
    for (let i = 0; i < 100; i++) deep = [deep];
    expect(isSmall(deep)).toBe(false);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(isSmall(circle)).toBe(false);
  });
});
