// Control facts: load → decide → append, one subject an aggregate (`ctl.<tenant>.<aggregate>.<id>`), with the subject's last sequence as version.
// One message holds all events of one command, so a decision is stored whole or not at all.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Decider, EventDefinitions } from '#domain/decider.ts';
import type { Result } from '#domain/result.ts';
import { isAcknowledgement } from './acknowledgement.ts';
import { type EventStore, type Recorded, StoreUnavailable, VersionConflict } from './event-store.ts';

const storedEvent = z.object({
  type: z.string(),
  version: z.int().min(1),
  data: z.unknown(),
  /** ms since the epoch, the command's own clock. */
  at: z.number(),
  /** Who asked: a user's or key's id, 'system' or 'cli'; never an e-mail address or a name. */
  actor: z.string(),
  correlationId: z.string().nullable(),
});
const commit = z.array(storedEvent).min(1);

export interface ControlRecord<Event = { type: string; data: unknown }> {
  event: Event;
  aggregate: string;
  id: string;
  /** CTL sequence of its commit: the aggregate's version, and what a barrier names. */
  seq: number;
  at: number;
  actor: string;
  correlationId: string | null;
}

export interface Meta {
  actor: string;
  /** ms. */
  now: number;
  correlationId?: string | null;
  tenant?: string;
}

export interface Handled<State, Event> {
  state: State;
  /** What this command added; empty when it was so already. */
  events: Event[];
  /** The aggregate's CTL sequence afterwards; 0 when it has no events at all. */
  seq: number;
}

const DEFAULT_TENANT = 'main';
const ATTEMPTS = 20;

export function controlSubject(aggregate: string, id: string, tenant = DEFAULT_TENANT): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(id))
    throw new RangeError(`${aggregate}: id '${id}' is not 1 to 128 letters, digits, '-' or '_'`);
  return `ctl.${tenant}.${aggregate}.${id}`;
}

/** Reads a message of CTL; one that is not ours (acknowledgement.ts) holds no events. Events of types or versions this program does not know throw: state must not be guessed. */
export function decodeControl<Event>(definitions: EventDefinitions, message: Recorded): ControlRecord<Event>[] {
  if (isAcknowledgement(message.bytes)) return [];
  const [, , aggregate = '', id = ''] = message.subject.split('.');
  const where = `CTL ${message.seq} (${aggregate} ${id})`;
  let stored: z.infer<typeof commit>;
  try {
    stored = commit.parse(JSON.parse(new TextDecoder().decode(message.bytes)));
  } catch (cause) {
    throw new RangeError(`${where}: not a list of events`, { cause });
  }
  return stored.map(({ type, version, data, at, actor, correlationId }) => {
    const definition = definitions[type];
    if (!definition || version > definition.version)
      throw new RangeError(`${where}: ${type} version ${version} was written by a newer version of this program`);
    const present = version < definition.version && definition.upcast ? definition.upcast(data, version) : data;
    const parsed = definition.data.safeParse(present);
    if (!parsed.success) throw new RangeError(`${where}: ${type}: ${z.prettifyError(parsed.error)}`);
    return { event: { type, data: parsed.data } as Event, aggregate, id, seq: message.seq, at, actor, correlationId };
  });
}

export interface Loaded<State> {
  state: State;
  /** CTL sequence of the last commit that is in it; 0: none is. */
  seq: number;
}

/** @param known what was read of it before: only what came since is read. */
export async function load<State, Command, Event extends { type: string; data: unknown }, Reason extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Reason>,
  id: string,
  tenant = DEFAULT_TENANT,
  known: Loaded<State> = { state: decider.initial, seq: 0 },
): Promise<Loaded<State>> {
  let { state, seq } = known;
  const subject = controlSubject(decider.aggregate, id, tenant);
  for await (const message of store.read('CTL', { subject, from: seq + 1 })) {
    for (const { event } of decodeControl<Event>(decider.events, message)) state = decider.evolve(state, event);
    seq = message.seq;
  }
  return { state, seq };
}

/** Every aggregate of one kind, by id. */
export async function loadAll<State, Command, Event extends { type: string; data: unknown }, Reason extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Reason>,
  tenant = DEFAULT_TENANT,
): Promise<Map<string, Loaded<State>>> {
  const all = new Map<string, Loaded<State>>();
  for await (const message of store.read('CTL', { subject: `ctl.${tenant}.${decider.aggregate}.*` }))
    for (const { event, id } of decodeControl<Event>(decider.events, message))
      all.set(id, { state: decider.evolve(all.get(id)?.state ?? decider.initial, event), seq: message.seq });
  return all;
}

/**
 * Carries a command out. When somebody else writes in between, it is decided anew on what they wrote.
 * @param known what the caller has read of it before. Nothing is read when the store finds it still so; a command that would change nothing is decided on
 * what is read then.
 */
export async function handle<State, Command, Event extends { type: string; data: unknown }, Reason extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Reason>,
  id: string,
  command: Command,
  meta: Meta,
  known?: Loaded<State>,
): Promise<Result<Handled<State, Event>, Reason>> {
  const subject = controlSubject(decider.aggregate, id, meta.tenant);
  const read = (before?: Loaded<State>) => load(store, decider, id, meta.tenant, before);
  let loaded = known ?? (await read());
  let decided = decider.decide(command, loaded.state);
  if (known !== undefined && (!decided.ok || decided.value.length === 0)) {
    loaded = await read(known);
    decided = decider.decide(command, loaded.state);
  }
  for (let attempt = 1; ; attempt++) {
    if (!decided.ok) return decided;
    const { state, seq } = loaded;
    const events = decided.value;
    if (events.length === 0) return { ok: true, value: { state, events, seq } };
    try {
      const stored = await appendOnce(store, subject, encode(decider.events, events, meta), seq);
      return { ok: true, value: { state: events.reduce(decider.evolve, state), events, seq: stored } };
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt === ATTEMPTS) throw error;
      loaded = await read(loaded);
      decided = decider.decide(command, loaded.state);
    }
  }
}

/** Once more after a lost answer: the id makes the second try safe when the first was stored. */
async function appendOnce(store: EventStore, subject: string, bytes: Uint8Array, version: number): Promise<number> {
  const options = { expectedLastSequence: version, messageId: randomUUID() };
  try {
    return (await store.append(subject, bytes, options)).seq;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return (await store.append(subject, bytes, options)).seq;
  }
}

function encode(definitions: EventDefinitions, events: { type: string; data: unknown }[], meta: Meta): Uint8Array {
  const stored = events.map(({ type, data }): z.infer<typeof storedEvent> => {
    const definition = definitions[type];
    if (!definition) throw new Error(`event '${type}' has no schema`);
    const { version } = definition;
    const { now: at, actor, correlationId = null } = meta;
    // Parsed before it is stored: what does not pass its schema now would never be readable again.
    return { type, version, data: definition.data.parse(data), at, actor, correlationId };
  });
  return new TextEncoder().encode(JSON.stringify(stored));
}
