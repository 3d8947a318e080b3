// What the gateway thread is told and answers; served over a MessagePort with rpc.ts.

import type { Door } from '#domain/adapters/doors.ts';
import type { Fact } from '#domain/envelope.ts';
import type { ReasonCode, Rejection } from '#domain/events.ts';
import type { FieldPolicy } from '#domain/policy.ts';
import type { Result } from '#domain/result.ts';
import type { Offsets } from '#domain/time.ts';
import type { IdIndexHandle } from '../id-index.ts';
import type { NatsOptions } from '../jetstream/connection.ts';
import type { QuarantineBatch } from '../quarantine.ts';
import type { MoneyTaken } from './money-taken.ts';

export interface SourceConfig {
  /** A subject token: letters, digits, '-' and '_'. */
  name: string;
  /** Where its event and order ids are unique: its own name, or another's it shares orders with (`--orders-as`). */
  namespace: string;
  /** Offset table of its zone, for times that come without an offset. */
  zoneOffsets: Offsets;
  defaultCurrency: string;
  policy: FieldPolicy;
}

export interface Zone {
  version: number;
  offsets: Offsets;
}

/** What only the log can tell; the gateway loads the rest of what it needs meanwhile. */
export interface GatewayDoors {
  sources: SourceConfig[];
  /** The workspace's zone in force (`zone.set` facts appended here change it). */
  zone: Zone;
}

/** Structured-cloneable: travels as workerData. Holds secrets: never log it. */
export interface GatewayConfig {
  nats: NatsOptions;
  keyringUrl: string;
  /** The data directory's secret, 32 bytes. */
  kek: Uint8Array;
  /** Names this gateway in packs and message ids. */
  gateway: string;
  tenant: string;
  lanes: number;
  /** Where the sealed id index is kept between two runs. */
  idIndexPath: string;
  /** Whether this gateway takes what publishers send to `in.<source>` and `ask.<source>`. */
  inDoor: boolean;
}

export interface IngestRequest {
  door: Door;
  source: string;
  body: Uint8Array;
  contentType: 'json' | 'msgpack';
  /** When anything is refused nothing is stored: `accepted` and `lastSeq` are 0 and `rejected` says why. */
  strict: boolean;
  traceId: string | null;
  /** From the quarantine, received then (ms): what is refused again stays where it is. */
  replayOf?: number;
}

export interface IngestAnswer {
  /** Stored now; the fold may still find some of them to be duplicates. */
  accepted: number;
  /** Known to this gateway already, with the same content. */
  duplicates: number;
  rejected: Rejection[];
  /** EVT sequence by which all of it is stored; 0 when nothing was. */
  lastSeq: number;
  /** What was taken is worth something in these currencies, duplicates too. */
  money: MoneyTaken[];
}

export interface ImportRequest {
  run: string;
  source: string;
  /** msgpack of InputEvent[]. */
  events: Uint8Array;
}

interface ImportAnswer {
  appended: number;
  /** `index` within the request; quarantining them with their raw rows is the importer's. */
  rejected: Rejection[];
  lastSeq: number;
}

interface LinkRequest {
  /** The anonymous id, or with `administrator` a known id. */
  anonymousId: string;
  customerId: string;
  source: string;
  /** `anonymousId` is a known id that is the same person: an administrator's decision. */
  administrator?: boolean;
}

export interface GatewayStatus {
  gateway: string;
  epoch: number;
  lastSeq: number;
  /** Events acknowledged by the log in this epoch. */
  stored: number;
  /** Events not stored yet. */
  pending: number;
  storeAvailable: boolean;
  keyringAvailable: boolean;
  eventsPerSecond: number;
  events: number;
  duplicates: number;
  rejected: Partial<Record<ReasonCode, number>>;
  droppedFields: number;
  roundedFloats: number;
  sealed: number;
  newCustomers: number;
  customers: number;
  idIndexBytes: number;
  /** Messages taken from `in.>`, and those on their way. */
  inMessages: number;
  inFlight: number;
}

/** A type, not an interface: rpc.ts wants an index signature. */
export type GatewayHandlers = {
  ingest(request: IngestRequest): Promise<IngestAnswer>;
  importEvents(request: ImportRequest): Promise<ImportAnswer>;
  quarantineRows(request: Omit<QuarantineBatch, 'at'>): Promise<void>;
  appendFact(fact: Fact): Promise<number>;
  link(request: LinkRequest): Promise<Result<number, ReasonCode>>;
  /** Null: nobody has this id. Else how many sids it had, and where in the log it is said. */
  erase(request: { customerId: string; anonymous?: boolean }): Promise<{ sids: number; seq: number } | null>;
  setSources(sources: SourceConfig[]): void;
  status(): Promise<GatewayStatus>;
  idIndex(): IdIndexHandle;
  flush(): Promise<number>;
  stop(): Promise<void>;
};

/** Beside answers, the thread posts these. */
export type GatewayMessage =
  | { event: 'ready' }
  | { event: 'failed'; message: string; code: string | undefined }
  | { event: 'log'; level: 'info' | 'warn'; fields: object; message: string };

export class UnknownSource extends Error {
  readonly code = 'unknown-source';
  constructor() {
    super('no source of this name; add it first (source add NAME)');
    this.name = 'UnknownSource';
  }
}
