// Rows by one fold are the rows by a fold for each cut-off, whatever the log holds; where it does not lie in the order in which it was known, nothing is
// guessed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { type ChurnRows, rowsAt } from '#processors/training/churn-rows.ts';
import { knownLedgers } from '#processors/training/known-ledgers.ts';
import { ledgersOf } from '#processors/training/ledgers.ts';
import { sweep } from '#processors/training/swept-rows.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { activity, createWriter, DAY, event, order, refund, sidOf } from '../projections/memory/scenario.ts';
import { type LogInMemory, storeOf } from '../support/log-store.ts';

const CUTS = [100, 200, 300];
const INSTANTS = CUTS.map((day) => (day + 1) * DAY - 1);
const small = { maxCustomers: 1 << 10 };
const ids = ['ann', 'bob', 'cy', 'dee', 'eve'];

interface Told {
  /** Day it is taken in. */
  told: number;
  /** Days before that on which it happened. */
  ago: number;
  kind:
    | 'order'
    | 'refund'
    | 'activity'
    | 'attribute'
    | 'started'
    | 'cancelled'
    | 'link'
    | 'erase'
    | 'finished'
    | 'deployed'
    | 'canaried'
    | 'replayed';
  id: string;
  minor: number;
}
const something: fc.Arbitrary<Told> = fc.record({
  told: fc.integer({ min: 0, max: 400 }),
  ago: fc.integer({ min: 0, max: 60 }),
  kind: fc.constantFrom(
    'order',
    'order',
    'order',
    'refund',
    'activity',
    'attribute',
    'started',
    'cancelled',
    'link',
    'erase',
    'finished',
    'deployed',
    'canaried',
    'replayed',
  ),
  id: fc.constantFrom(...ids),
  minor: fc.integer({ min: 1, max: 5 }),
});

const factOf = ({ kind, id, told, minor }: Told): Fact | null => {
  if (kind === 'link') return { type: 'customer.linked', anonymous: sidOf(`anon-${id}`), known: sidOf(id) };
  if (kind === 'erase') return { type: 'customer.erased', sids: [sidOf(id)], at: told * DAY };
  if (kind === 'deployed' || kind === 'canaried') {
    const at = { ctlSequence: told, kind: 'clv', model: 'clv_model', version: minor, digest: '00', at: told * DAY };
    return kind === 'deployed' ? { type: 'model.deployed', ...at } : { type: 'model.canaried', ...at, percent: 10 };
  }
  if (kind === 'replayed') return { type: 'dead-letters.replayed', by: 'request' };
  return kind === 'finished' ? { type: 'import.finished', run: 'none', rows: 0, events: 0, quarantinedRows: 0 } : null;
};
const eventOf = ({ kind, id, told, ago, minor }: Told): StoredEvent => {
  const day = Math.max(0, told - ago);
  // Few keys, so that orders are amended and repeated.
  const key = `k${minor}`;
  if (kind === 'order') return order(id, key, day, 100 * minor);
  if (kind === 'refund') return refund(id, key, day, 100 * minor);
  if (kind === 'activity') return activity(minor % 2 ? id : `anon-${id}`, `a${told}${minor}`, day, 'visit');
  if (kind === 'attribute')
    return event(id, {
      type: 'customer.identified',
      day,
      at: day * DAY,
      props: { contract: minor % 2 ? 'year' : 'month' },
    });
  return event(id, {
    type: kind === 'started' ? 'subscription.started' : 'subscription.cancelled',
    day,
    at: day * DAY,
  });
};

function logFrom(list: readonly Told[]): LogInMemory {
  const writer = createWriter();
  const messages = list.map((each) => {
    writer.ingestedAt = each.told * DAY + 1;
    const fact = factOf(each);
    return fact ? writer.fact(fact) : writer.pack([eventOf(each)]);
  });
  return storeOf(messages);
}

/** Everybody's entries; a sweep counts positions of its own. */
const entriesOf = (ledger: Ledger) =>
  Array.from(ledgersOf(ledger).customers(), ({ seq: _, ...entries }) => entries).sort((a, b) =>
    a.sid < b.sid ? -1 : 1,
  );

async function both(
  { store, seq }: LogInMemory,
  definition = DEFAULT_CHURN,
): Promise<{ swept: ChurnRows[] | null; folded: ChurnRows[] }> {
  const everybody = await everybodyAt(store, seq, { ledger: small, snapshotDir: null, log: { info() {}, warn() {} } });
  const settled = ledgersOf(everybody);
  const rowsOf = (day: number, ledger: Ledger): ChurnRows => rowsAt(definition, day, ledgersOf(ledger), settled);
  const bySid = (rows: ChurnRows) =>
    rows.customer
      .map((customer, i) => ({ customer, features: rows.features[i], label: rows.label[i] }))
      .sort((a, b) => (a.customer < b.customer ? -1 : 1));
  const swept: ChurnRows[] = [];
  const whole = await sweep(
    store,
    seq,
    INSTANTS,
    small,
    (instant, ledger) => void swept.push(rowsOf(CUTS[INSTANTS.indexOf(instant)]!, ledger)),
    () => undefined,
  );
  const ledgers = await knownLedgers(store, seq, INSTANTS, small);
  const folded = ledgers.map((ledger, i) => rowsOf(CUTS[i]!, ledger));
  // What labels are read from: the ledger of everything, as it is in any other fold.
  if (whole) expect(entriesOf(whole)).toEqual(entriesOf(everybody));
  return { swept: whole ? (swept.map(bySid) as never) : null, folded: folded.map(bySid) as never };
}

describe('one fold', () => {
  test.each([DEFAULT_CHURN, DEFAULT_CONTRACTUAL])(
    '$kind: a log as it was lived gives the same rows',
    async (definition) => {
      await fc.assert(
        fc.asyncProperty(fc.array(something, { maxLength: 40 }), async (list) => {
          const { swept, folded } = await both(logFrom([...list].sort((a, b) => a.told - b.told)), definition);
          expect(swept).not.toBeNull();
          expect(swept).toEqual(folded);
        }),
        { numRuns: 60 },
      );
    },
  );

  test('lanes stored side by side: what was known just after a cut-off may stand before what was known just before it', async () => {
    const [left, right] = [createWriter('g', 1), createWriter('g', 2)];
    const at = (writer: typeof left, knownAt: number, each: StoredEvent) => {
      writer.ingestedAt = knownAt;
      return writer.pack([each]);
    };
    const cut = INSTANTS[0]!;
    const log = storeOf([
      at(left, cut - 5, order('ann', 'k1', 90, 100)),
      at(left, cut + 3, order('ann', 'k2', 100, 100)),
      at(right, cut - 1, order('bob', 'k3', 95, 100)),
      at(right, cut + 4, order('bob', 'k4', 100, 100)),
      at(left, cut + 60_000, order('ann', 'k5', 101, 100)),
    ]);
    // Each gateway is a lane of its own here.
    const lanes = ['evt.0.main', 'evt.0.main', 'evt.1.main', 'evt.1.main', 'evt.0.main'];
    const store = {
      ...log.store,
      async *read(...asked: Parameters<typeof log.store.read>) {
        for await (const record of log.store.read(...asked)) yield { ...record, subject: lanes[record.seq - 1]! };
      },
    };
    const { swept, folded } = await both({ store, seq: log.seq });
    expect(swept).toEqual(folded);
    expect(
      (swept as unknown as { features: { frequency: number } }[][])[0]!.map(({ features }) => features.frequency),
    ).toEqual([0, 0]);
    // In one lane that cannot be: nothing is guessed.
    expect((await both(log)).swept).toBeNull();
  });

  test('in any other order it gives the same rows or none', async () => {
    let none = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(something, { minLength: 4, maxLength: 30 }), async (list) => {
        const { swept, folded } = await both(logFrom(list));
        if (swept === null) none++;
        else expect(swept).toEqual(folded);
      }),
      { numRuns: 60 },
    );
    expect(none).toBeGreaterThan(10);
  });

  test('an import of what happened before, and rates for earlier days, are not swept', async () => {
    const writer = createWriter();
    writer.ingestedAt = 350 * DAY;
    const started: Fact = {
      type: 'import.started',
      run: 'r',
      source: 'shop',
      digest: '',
      backfill: true,
      amend: false,
      startedAt: 0,
      coverage: 'complete',
    };
    const imported = storeOf([writer.fact(started), writer.pack([{ ...order('ann', 'k1', 50, 100), run: 'r' }])]);
    expect((await both(imported)).swept).toBeNull();
    const lived = createWriter();
    const message = (told: number, bytes: () => Uint8Array) => {
      lived.ingestedAt = told * DAY;
      return bytes();
    };
    const rates = storeOf([
      message(50, () => lived.pack([order('ann', 'k1', 50, 100), order('ann', 'k2', 60, 100)])),
      message(150, () => lived.fact({ type: 'fx.rates.set', day: 1, rates: { USD: '0.9' } })),
    ]);
    expect((await both(rates)).swept).toBeNull();
  });
});
