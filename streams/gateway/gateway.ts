// The gateway: every fact comes in through here (architecture.md "The path of a fact"). Opens its own connections; one a thread.
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type InputEvent, REJECT_AFTER_MS, type Rejection } from '#domain/events.ts';
import { parsePrepared } from '#domain/prepared.ts';
import { ok } from '#domain/result.ts';
import { type EventStore, StoreUnavailable } from '../event-store.ts';
import type { IdIndex } from '../id-index.ts';
import { catchUp, type IndexPosition, loadIdIndex, saveIdIndex } from '../id-index-file.ts';
import { connectNats } from '../jetstream/connection.ts';
import { takeEpoch } from '../jetstream/epoch.ts';
import { type Lease, watchLease } from '../jetstream/lease.ts';
import type { StreamLog } from '../jetstream/link.ts';
import { createLanePublisher, type LanePublisher } from '../jetstream/publisher.ts';
import { createJetStreamStore } from '../jetstream/store.ts';
import { type Keyring, openKeyring } from '../keyring/keyring.ts';
import { createQuarantine, type Quarantine } from '../quarantine.ts';
import { openAskDoor } from './ask-door.ts';
import { BadBody, contentTypeOf, decodeBatch, decodeBody, MAX_BODY_BYTES, MAX_BODY_EVENTS } from './body.ts';
import { type Counters, createCounters } from './counters.ts';
import { createDedupe, warmDedupe } from './dedupe.ts';
import { createErase } from './erase.ts';
import { createIds } from './ids.ts';
import { type InMessage, openInDoor } from './in-door.ts';
import { createIngest, rawText, valuesOf } from './ingest.ts';
import { createLinker, type Linker } from './linker.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import {
  type GatewayConfig,
  type GatewayDoors,
  type GatewayHandlers,
  type IngestAnswer,
  type IngestRequest,
  UnknownSource,
  type Zone,
} from './protocol.ts';
import { createResolver, type Resolver, refKey } from './resolver.ts';
import { createSources, type Sources } from './sources.ts';

export interface Gateway extends AsyncDisposable {
  readonly handlers: GatewayHandlers;
  /** Settles with the reason when another gateway has taken its name: it takes nothing in any more. */
  readonly lost: Promise<Error>;
}

/** Messages of EVT whose events are remembered from the start, so that a publisher's retry after a crash is not stored again. */
const WARM_MESSAGES = 256;
/** The id index file is written again after so many new customers (the rest is read from the keyring at the next start). */
const SAVE_AFTER = 250_000;

/** What the parts share; opened in the order of `openGateway`, closed in the other. */
interface Parts {
  config: GatewayConfig;
  log: StreamLog;
  nc: NatsConnection;
  store: EventStore;
  keyring: Keyring;
  index: IdIndex;
  position: IndexPosition;
  epoch: number;
  lease: Lease;
  publisher: LanePublisher;
  quarantine: Quarantine;
  sources: Sources;
  resolver: Resolver;
  linker: Linker;
  /** The dedupe knows the newest events of the log. */
  warmed: Promise<void>;
  counters: Counters;
  pipeline: Pipeline;
  zone: { current: Zone };
  now: () => number;
}

/** @param doors may come later: customers' ids are loaded meanwhile, and nothing is taken in before. */
export async function openGateway(
  config: GatewayConfig,
  doors: GatewayDoors | Promise<GatewayDoors>,
  log: StreamLog,
  now: () => number = Date.now,
): Promise<Gateway> {
  await using opening = new AsyncDisposableStack();
  const nc = opening.adopt(await connectNats(config.nats, { name: 'axiom47-gateway' }), (open) => open.close());
  const store = opening.use(createJetStreamStore(nc, { log }));
  const keyring = opening.use(
    await openKeyring({
      url: config.keyringUrl,
      kek: config.kek,
      mayCreate: (await store.lastSequence('EVT')) === 0,
      name: 'axiom47-gateway',
      connections: 4,
      now,
    }),
  );
  const { index, position } = await loadIdIndex(config.idIndexPath, keyring, (why) =>
    log.warn({ why: why instanceof Error ? why.message : String(why) }, 'id index is rebuilt from the keyring'),
  );
  const epoch = await takeEpoch(nc, config.gateway);
  const lease = opening.adopt(await watchLease(nc, config.gateway, epoch, log), (held) => held.close());
  const publisher = createLanePublisher({
    nc,
    tenant: config.tenant,
    lanes: config.lanes,
    gateway: config.gateway,
    epoch,
    log,
    now,
  });
  const quarantine = createQuarantine({
    store,
    tenant: config.tenant,
    now,
    async remove(seq) {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      await jsm.streams.deleteMessage('QUA', seq, true);
    },
  });
  const linker = createLinker(
    keyring,
    (fact) => publisher.fact(fact),
    (error) => log.warn({ error: String(error) }, 'a stored fact stays pending in the keyring'),
  );
  await linker.sayPending();
  const resolver = createResolver(keyring, index, await keyring.reopened());
  const dedupe = createDedupe();
  const counters = createCounters();
  const { sources: configs, zone: inForce } = await doors;
  // Whoever only asks does not wait for it; whatever is sent does.
  const warmed = warmDedupe(dedupe, store, WARM_MESSAGES).then(
    ({ unknownTypes }) => {
      if (unknownTypes > 0)
        log.warn(
          { events: unknownTypes },
          'the log holds events of types this version does not know; start the newer one',
        );
    },
    // The fold is the judge of repeats: the log only grows by them.
    (error: Error) => log.warn({ reason: error.message }, 'repeats of the newest events are stored again'),
  );
  const sources = await createSources(keyring, configs);
  const zone = { current: inForce };
  const ids = createIds(keyring.idKey);
  const pipeline = createPipeline({
    ids,
    index,
    resolver,
    linker,
    keyring,
    dedupe,
    publisher,
    counters,
    zone: () => zone.current,
  });
  const parts: Parts = {
    config,
    log,
    nc,
    store,
    keyring,
    index,
    position,
    epoch,
    lease,
    publisher,
    quarantine,
    sources,
    resolver,
    linker,
    warmed,
    counters,
    pipeline,
    zone,
    now,
  };
  const gateway = createGateway(parts, opening.move());
  log.info({ gateway: config.gateway, epoch, customers: index.size }, 'gateway open');
  return gateway;
}

function createGateway(parts: Parts, opened: AsyncDisposableStack): Gateway {
  const { config, log, keyring, index, position, publisher, quarantine, sources, resolver, linker, counters } = parts;
  const { pipeline, now } = parts;
  const ingest = createIngest({ pipeline, quarantine, counters, now });
  let stopped: Promise<void> | null = null;
  /** Requests under way. */
  let busy = 0;
  let idle: (() => void) | null = null;

  /** Refuses at the door what could not be stored anyway, and lets `stop` wait for the rest. */
  async function underWay<T>(work: () => Promise<T>): Promise<T> {
    if (stopped !== null) throw new StoreUnavailable('the gateway is stopping');
    busy++;
    try {
      await parts.lease.held();
      await parts.warmed;
      await publisher.room();
      return await work();
    } finally {
      if (--busy === 0) idle?.();
    }
  }
  const sourceOf = (name: string) => {
    const source = sources.get(name);
    if (source === undefined) throw new UnknownSource();
    return source;
  };

  let saving: Promise<void> = Promise.resolve();
  let savedSize = index.size;
  const save = (): Promise<void> => {
    saving = saving
      .catch(() => undefined)
      .then(async () => {
        // An erasure after this line makes the file one that the next start does not take.
        position.erasures = await keyring.erasures();
        await catchUp(index, keyring, position, resolver.alone);
        savedSize = index.size;
        await saveIdIndex(index, config.idIndexPath, keyring.indexKey, position);
      });
    return saving;
  };
  const saver = setInterval(() => {
    if (index.size - savedSize < SAVE_AFTER) return;
    save().catch((error: unknown) => log.warn({ error: String(error) }, 'id index could not be saved'));
  }, 10_000);
  saver.unref();

  const ingestBody = ({
    door,
    source,
    body,
    contentType,
    strict,
    traceId,
    replayOf,
  }: IngestRequest): Promise<IngestAnswer> =>
    underWay(async () => {
      const from = sourceOf(source);
      if (body.length > MAX_BODY_BYTES)
        throw new BadBody('too-large', `the body has ${body.length} bytes; at most ${MAX_BODY_BYTES}`);
      const value = decodeBody(body, contentType);
      const { length } = valuesOf(door, value);
      if (length > MAX_BODY_EVENTS)
        throw new BadBody('too-large', `the body has ${length} events; at most ${MAX_BODY_EVENTS}`);
      return ingest({ source: from, door, value, strict, traceId, replayOf: replayOf ?? null });
    });

  async function takeMessage({ source: name, body }: InMessage): Promise<void> {
    const source = sources.get(name);
    if (source === undefined) return refuseMessage({ source: name, body }, 'unknown-source', 'no source of this name');
    let value: unknown;
    try {
      value = decodeBody(body, contentTypeOf(body));
    } catch (error) {
      if (!(error instanceof BadBody)) throw error;
      return refuseMessage({ source: name, body }, 'not-json', error.message);
    }
    await underWay(() => ingest({ source, door: 'http', value, strict: false, traceId: null, replayOf: null }));
  }
  async function refuseMessage({ source, body }: InMessage, reason: string, detail: string): Promise<void> {
    const raw = contentTypeOf(body) === 'json' ? Buffer.from(body).toString('utf8') : rawText(body);
    await quarantine.put({ at: now(), source, run: null, rows: [{ rowNumber: 0, reason, detail, raw, rows: 1 }] });
    if (reason === 'not-json') counters.reject(reason);
  }

  const inDoor = config.inDoor
    ? openInDoor({
        nc: parts.nc,
        log,
        take: takeMessage,
        giveUp: (message, error) =>
          refuseMessage(message, 'failed', `the gateway failed at it ${error instanceof Error ? error.name : 'Error'}`),
      })
    : null;

  const askDoor = config.inDoor
    ? openAskDoor({
        nc: parts.nc,
        log,
        take: takeMessage,
        ask: ({ source, body }) =>
          ingestBody({ door: 'http', source, body, contentType: contentTypeOf(body), strict: false, traceId: null }),
      })
    : null;
  const closeDoors = () => Promise.all([inDoor?.close(), askDoor?.close()]);

  async function stop(): Promise<void> {
    clearInterval(saver);
    await closeDoors();
    if (busy > 0) await new Promise<void>((resolve) => (idle = resolve));
    try {
      await publisher.close();
      await save().catch((error: unknown) => log.warn({ error: String(error) }, 'id index could not be saved'));
    } finally {
      await opened.disposeAsync();
    }
  }

  const handlers: GatewayHandlers = {
    ingest: ingestBody,

    importEvents: ({ run, source, events }) =>
      underWay(async () => {
        const input = decodeBatch(events);
        const from = sourceOf(source);
        const context = {
          policy: from.config.policy,
          policyState: from.labels,
          now: now(),
          rejectAfterMs: REJECT_AFTER_MS,
        };
        const accepted: InputEvent[] = [];
        const positions: number[] = [];
        const refused: Rejection[] = [];
        input.forEach((value, index) => {
          const parsed = parsePrepared(value, index, context);
          if (parsed.ok) {
            accepted.push(parsed.value);
            positions.push(index);
          } else refused.push(parsed.reason);
        });
        const stored = await pipeline({
          source: from,
          run,
          events: accepted,
          positions,
          strict: false,
          traceId: null,
        });
        stored.rejected.push(...refused);
        for (const rejection of stored.rejected) counters.reject(rejection.reason);
        return { appended: stored.appended, rejected: stored.rejected, lastSeq: stored.lastSeq };
      }),

    quarantineRows: (batch) => quarantine.put({ ...batch, at: now() }),

    async appendFact(fact) {
      const seq = await publisher.fact(fact);
      if (fact.type === 'zone.set') parts.zone.current = { version: fact.version, offsets: fact.offsets };
      return seq;
    },

    link: ({ anonymousId, customerId, administrator = false }) =>
      underWay(async () => {
        const at = now();
        const from = { id: anonymousId, anonymous: !administrator, at };
        const to = { id: customerId, anonymous: false, at };
        await resolver.resolve(
          new Map([
            [refKey(from.id, from.anonymous), from],
            [refKey(to.id, to.anonymous), to],
          ]),
        );
        const decided = await linker.link(anonymousId, customerId, { administrator });
        // Both exist now, unless one was erased this very moment.
        if (!decided.ok) return { ok: false, reason: decided.reason === 'link-conflict' ? 'link-conflict' : 'erased' };
        return ok(decided.value === null ? publisher.stats.lastSequence : await decided.value);
      }),

    erase: createErase({ keyring, index, resolver, linker, quarantine, save, log, now }),

    setSources: (configs) => sources.replace(configs),

    async status() {
      const keyringAvailable = await keyring.database.query('select 1').then(
        () => true,
        () => false,
      );
      return {
        gateway: config.gateway,
        epoch: parts.epoch,
        lastSeq: publisher.stats.lastSequence,
        stored: publisher.stats.events,
        pending: publisher.pending,
        storeAvailable: publisher.available,
        keyringAvailable,
        eventsPerSecond: counters.rate(now()),
        events: counters.events,
        duplicates: counters.duplicates,
        rejected: counters.rejected,
        droppedFields: counters.droppedFields,
        roundedFloats: counters.roundedFloats,
        sealed: counters.sealed,
        newCustomers: counters.newCustomers,
        customers: index.size,
        idIndexBytes: index.bytes,
        inMessages: inDoor?.messages ?? 0,
        inFlight: inDoor?.inFlight ?? 0,
      };
    },

    idIndex: () => index.handle,
    flush: () => publisher.flushed(),
    stop: () => (stopped ??= stop()),
  };
  // What a publisher sent to NATS is the other's to take.
  void parts.lease.lost.then(closeDoors);
  return { handlers, lost: parts.lease.lost, [Symbol.asyncDispose]: () => handlers.stop() };
}
