// What can happen to the system, as commands that fast-check puts in any order; beside it the model, which is a list of events and nothing else.
import { strictEqual } from 'node:assert';
import fc from 'fast-check';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import { hex, order, refund, sidOf } from '../projections/memory/scenario.ts';
import { independentFold, type PlainEvent } from '../support/independent-fold.ts';
import type { CrashPoint, System } from './model-system.ts';

const KNOWN = ['ann', 'bob', 'cy', 'dee'];
const ANONYMOUS = ['x1', 'x2', 'x3', 'x4'];

export interface Model {
  /** In the log. */
  events: PlainEvent[];
  /** At a publisher, who will send them some time. */
  delayed: PlainEvent[];
  links: { anonymous: string; known: string }[];
  erased: string[];
  packs: number;
}
export const emptyModel = (): Model => ({ events: [], delayed: [], links: [], erased: [], packs: 0 });
type Command = fc.AsyncCommand<Model, System>;

const stored = (e: PlainEvent) => {
  const base = e.kind === 'order' ? order(e.customer, e.key, e.day, e.minor) : refund(e.customer, e.key, e.day, 0);
  return { ...base, minor: e.minor, currency: e.currency, revision: e.revision };
};
const plain: fc.Arbitrary<PlainEvent> = fc
  .record({
    kind: fc.constantFrom('order' as const, 'order' as const, 'refund' as const),
    customer: fc.constantFrom(...KNOWN, ...ANONYMOUS),
    key: fc.integer({ min: 0, max: 15 }).map(String),
    day: fc.integer({ min: 0, max: 40 }),
    minor: fc.option(fc.integer({ min: 0, max: 5 }), { nil: null, freq: 8 }),
    revision: fc.constantFrom(0, 0, 0, 1, 2),
  })
  .map((e) => ({ ...e, currency: e.minor === null ? null : 'EUR' }));

const command = (
  name: string,
  run: (model: Model, system: System) => Promise<void>,
  check = (_: Readonly<Model>) => true,
): Command => ({
  check,
  run,
  toString: () => name,
});
async function send(model: Model, system: System, events: PlainEvent[]): Promise<void> {
  if (events.length === 0) return;
  await system.pack(events.map(stored));
  model.events.push(...events);
  model.packs++;
}
const rotated = <T>(list: T[], by: number): T[] => list.map((_, i) => list[(i * 7 + by) % list.length]!);

const append = fc
  .array(plain, { minLength: 1, maxLength: 8 })
  .map((events) => command(`append ${events.length}`, (model, system) => send(model, system, events)));
const delay = fc.array(plain, { minLength: 1, maxLength: 5 }).map((events) =>
  command(`delay ${events.length}`, async (model) => {
    model.delayed.push(...events);
  }),
);
/** What was delayed comes late, in another order, some of it only the next time. */
const release = fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 9 })).map(([by, most]) =>
  command('release the delayed, reordered', async (model, system) => {
    const waiting = model.delayed.length % 7 === 0 ? model.delayed : rotated(model.delayed, by);
    model.delayed = waiting.slice(most);
    await send(model, system, waiting.slice(0, most));
  }),
);
const packAgain = fc.tuple(fc.nat(50), fc.boolean()).map(([index, forgotten]) =>
  command(
    `a pack again, its id ${forgotten ? 'forgotten' : 'known'}`,
    (_, system) => system.again(index, forgotten),
    ({ packs }) => packs > 0,
  ),
);
/** A publisher who was not told sends its events again: other packs, other numbers. */
const eventsAgain = fc
  .tuple(fc.nat(100), fc.integer({ min: 1, max: 6 }))
  .map(([from, count]) =>
    command('events again', (model, system) =>
      send(model, system, model.events.slice(from % (model.events.length || 1)).slice(0, count)),
    ),
  );
const link = fc.tuple(fc.constantFrom(...ANONYMOUS), fc.constantFrom(...KNOWN)).map(([anonymous, known]) =>
  command(
    `link ${anonymous} to ${known}`,
    async (model, system) => {
      await system.fact({ type: 'customer.linked', anonymous: sidOf(anonymous), known: sidOf(known) });
      model.links.push({ anonymous, known });
    },
    (model) => !model.erased.includes(known) && !model.links.some((each) => each.anonymous === anonymous),
  ),
);
const erase = fc.constantFrom(...KNOWN).map((who) =>
  command(
    `erase ${who}`,
    async (model, system) => {
      const all = [who, ...model.links.filter((each) => each.known === who).map((each) => each.anonymous)];
      await system.fact({ type: 'customer.erased', sids: all.map(sidOf), at: 1 });
      model.erased.push(who);
    },
    (model) => !model.erased.includes(who) && model.erased.length < 2,
  ),
);
const gateway = fc.constant(command('the gateway starts again', async (_, system) => system.restartGateway()));
const POINTS: CrashPoint[] = [
  'before a batch is folded',
  'after a batch is folded',
  'before a snapshot is written',
  'as a snapshot is written',
  'before a snapshot gets its name',
  'after a snapshot has its name',
  'before the manifest is replaced',
  'after the manifest is replaced',
];
export const passed = new Map<CrashPoint, number>();
const crash = fc
  .tuple(fc.constantFrom(...POINTS), fc.array(plain, { minLength: 1, maxLength: 3 }))
  .map(([point, events]) =>
    command(`the fold dies ${point}`, async (model, system) => {
      // New messages make it fold, then it saves.
      const provoke = async () => {
        await send(model, system, events);
        await system.settled();
        await system.snapshot();
      };
      if (await system.crashFold(point, provoke)) passed.set(point, (passed.get(point) ?? 0) + 1);
    }),
  );
const restart = fc.constant(command('the fold starts again', (_, system) => system.restartFold()));
const snapshot = fc.constant(command('snapshot', async (_, system) => void (await system.snapshot())));
const damage = fc.constant(command('the newest snapshot is cut', (_, system) => system.damageSnapshot()));
const tables = fc.constant(command('another writer takes the tables', (_, system) => system.crashTables()));
const server = fc.constant(command('kill -9 of the log’s server', async (_, system) => system.killServer()));
const look = fc.constant(command('all agree', (model, system) => allAgree(model, system)));

/** Model, fold, a fold never interrupted, and the tables: sets, counts and digests. */
export async function allAgree(model: Model, system: System): Promise<void> {
  const { fold, projector } = await system.settled();
  const calm = await system.uninterrupted();
  strictEqual(fold.handlers.digest().state, new StateDigest(calm).value(), 'state digest');
  const oracle = independentFold(model.events, model.links, model.erased);
  const gone = new Set(
    model.links.filter(({ known }) => model.erased.includes(known)).map(({ anonymous }) => anonymous),
  );
  const names = new Map([...KNOWN, ...ANONYMOUS].map((id) => [hex(sidOf(id)), id]));
  const nameOf = (sid: Uint8Array): string | null => {
    const name = names.get(hex(sid)) ?? null;
    return name === null || model.erased.includes(name) || gone.has(name) ? null : name;
  };
  strictEqual(fold.ledger.store.orders.live, oracle.orders, 'orders');
  // Who is known by an erasure or a link alone has no orders, and is not of the independent fold.
  const bought = (sid: Uint8Array) => {
    const entries = fold.ledger.entries(sid);
    return entries !== null && entries.orders.length + entries.refunds.length > 0 ? nameOf(sid) : null;
  };
  strictEqual(portableDigest(fold.ledger, bought), oracle.digest, 'portable digest');
  if (projector === null) return;
  const counts = await projector.counts();
  strictEqual(counts.orders, oracle.orders, 'orders in the tables');
  strictEqual(
    counts.refunds,
    [...oracle.ledgers.values()].reduce((sum, each) => sum + each.refund.length, 0),
    'refunds in the tables',
  );
}

const ALWAYS = [
  append,
  append,
  append,
  delay,
  release,
  release,
  packAgain,
  eventsAgain,
  link,
  erase,
  gateway,
  crash,
  crash,
  restart,
  snapshot,
  damage,
  look,
];

/** @param real on engines: the server is killed and the tables change hands too. */
export const histories = (real: boolean, maxCommands: number) =>
  fc.commands(real ? [...ALWAYS, tables, tables, server] : ALWAYS, { maxCommands, size: 'max' });

/** Runs one history on a system to its end, and looks at the end again. */
export async function play(system: System, commands: Iterable<Command>): Promise<void> {
  const model = emptyModel();
  await fc.asyncModelRun(() => ({ model, real: system }), commands);
  await allAgree(model, system);
}
