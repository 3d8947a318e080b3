import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addTerms, digestHex, digestOf, digestTerm, portableRow, subtractTerms } from '#domain/digest.ts';
import { type Content, compareChannel, compareContent, isVerifiable, judge } from '#domain/ledger.ts';

const content = (day: number, minor: number | null, revision = 0, currency: string | null = 'EUR'): Content => ({
  day,
  minor,
  currency,
  revision,
});

describe('judge: one key, two contents (facts §2)', () => {
  test('the same day, amount and currency is a duplicate, whatever the revision', () => {
    expect(judge(content(1, 5), content(1, 5))).toEqual({ verdict: 'duplicate', replaces: false });
    expect(judge(content(1, 5), content(1, 5, 7))).toEqual({ verdict: 'duplicate', replaces: true });
  });
  test('a higher revision amends, a lower one is superseded', () => {
    expect(judge(content(9, 5), content(1, 4, 1))).toEqual({ verdict: 'amended', replaces: true });
    expect(judge(content(1, 4, 1), content(9, 5))).toEqual({ verdict: 'superseded', replaces: false });
  });
  test('at equal revision the greater content stays and the other is a conflict', () => {
    expect(judge(content(1, 5), content(1, 6))).toEqual({ verdict: 'conflict', replaces: true });
    expect(judge(content(1, 6), content(1, 5))).toEqual({ verdict: 'conflict', replaces: false });
    expect(judge(content(1, null), content(1, 0))).toEqual({ verdict: 'conflict', replaces: true });
    expect(judge(content(2, 0), content(1, 99))).toEqual({ verdict: 'conflict', replaces: false });
    expect(judge(content(1, 5, 0, 'EUR'), content(1, 5, 0, 'USD'))).toEqual({ verdict: 'conflict', replaces: true });
  });

  test('given an order, when it comes again by another channel, then it is a duplicate, and the greater name stands', () => {
    const by = (channel: string | null, revision = 0, minor = 5): Content => ({
      ...content(1, minor, revision),
      channel,
    });
    expect(judge(by('app'), by('web'))).toEqual({ verdict: 'duplicate', replaces: true });
    expect(judge(by('web'), by('app'))).toEqual({ verdict: 'duplicate', replaces: false });
    expect(judge(by(null), by('app'))).toEqual({ verdict: 'duplicate', replaces: true });
    expect(judge(by('web'), by('web'))).toEqual({ verdict: 'duplicate', replaces: false });
    // A later revision says all of it anew, an earlier one nothing.
    expect(judge(by('web'), by(null, 1))).toEqual({ verdict: 'duplicate', replaces: true });
    expect(judge(by('app', 1), by('web'))).toEqual({ verdict: 'duplicate', replaces: false });
    expect(judge(by('web'), by('app', 1, 6))).toEqual({ verdict: 'amended', replaces: true });
    // Where money differs it decides.
    expect(judge(by('web'), by(null, 0, 6))).toEqual({ verdict: 'conflict', replaces: true });
    expect(judge(by('app'), by('web', 0, 4))).toEqual({ verdict: 'conflict', replaces: false });
  });

  test('channels are compared as their UTF-8 bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(compareChannel(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    expect(compareChannel('\u{1F6D2}', '\uFF57eb')).toBeGreaterThan(0);
    expect(compareChannel(null, '')).toBe(0);
  });

  test('joining is commutative, associative and idempotent', () => {
    const any = fc.record({
      day: fc.integer({ min: 0, max: 2 }),
      minor: fc.option(fc.integer({ min: 0, max: 2 }), { nil: null }),
      currency: fc.constantFrom('EUR', 'USD', null),
      revision: fc.integer({ min: 0, max: 2 }),
      channel: fc.constantFrom(null, 'app', 'web'),
    });
    const join = (a: Content, b: Content): Content => (judge(a, b).replaces ? b : a);
    const same = (a: Content, b: Content) =>
      compareContent(a, b) === 0 && a.revision === b.revision && a.channel === b.channel;
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(same(join(a, b), join(b, a))).toBe(true);
        expect(same(join(join(a, b), c), join(a, join(b, c)))).toBe(true);
        expect(same(join(a, a), a)).toBe(true);
      }),
    );
  });
});

test('an activity is verifiable when even its first arrival would still be in the window', () => {
  const day = 86_400_000;
  expect(isVerifiable(5, null)).toBe(true);
  expect(isVerifiable(10 * day, 9 * day)).toBe(true);
  expect(isVerifiable(10 * day - 1, 9 * day)).toBe(false);
});

describe('digests', () => {
  const sha256 = (text: string) => text.repeat(64).slice(0, 64);
  test('are sums: any order, and one row can be taken out again', () => {
    const [a, b] = [digestTerm('a', sha256), digestTerm('b', sha256)];
    expect(digestOf(['a', 'b', null], sha256)).toBe(digestOf(['b', 'a'], sha256));
    expect(digestHex(subtractTerms(addTerms(a, b), b))).toBe(digestOf(['a'], sha256));
    expect(digestHex(subtractTerms(0n, 1n))).toBe('f'.repeat(32));
  });
  test('a portable row holds no sid, key or position and sorts by content', () => {
    const order = { revision: 3, currency: 'EUR', channel: 'web' };
    const base = { sid: 'aa', linked: [], erased: false, anonymous: false, seq: 9, refunds: [], activities: [] };
    const row = portableRow('c-1', {
      ...base,
      orders: [
        { ...order, day: 2, key: '0f', minor: 5 },
        { ...order, day: 2, key: 'ff', minor: null },
      ],
      subscriptions: [],
      consents: [],
      attributes: [],
    });
    expect(row).toBe('["c-1",[[2,null,"EUR"],[2,5,"EUR"]],[],[],[],[]]');
    expect(portableRow('c-2', { ...base, orders: [], subscriptions: [], consents: [], attributes: [] })).toBeNull();
  });
});
