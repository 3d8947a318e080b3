// Events → packs → EVT, by lanes. Per lane at most one unacknowledged pack; the next one fills until that acknowledgement comes, so packs grow
// with the load by themselves and the fsync of each message is shared (64 subjects with a fixed linger gave 2.6 events a pack and seconds of p99).
// A pack is sent again, same bytes and same Nats-Msg-Id, until it is stored. Within the duplicate window (2 min) the server recognises the second
// copy; after a longer outage it may store it twice, and readers recognise it by the counters (gateway, epoch, partition): they only ever grow.
import type { NatsConnection } from '@nats-io/nats-core';
import { type Fact, PARTITIONS, partitionOf, type StoredEvent } from '#domain/envelope.ts';
import { StoreUnavailable } from '../event-store.ts';
import { encodeFact, PackWriter } from '../pack.ts';
import { ringBell } from './cursor.ts';
import { createDelivery } from './delivery.ts';
import { checkGatewayId } from './epoch.ts';
import { type StreamLog, silent } from './link.ts';
import { messagesOf, upperBound } from './pack-limits.ts';

export interface LanePublisherOptions {
  nc: NatsConnection;
  tenant?: string;
  lanes?: number;
  gateway: string;
  epoch: number;
  log?: StreamLog;
  /** The gateway's clock, ms: stamps `ingestedAt` when a pack is closed. */
  now?: () => number;
  lingerMs?: number;
  /** Callers hear 'store-unavailable' after a pack has waited so long; it is still sent again. */
  unavailableAfterMs?: number;
}

export interface LanePublisher {
  /** Copies the event into its lane's pack and gives it its counter. Throws RangeError when it can never fit into a message. */
  add(event: StoredEvent): void;
  addMany(events: Iterable<StoredEvent>): void;
  /** Settles when everything added so far is stored, with the highest sequence of it (0: nothing was waiting). */
  ticket(): Promise<number>;
  /** Sends what is there now. */
  flushed(): Promise<number>;
  /** A barrier: stored after all that was added before, and before all that is added later. */
  fact(fact: Fact): Promise<number>;
  /** Resolves when few enough events wait for bulk input to go on. */
  room(): Promise<void>;
  /** Events not stored yet. */
  readonly pending: number;
  /** false: the store has not answered for a while; refuse input at the door. */
  readonly available: boolean;
  readonly stats: { packs: number; events: number; resent: number; lastSequence: number };
  /** Waits for what is on its way (at most `unavailableAfterMs`), then stops. Throws StoreUnavailable when something was left. */
  close(): Promise<void>;
}

const PACK_EVENTS = 4_096;
const PACK_BYTES = 512 << 10;
/** Events that may wait before bulk input is held back. */
const ROOM_EVENTS = 65_536;
const ENVELOPE_BYTES = 4_096; // of a pack around its rows, generously

interface Ticket {
  remaining: number;
  seq: number;
  resolve: (seq: number) => void;
  reject: (error: Error) => void;
}

interface Pack {
  /** Packs of a later generation than the last stored fact wait for it. */
  generation: number;
  events: number;
  subject: string;
  id: string;
  bytes: Uint8Array;
  tickets: Ticket[];
}

interface Lane {
  name: string;
  filling: PackWriter;
  /** Who waits for the pack that is still filling. */
  tickets: Ticket[];
  sealed: Pack[];
  sending: Pack | null;
  number: number;
}

export function createLanePublisher(options: LanePublisherOptions): LanePublisher {
  const { nc, gateway, epoch } = options;
  const tenant = options.tenant ?? 'main';
  const log = options.log ?? silent;
  const now = options.now ?? Date.now;
  const lingerMs = options.lingerMs ?? 5;
  const unavailableAfterMs = options.unavailableAfterMs ?? 5_000;
  checkGatewayId(gateway);

  const stop = new AbortController();
  const deliver = createDelivery(nc, log, stop.signal);
  const counters = new Uint32Array(PARTITIONS);
  const createLane = (name: string): Lane => ({
    name,
    filling: new PackWriter(64),
    tickets: [],
    sealed: [],
    sending: null,
    number: 0,
  });
  const lanes = Array.from({ length: options.lanes ?? 4 }, (_, index) => createLane(String(index)));
  const factLane = createLane('all');
  const everyLane = [...lanes, factLane];
  const stalled = new Set<Lane>();
  const roomWaiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const stats = { packs: 0, events: 0, resent: 0, lastSequence: 0 };

  let pending = 0;
  let generation = 0; // of what is being added
  let open = 0; // the generation that may be sent
  const unstored = new Map<number, number>(); // sealed packs not stored yet, by generation
  let lingering: NodeJS.Timeout | null = null;
  let flushing: NodeJS.Immediate | null = null;

  const maxMessage = () => Math.max(64 << 10, (nc.info?.max_payload ?? 1 << 20) - ENVELOPE_BYTES);
  const header = () => ({ tenant, gateway, epoch, ingestedAt: now() });

  function seal(lane: Lane): void {
    if (lane.filling.count === 0) return;
    for (const part of messagesOf(lane.filling, header(), maxMessage()))
      enqueue(lane, part.bytes, part.events, generation);
    lane.filling.clear();
    lane.sealed.at(-1)!.tickets = lane.tickets; // a lane stores in order: with the last part all are stored
    lane.tickets = [];
  }

  function enqueue(lane: Lane, bytes: Uint8Array, events: number, of: number): void {
    const subject = `evt.${lane.name}.${tenant}`;
    const id = `${gateway}:${epoch}:${lane.name}:${lane.number++}`;
    lane.sealed.push({ generation: of, events, subject, id, bytes, tickets: [] });
    unstored.set(of, (unstored.get(of) ?? 0) + 1);
  }

  /** Sends the lane's next pack if it may go. */
  function pump(lane: Lane): void {
    if (lane.sending || stop.signal.aborted) return;
    // Behind a barrier the pack goes on filling.
    if (lane.sealed.length === 0 && generation <= open) seal(lane);
    const pack = lane.sealed[0];
    if (!pack) return;
    const ready = lane === factLane ? pack.generation === open && !unstored.get(open) : pack.generation <= open;
    if (!ready) return;
    lane.sealed.shift();
    lane.sending = pack;
    void send(lane, pack);
  }

  async function send(lane: Lane, pack: Pack): Promise<void> {
    const unavailable = setTimeout(() => {
      stalled.add(lane);
      const error = new StoreUnavailable(
        `${pack.subject}: nothing stored for ${unavailableAfterMs / 1000} s; the events are kept and sent again until nats-server answers`,
      );
      log.warn({ lane: lane.name, pending }, 'store unavailable');
      for (const held of everyLane) rejectTickets(held, error);
      for (const waiter of roomWaiters.splice(0)) waiter.reject(error);
    }, unavailableAfterMs);
    const seq = await deliver(pack, () => void stats.resent++);
    clearTimeout(unavailable);
    if (seq !== null) stored(lane, pack, seq); // null: closed, and `close` tells
  }

  function stored(lane: Lane, pack: Pack, seq: number): void {
    lane.sending = null;
    stalled.delete(lane);
    pending -= pack.events;
    stats.packs++;
    stats.events += pack.events;
    stats.lastSequence = Math.max(stats.lastSequence, seq);
    for (const ticket of pack.tickets) {
      ticket.seq = Math.max(ticket.seq, seq);
      if (--ticket.remaining === 0) ticket.resolve(ticket.seq);
    }
    ringBell(nc, 'EVT', seq);
    unstored.set(pack.generation, unstored.get(pack.generation)! - 1);
    if (lane === factLane) {
      unstored.delete(pack.generation);
      open = pack.generation + 1;
      for (const each of lanes) pump(each);
    } else pump(lane);
    pump(factLane);
    if (pending <= ROOM_EVENTS) for (const waiter of roomWaiters.splice(0)) waiter.resolve();
  }

  function rejectTickets(lane: Lane, error: Error): void {
    const held = [
      lane.tickets,
      ...lane.sealed.map((pack) => pack.tickets),
      ...(lane.sending ? [lane.sending.tickets] : []),
    ];
    for (const tickets of held) for (const ticket of tickets.splice(0)) ticket.reject(error);
  }

  function pumpAll(): void {
    if (lingering) clearTimeout(lingering);
    if (flushing) clearImmediate(flushing);
    lingering = null;
    flushing = null;
    for (const lane of lanes) pump(lane);
  }
  /** On the next turn, so that everything the current one adds goes together. */
  const soon = () => {
    flushing ??= setImmediate(pumpAll);
  };

  function put(event: StoredEvent): void {
    if (stop.signal.aborted) throw new StoreUnavailable('the publisher is closed');
    const limit = maxMessage();
    if (upperBound(event) > limit)
      throw new RangeError(`an event of about ${upperBound(event)} bytes is more than one message may hold (${limit})`);
    const partition = partitionOf(event.sid);
    const lane = lanes[partition % lanes.length]!;
    event.counter = counters[partition]!;
    lane.filling.add(event);
    counters[partition]!++;
    pending++;
    if (lane.filling.count >= PACK_EVENTS || lane.filling.size >= Math.min(PACK_BYTES, limit)) {
      seal(lane);
      pump(lane);
    }
  }

  const ticket = (): Promise<number> => {
    if (pending > 0) soon();
    return new Promise((resolve, reject) => {
      const entry: Ticket = { remaining: 0, seq: 0, resolve, reject };
      for (const lane of lanes) {
        const last = lane.filling.count > 0 ? lane.tickets : (lane.sealed.at(-1) ?? lane.sending)?.tickets;
        if (!last) continue;
        last.push(entry);
        entry.remaining++;
      }
      if (entry.remaining === 0) resolve(0);
      else if (stalled.size > 0)
        reject(new StoreUnavailable('the event store does not answer; events are kept and sent again'));
    });
  };

  /** Settles with the newest fact. */
  const storedFact = () =>
    new Promise<number>((resolve, reject) => {
      (factLane.sealed.at(-1) ?? factLane.sending)!.tickets.push({ remaining: 1, seq: 0, resolve, reject });
    });

  return {
    add(event) {
      put(event);
      if (!lingering) lingering = setTimeout(pumpAll, lingerMs);
    },
    addMany(events) {
      for (const event of events) put(event);
      soon();
    },
    ticket,
    flushed() {
      pumpAll();
      return ticket();
    },
    fact(fact) {
      if (stop.signal.aborted) return Promise.reject(new StoreUnavailable('the publisher is closed'));
      for (const lane of lanes) seal(lane);
      enqueue(factLane, encodeFact(fact, header()), 0, generation);
      const result = storedFact();
      // Not counted among the packs it waits for.
      unstored.set(generation, unstored.get(generation)! - 1);
      generation++;
      pumpAll();
      pump(factLane);
      return result;
    },
    async room() {
      if (stalled.size > 0)
        throw new StoreUnavailable('the event store does not answer; events are kept and sent again');
      if (pending > ROOM_EVENTS) await new Promise<void>((resolve, reject) => roomWaiters.push({ resolve, reject }));
    },
    get pending() {
      return pending;
    },
    get available() {
      return stalled.size === 0 && !nc.isClosed();
    },
    stats,
    async close() {
      pumpAll();
      try {
        if (factLane.sending || factLane.sealed.length > 0) await storedFact();
        await ticket();
      } finally {
        stop.abort();
        const error = new StoreUnavailable('the publisher was closed before everything was stored');
        for (const lane of everyLane) rejectTickets(lane, error);
      }
    },
  };
}
