import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SourceCommand, type SourceEvent, type SourceSettings, source } from '#domain/source.ts';
import { specification } from '../support/decider.ts';

const { given, isIdempotent } = specification(source);

const policy = {
  fields: { plan: 'keep' as const },
  otherwise: 'drop' as const,
  traits: 'seal',
  orderIds: 'seal',
} as const;
const hash = (digit: string) => digit.repeat(64);
const settings: SourceSettings = {
  ordersAs: 'shop',
  zone: 'Europe/Berlin',
  currency: 'EUR',
  coverage: 'complete',
  burnInDays: 180,
  policy: { ...policy, version: 1 },
  writeKeyHash: hash('a'),
};
const added: SourceEvent = { type: 'source.added', data: settings };
const addShop: SourceCommand = { type: 'AddSource', settings: { ...settings, policy } };

describe('source', () => {
  test('is added with policy version 1', () => given([]).when(addShop).then([added]));
  test('added again the same is nothing new, whatever the order of its fields', () => {
    given([added]).when(addShop).thenNothing();
    const turned = Object.fromEntries(Object.entries(addShop.settings).reverse()) as typeof addShop.settings;
    given([added]).when({ type: 'AddSource', settings: turned }).thenNothing();
  });
  test('added again with other settings is refused; its namespace can never change', () => {
    given([added])
      .when({ type: 'AddSource', settings: { ...addShop.settings, zone: 'UTC' } })
      .thenRefused('source-exists');
    given([added])
      .when({ type: 'AddSource', settings: { ...addShop.settings, ordersAs: 'till' } })
      .thenRefused('orders-as-is-fixed');
  });
  test('each new policy gets the next version', () => {
    const stricter = { ...policy, otherwise: 'seal' as const };
    const set: SourceEvent = { type: 'source.policy-set', data: { policy: { ...stricter, version: 2 } } };
    given([added]).when({ type: 'SetPolicy', policy: stricter }).then([set]);
    given([added, set])
      .when({ type: 'SetPolicy', policy })
      .then([{ type: 'source.policy-set', data: { policy: { ...policy, version: 3 } } }]);
    given([added]).when({ type: 'SetPolicy', policy }).thenNothing();
  });
  test('zone, currency, coverage and write key change alone', () => {
    given([added])
      .when({ type: 'SetZone', zone: 'UTC' })
      .then([{ type: 'source.zone-set', data: { zone: 'UTC' } }]);
    given([added])
      .when({ type: 'SetCurrency', currency: null })
      .then([{ type: 'source.currency-set', data: { currency: null } }]);
    given([added])
      .when({ type: 'SetCoverage', coverage: 19_000, burnInDays: 30 })
      .then([{ type: 'source.coverage-set', data: { coverage: 19_000, burnInDays: 30 } }]);
    given([added]).when({ type: 'SetCoverage', coverage: 'complete', burnInDays: 180 }).thenNothing();
    given([added])
      .when({ type: 'SetCoverage', coverage: 'complete', burnInDays: 0 })
      .then([{ type: 'source.coverage-set', data: { coverage: 'complete', burnInDays: 0 } }]);
    given([added])
      .when({ type: 'RotateWriteKey', writeKeyHash: hash('b') })
      .then([{ type: 'source.write-key-rotated', data: { writeKeyHash: hash('b') } }]);
  });
  test('a source of before burn-ins were kept has the default', () => {
    const { burnInDays: _, ...before } = settings;
    expect(source.events['source.added']!.data.parse(before)).toEqual(settings);
    expect(source.events['source.coverage-set']!.data.parse({ coverage: 5 })).toEqual({ coverage: 5, burnInDays: 180 });
  });
  test('its credentials are revoked once, and again after new ones were made', () => {
    const revoked: SourceEvent = { type: 'source.credentials-revoked', data: {} };
    const rotated: SourceEvent = { type: 'source.write-key-rotated', data: { writeKeyHash: hash('b') } };
    given([added]).when({ type: 'RevokeCredentials' }).then([revoked]);
    given([added, revoked]).when({ type: 'RevokeCredentials' }).thenNothing();
    given([added, revoked, rotated]).when({ type: 'RevokeCredentials' }).then([revoked]);
    // The very key that was revoked must not count as made already.
    given([added, rotated, revoked])
      .when({ type: 'RotateWriteKey', writeKeyHash: hash('b') })
      .then([rotated]);
    given([]).when({ type: 'RevokeCredentials' }).thenRefused('source-unknown');
  });
  test('nothing can be set on a source nobody added', () => {
    given([]).when({ type: 'SetZone', zone: 'UTC' }).thenRefused('source-unknown');
    given([])
      .when({ type: 'RotateWriteKey', writeKeyHash: hash('b') })
      .thenRefused('source-unknown');
  });

  test('decide, apply, decide again: nothing new', () => {
    const rule = fc.constantFrom('keep' as const, 'seal' as const, 'drop' as const);
    const anyPolicy = fc.record({
      fields: fc.dictionary(fc.constantFrom('plan', 'seats', 'note'), rule),
      otherwise: fc.constantFrom('drop' as const, 'seal' as const),
      traits: fc.constantFrom('seal' as const, 'drop' as const),
      orderIds: fc.constantFrom('seal' as const, 'drop' as const),
    });
    const command: fc.Arbitrary<SourceCommand> = fc.oneof(
      fc.constant(addShop),
      fc.record({ type: fc.constant('SetPolicy' as const), policy: anyPolicy }),
      fc.record({ type: fc.constant('SetZone' as const), zone: fc.constantFrom('UTC', 'Asia/Tokyo') }),
      fc.record({ type: fc.constant('SetCurrency' as const), currency: fc.constantFrom('EUR', 'JPY', null) }),
      fc.record({
        type: fc.constant('SetCoverage' as const),
        coverage: fc.constantFrom<'complete' | number>('complete', 0, 19_000),
        burnInDays: fc.constantFrom(0, 180),
      }),
      fc.record({ type: fc.constant('RotateWriteKey' as const), writeKeyHash: fc.constantFrom(hash('1'), hash('2')) }),
      fc.constant<SourceCommand>({ type: 'RevokeCredentials' }),
    );
    fc.assert(fc.property(fc.array(command), (commands) => void isIdempotent(commands)));
    expect(isIdempotent([addShop, { type: 'SetZone', zone: 'UTC' }])).toEqual({
      ...settings,
      zone: 'UTC',
      revoked: false,
    });
  });
});
