// Logs with everything in them that makes one customer's past depend on others: links, erasures, packs sent twice, a small id window, an import
// repeated, rates and currencies, sources by the dozen, another zone, types of a newer version.
import fc from 'fast-check';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { activity, createWriter, DAY, event, order, refund, sidOf } from '../scenario.ts';

export const PEOPLE = ['ann', 'bob', 'cy', 'dee', 'x1', 'x2', 'x3', 'nobody'];
/** Few ids: the window forgets all the time. */
export const OPTIONS: LedgerOptions = { maxCustomers: 1 << 10, idWindow: { maxIds: 6, maxHours: 2 } };

const person = fc.constantFrom(...PEOPLE.slice(0, -1), 'ann', 'ann');
const day = fc.integer({ min: 0, max: 9 });
const small = fc.integer({ min: 0, max: 5 });
const source = fc.integer({ min: 0, max: 33 }).map((n) => `source-${String(n).padStart(2, '0')}`);
const at = fc
  .tuple(day, fc.integer({ min: 0, max: 23 }))
  .map(([d, hour]) => ({ day: d, at: d * DAY + hour * 3_600_000, dateOnly: false }));
/** So few instants that ids meet again. */
const [soon, late] = [1, 4].map((d) => ({ day: d, at: d * DAY, dateOnly: false }));

const happening: fc.Arbitrary<(n: number) => StoredEvent> = fc.oneof(
  fc
    .record({
      who: person,
      key: small,
      when: at,
      minor: fc.option(small),
      revision: fc.constantFrom(0, 0, 1),
      currency: fc.constantFrom('EUR', 'USD'),
      source,
      channel: fc.constantFrom(null, 'web', 'app'),
    })
    .map(({ who, key, when, minor, revision, currency, source: from, channel }) => () => ({
      ...order(who, `${key}`, 0, minor),
      ...when,
      revision,
      currency: minor === null ? null : currency,
      source: from,
      channel,
    })),
  fc.record({ who: person, key: small, when: at, of: fc.option(small) }).map(({ who, key, when, of }) => () => ({
    ...refund(who, `${key}`, 0, 1, of === null ? null : `${of}`),
    ...when,
  })),
  fc
    .record({
      who: person,
      id: fc.constantFrom(0, 0, 1),
      when: fc.constantFrom(soon, soon, late),
      name: fc.constantFrom('view', 'view', 'click'),
      run: fc.constantFrom(null, 'r1', 'r2'),
    })
    .map(({ who, id, when, name, run }) => () => ({ ...activity(who, `${id}`, 0, name), ...when, run })),
  fc
    .record({
      who: person,
      id: small,
      when: at,
      plan: fc.constantFrom('basic', 'pro'),
      step: fc.constantFrom('started', 'cancelled'),
    })
    .map(({ who, id, when, plan, step }) => () => ({
      ...activity(who, `s${id}`, 0, plan, { type: `subscription.${step as 'started'}` }),
      ...when,
    })),
  fc.record({ who: person, id: small, when: at, granted: fc.boolean() }).map(({ who, id, when, granted }) => () => ({
    ...activity(who, `c${id}`, 0, 'mail', { type: 'consent.changed', props: { granted } }),
    ...when,
  })),
  fc
    .record({ who: person, id: small, when: at, city: fc.constantFrom('Rome', 'Oslo'), said: fc.boolean() })
    .map(({ who, id, when, city, said }) => () => ({
      ...activity(who, `i${id}`, 0, 'seen', { type: 'customer.identified', props: said ? { city } : null }),
      ...when,
    })),
  fc.record({ who: person, when: at }).map(
    ({ who, when }) =>
      () =>
        event(who, { ...when, schemaVersion: 200, type: 'activity.recorded', name: 'new' }),
  ),
);

const fact: fc.Arbitrary<(n: number) => Fact> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom('x1', 'x2', 'x3'), fc.constantFrom('ann', 'bob', 'cy', 'x1')).map(
      ([a, b]) =>
        (): Fact => ({ type: 'customer.linked', anonymous: sidOf(a), known: sidOf(b) }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .uniqueArray(person, { minLength: 1, maxLength: 2 })
      .map((who) => (): Fact => ({ type: 'customer.erased', sids: who.map(sidOf), at: 1 })),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      (n: number): Fact => ({
        type: 'ledger.rezoned',
        version: 1 + (n % 3),
        zone: 'Etc/Test',
        offsets: [[0, (n % 3) * 300 + 60]],
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: day.map(
      (d) =>
        (n: number): Fact => ({ type: 'fx.rates.set', day: d, rates: { USD: `0.${1 + (n % 9)}` } }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('EUR', 'USD')
      .map((reportingCurrency) => (): Fact => ({ type: 'currency.set', reportingCurrency })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(source, day).map(
      ([name, d]) =>
        (n: number): Fact => ({ type: 'source.covered', source: name, coverage: d, burnInDays: 1, version: n }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('r1', 'r2').map(
      (run) => (): Fact => ({
        type: 'import.started',
        run,
        source: 'file',
        digest: 'same',
        backfill: true,
        amend: false,
        startedAt: 0,
        coverage: 'complete',
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('r1', 'r2')
      .map((run) => (): Fact => ({ type: 'import.finished', run, rows: 1, events: 1, quarantinedRows: 0 })),
  },
);

type Step = { pack: ((n: number) => StoredEvent)[]; again: boolean; hours: number } | { fact: (n: number) => Fact };
const step: fc.Arbitrary<Step> = fc.oneof(
  // Sources enough that some share a bit of the rows.
  {
    weight: 1,
    arbitrary: fc.constant({
      pack: Array.from(
        { length: 28 },
        (_, i) => () => order('dee', `many ${i}`, 3, 1, { source: `source-${String(i + 3).padStart(2, '0')}` }),
      ),
      again: false,
      hours: 0,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      pack: fc.array(happening, { minLength: 2, maxLength: 8 }),
      again: fc.boolean(),
      hours: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fact.map((make) => ({ fact: make })) },
);
export const steps = fc.array(step, { minLength: 6, maxLength: 24 });

/** The log of the steps. */
export async function logOf(list: readonly Step[]) {
  const store = createMemoryStore();
  const writer = createWriter();
  let n = 0;
  for (const each of list) {
    n++;
    if ('fact' in each) {
      await store.append('evt.all.main', writer.fact(each.fact(n)));
      continue;
    }
    writer.ingestedAt += each.hours * 3_600_000;
    const bytes = writer.pack(each.pack.map((make) => make(n)));
    await store.append('evt.0.main', bytes);
    if (each.again) await store.append('evt.0.main', bytes);
  }
  return store;
}
