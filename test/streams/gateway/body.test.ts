import fc from 'fast-check';
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { contentTypeOf, decodeBody } from '#streams/gateway/body.ts';
import { mentionsAny } from '#streams/gateway/erase.ts';
import { jsonErrorPosition } from '#streams/gateway/json-position.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('the place where JSON breaks', () => {
  test('is found exactly when JSON.parse refuses, for JSON with a piece taken out or put in', () => {
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.nat(3), fc.string({ maxLength: 3 }))
      .map(
        ([text, at, cut, put]) =>
          text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + cut),
      );
    fc.assert(
      fc.property(mutated, (text) => {
        expect(jsonErrorPosition(text) === -1).toBe(isJson(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['', 0],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['{"a":tru}', 5],
    ['"abc', 4],
    ['[1]x', 3],
    ['{a:1}', 1],
    ['[01]', 2],
    [`${'['.repeat(100_000)}`, 5_001],
  ])('%j breaks at %d', (text, position) => {
    expect(jsonErrorPosition(text)).toBe(position);
  });

  test('is told as position, line and column, also when the end is missing', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(() => decodeBody(bytes('{\n  "a": ?}'), 'json')).toThrow('position 9 (line 2, column 8)');
    expect(() => decodeBody(bytes('[{"a":1}'), 'json')).toThrow('position 8 (line 1, column 9), it ends too early');
    expect(() => decodeBody(new Uint8Array([0x22, 0xff, 0x22]), 'json')).toThrow('not UTF-8');
  });
});

test('JSON and msgpack of an event or an array of events are told apart by their first byte', () => {
  for (const value of [{}, [], { id: 'a', data: {} }, [{ id: 'a' }], Array.from({ length: 40 }, () => ({}))]) {
    const json = new TextEncoder().encode(JSON.stringify(value));
    expect(decodeBody(json, contentTypeOf(json))).toEqual(value);
    const packed = pack(value);
    expect(decodeBody(packed, contentTypeOf(packed))).toEqual(value);
  }
  expect(() => decodeBody(new Uint8Array(), contentTypeOf(new Uint8Array()))).toThrow('not readable');
});

test('a raw row names an id as a whole, as text or as a number, plain or escaped', () => {
  const mentions = mentionsAny(['42', 'a"b']);
  for (const raw of ['{"customer_id":"42"}', '{"user_id":42}', '2025-01-01,42,9.99', '{"c":"a\\"b"}'])
    expect(mentions(raw)).toBe(true);
  for (const raw of ['{"customer_id":"142"}', '{"x":421}', '{"id":"abc42"}', '']) expect(mentions(raw)).toBe(false);
});
