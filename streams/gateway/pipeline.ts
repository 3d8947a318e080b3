// From parsed events to stored ones: labels → identity → links → hashes → dedupe → seal → lanes → one acknowledgement for the batch.
// The keyring commits before anything is appended; until the last step nothing has reached the log, so a failure leaves nothing half-written.
import type { StoredEvent } from '#domain/envelope.ts';
import { type InputEvent, type ReasonCode, type Rejection, SCHEMA_VERSION } from '#domain/events.ts';
import { eventKeyMaterial, orderKeyMaterial, refundedOrderKeyMaterial } from '#domain/orders.ts';
import { DAY_MS, dayOf } from '#domain/time.ts';
import type { IdIndexReader } from '../id-index.ts';
import type { LanePublisher } from '../jetstream/publisher.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { seal } from '../keyring/seal.ts';
import { sidText } from '../keyring/sid.ts';
import type { Counters } from './counters.ts';
import type { Dedupe } from './dedupe.ts';
import type { Ids } from './ids.ts';
import type { Linker } from './linker.ts';
import { type MoneyTaken, moneyTaken } from './money-taken.ts';
import type { Zone } from './protocol.ts';
import { type Found, type Resolver, refKey, type Unknown } from './resolver.ts';
import type { Source } from './sources.ts';

export interface PipelineDeps {
  ids: Ids;
  index: IdIndexReader;
  resolver: Resolver;
  linker: Linker;
  keyring: Pick<Keyring, 'keysOf'>;
  dedupe: Dedupe;
  publisher: Pick<LanePublisher, 'add' | 'ticket'>;
  counters: Counters;
  zone(): Zone;
}

export interface Batch {
  source: Source;
  /** The import run, or null for live input: an import's duplicates are the fold's to count, so all of it is stored. */
  run: string | null;
  events: InputEvent[];
  /** Position of each event in what the publisher sent; null: the same. */
  positions: number[] | null;
  strict: boolean;
  traceId: string | null;
}

interface Stored {
  appended: number;
  duplicates: number;
  rejected: Rejection[];
  lastSeq: number;
  money: MoneyTaken[];
}

const nothing = (rejected: Rejection[]): Stored => ({ appended: 0, duplicates: 0, rejected, lastSeq: 0, money: [] });

/** Events as they will be stored, and which of the batch's each was; −1: refused since. */
interface Ready {
  events: StoredEvent[];
  origins: number[];
}

type Reject = (i: number, reason: ReasonCode, detail: string) => void;

export type Pipeline = (batch: Batch) => Promise<Stored>;

/** Subscriptions without an id of their own are the customer's one subscription: no key. */
const hasOrderKey = (event: InputEvent): boolean =>
  event.type === 'order.placed' || event.type === 'order.refunded' || event.orderId !== null;

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { ids, index, resolver, linker, keyring, dedupe, publisher, counters } = deps;

  return async (batch) => {
    const { events, source } = batch;
    const rejected: Rejection[] = [];
    const reject = (i: number, reason: ReasonCode, detail: string): void => {
      rejected.push({ index: batch.positions?.[i] ?? i, id: events[i]!.id, reason, detail });
    };
    await source.keepLabels();

    const sids = new Array<Uint8Array | null>(events.length).fill(null);
    const unknown = findKnown(events, sids);
    if (unknown !== null) fill(events, sids, await resolver.resolve(unknown));
    for (let i = 0; i < events.length; i++) {
      const sid = sids[i]!;
      if (sid !== null && !isErased(sid, events[i]!.at)) continue;
      sids[i] = null;
      reject(i, 'erased', 'a customer of this id was erased; events up to that instant are refused');
    }
    if (batch.strict && rejected.length > 0) return nothing(rejected);

    const facts: Promise<number>[] = [];
    try {
      if (events.some((event) => event.linkAnonymousId !== null)) await link(batch, sids, reject, facts);
      if (batch.strict && rejected.length > 0) return nothing(rejected);
      const ready = await toReady(batch, sids, reject);
      if (batch.strict && rejected.length > 0) return nothing(rejected);
      const { appended, duplicates } = append(ready, batch.run, reject);
      // A duplicate's first copy may still be on its way: the ticket covers everything added so far.
      const lastSeq = Math.max(ready.events.length > 0 ? await publisher.ticket() : 0, ...(await Promise.all(facts)));
      counters.events += appended;
      counters.duplicates += duplicates;
      return {
        appended,
        duplicates,
        rejected,
        lastSeq,
        money: moneyTaken(ready.events.filter((_, r) => ready.origins[r]! >= 0)),
      };
    } catch (error) {
      // Already being told by the error above; the linker says them again after a restart.
      for (const fact of facts) fact.catch(() => undefined);
      throw error;
    }
  };

  /** In one go: whoever else uses the publisher or the dedupe comes before or after. */
  function append(ready: Ready, run: string | null, reject: Reject): { appended: number; duplicates: number } {
    let appended = 0;
    let duplicates = 0;
    for (let r = 0; r < ready.events.length; r++) {
      const origin = ready.origins[r]!;
      if (origin < 0) continue;
      const event = ready.events[r]!;
      if (dedupe.seen(event) && run === null) {
        duplicates++;
        continue;
      }
      try {
        publisher.add(event);
        appended++;
      } catch (error) {
        dedupe.forget(event);
        if (!(error instanceof RangeError)) throw error;
        reject(origin, 'too-large', error.message);
      }
    }
    return { appended, duplicates };
  }

  function findKnown(events: InputEvent[], sids: (Uint8Array | null)[]): Unknown | null {
    let unknown: Unknown | null = null;
    const want = (id: string, anonymous: boolean, at: number): void => {
      unknown ??= new Map();
      const key = refKey(id, anonymous);
      const known = unknown.get(key);
      if (known === undefined) unknown.set(key, { id, anonymous, at });
      else if (known.at < at) known.at = at;
    };
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      const sid = index.lookup(event.customerId, event.anonymous);
      sids[i] = sid;
      if (sid === null) want(event.customerId, event.anonymous, event.at);
      if (event.linkAnonymousId !== null && index.lookup(event.linkAnonymousId, true) === null)
        want(event.linkAnonymousId, true, event.at);
    }
    return unknown;
  }

  function fill(events: InputEvent[], sids: (Uint8Array | null)[], found: Found): void {
    for (let i = 0; i < events.length; i++)
      sids[i] ??= found.get(refKey(events[i]!.customerId, events[i]!.anonymous)) ?? null;
    let created = 0;
    for (const sid of found.values()) if (sid !== null) created++;
    counters.newCustomers += created;
  }

  function isErased(sid: Uint8Array, at: number): boolean {
    if (resolver.reopened.size === 0) return false;
    const until = resolver.reopened.get(sidText(sid));
    return until !== undefined && at <= until;
  }

  async function link(
    { events, strict }: Batch,
    sids: (Uint8Array | null)[],
    reject: Reject,
    facts: Promise<number>[],
  ): Promise<void> {
    const conflict = (i: number) => {
      sids[i] = null;
      reject(
        i,
        'link-conflict',
        'the anonymous id belongs to another customer already; an administrator can join the two',
      );
    };
    const linking = events.flatMap((event, i) => (event.linkAnonymousId !== null && sids[i] !== null ? [i] : []));
    if (strict) {
      let refused = false;
      for (const i of linking)
        if (await linker.wouldConflict(events[i]!.linkAnonymousId!, events[i]!.customerId)) {
          conflict(i);
          refused = true;
        }
      if (refused) return;
    }
    for (const i of linking) {
      const decided = await linker.link(events[i]!.linkAnonymousId!, events[i]!.customerId);
      // 'unknown-customer': the anonymous id was erased, and this event is not later; the event itself is the known customer's.
      if (!decided.ok && decided.reason === 'link-conflict') conflict(i);
      else if (decided.ok && decided.value !== null) facts.push(decided.value);
    }
  }

  async function toReady(batch: Batch, sids: (Uint8Array | null)[], reject: Reject): Promise<Ready> {
    const { events } = batch;
    const { name, namespace, policy } = batch.source.config;
    const zone = deps.zone();
    const ready: Ready = { events: [], origins: [] };
    let sealing = false;
    for (let i = 0; i < events.length; i++) {
      const sid = sids[i]!;
      if (sid === null) continue;
      const event = events[i]!;
      if (event.sealed !== null) sealing = true;
      ready.origins.push(i);
      ready.events.push({
        sid,
        counter: 0,
        anonymous: event.anonymous,
        eventHash: ids.eventHash(eventKeyMaterial(event, namespace)),
        type: event.type,
        schemaVersion: SCHEMA_VERSION[event.type],
        at: event.at,
        dateOnly: event.dateOnly,
        day: event.dateOnly ? Math.floor(event.at / DAY_MS) : dayOf(event.at, zone.offsets),
        zoneVersion: zone.version,
        source: name,
        policyVersion: policy.version,
        run: batch.run,
        producerNumber: event.producerNumber,
        lines: event.lines,
        orderHash: hasOrderKey(event) ? ids.orderHash(orderKeyMaterial(event, namespace)) : null,
        refundedOrderHash:
          event.refundedOrderId === null
            ? null
            : ids.orderHash(refundedOrderKeyMaterial(event.refundedOrderId, namespace)),
        revision: event.revision,
        minor: event.minor,
        currency: event.currency,
        channel: event.channel,
        name: event.name,
        props: event.props,
        traceId: event.traceId ?? batch.traceId,
        correlationId: event.correlationId,
        causationId: event.causationId,
        sealed: null,
      });
      counters.droppedFields += event.dropped;
      counters.roundedFloats += event.roundedFloats;
    }
    if (sealing) await sealAll(ready, batch, reject);
    return ready;
  }

  async function sealAll(ready: Ready, { events, run }: Batch, reject: Reject): Promise<void> {
    const open: number[] = [];
    const texts: string[] = [];
    for (let r = 0; r < ready.events.length; r++) {
      if (events[ready.origins[r]!]!.sealed === null) continue;
      // A retry's blobs are not made twice.
      if (run === null && dedupe.has(ready.events[r]!)) continue;
      open.push(r);
      texts.push(sidText(ready.events[r]!.sid));
    }
    const keys = await keyring.keysOf(new Set(texts));
    for (let n = 0; n < open.length; n++) {
      const r = open[n]!;
      const event = ready.events[r]!;
      const origin = ready.origins[r]!;
      const key = keys.get(texts[n]!);
      if (key === undefined) {
        ready.origins[r] = -1;
        reject(origin, 'erased', 'the customer was erased while this event was on its way');
      } else {
        event.sealed = seal(events[origin]!.sealed!, key, event);
        counters.sealed++;
      }
    }
  }
}
