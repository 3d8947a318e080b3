// Everything the API needs from the rest of the platform, as narrow interfaces: the composition root hands over the real ones, tests hand
// over objects in memory. Nothing here is opened, started or closed by the API.
import type { Role } from '#domain/access.ts';
import type { Fact } from '#domain/envelope.ts';
import type { Rejection } from '#domain/events.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Offsets } from '#domain/time.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';
import type { Limit } from './limiter.ts';
import type { Metrics } from './metrics.ts';
import type { ClvColumnsAnswer, ClvColumnsRequest } from './predict/columns.ts';
import type { History } from './predict/history.ts';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WorkspaceInfo {
  id: string;
  name: string;
  demo: boolean;
  reportingCurrency: string;
  zone: string;
}

/** Gateway thread, by rpc (streams/gateway/protocol.ts). */
export interface GatewayCalls {
  ingest(request: {
    door: 'http' | 'segment' | 'reference';
    source: string;
    body: Uint8Array;
    contentType: 'json' | 'msgpack';
    strict: boolean;
    traceId: string | null;
  }): Promise<{ accepted: number; duplicates: number; rejected: Rejection[]; lastSeq: number }>;
  importEvents(request: {
    run: string;
    source: string;
    events: Uint8Array;
  }): Promise<{ appended: number; rejected: Rejection[]; lastSeq: number }>;
  quarantineRows(request: { run: string | null; source: string; rows: QuarantinedInputRow[] }): Promise<void>;
  appendFact(fact: Fact): Promise<number>;
  status(): Promise<{ lastSeq: number; eventsPerSecond: number }>;
}
export interface QuarantinedInputRow {
  rowNumber: number;
  reason: string;
  column?: string;
  detail: string;
  raw: string;
  rows: number;
}

/** What the fold thread says of one import run (projections/memory/protocol.ts). */
export interface RunStats {
  acceptedEvents: number;
  acceptedRows: number;
  duplicateEvents: number;
  duplicateRows: number;
  conflictEvents: number;
  conflictRows: number;
  customers: number;
  /** Minor units by currency. */
  gross: Record<string, number>;
  refunds: Record<string, number>;
}

export interface Deployment {
  /** EVT sequence from which it is in force. */
  seq: number;
  kind: string;
  model: string;
  version: number;
  digest: string;
}

/** A deployed CLV model with its parameters at hand. */
export interface ServingModel {
  id: string;
  version: number;
  /** SHA-256 of the artefact, hex. */
  digest: string;
  deployedSeq: number;
  model: ClvModel;
}

/** Mode and offset table of the workspace's clock, as the log's facts last set them. */
export interface ClockInfo {
  mode: 'log' | 'wall';
  offsets: Offsets;
}

/** The columns of the fold thread, read in place (projections/memory/columns.ts). */
export interface ColumnsReader {
  /** Follows the writer to a grown table; one atomic load when nothing grew. */
  refresh(): void;
  /** Row of a customer, -1 when unknown. */
  rowOf(sid: Uint8Array): number;
  /** Copies one row out, consistently; false when the row is not there. */
  read(row: number, out: History): boolean;
  readonly state: { seq: number; clockAt: number; customers: number; orders: number; events: number };
}

/** customer_id → sid, in shared memory (streams/id-index.ts). */
export interface IdLookup {
  lookup(customerId: string): Uint8Array | null;
}

/** One customer's ledger at hand: what was known, for any day of it. */
export interface LedgerView {
  entries: CustomerEntries;
  /** Days ≤ `day` only; firstDay = -1 when there is no purchase yet. */
  at(day: number): History;
}

/** Ledgers by sid: the present ones from the fold thread, past ones by a refold up to `seq`. */
export interface Ledgers {
  present(sids: Uint8Array[]): Promise<(LedgerView | null)[]>;
  past(sids: Uint8Array[], seq: number): Promise<(LedgerView | null)[]>;
  /** The log's own now at a position, ms. */
  clockAt(seq: number): Promise<number>;
}

export interface Pool {
  /** Lifetime values of many customers in a worker (api/predict/columns.ts, `clvColumns`). */
  clv(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
}

export interface ModelSummary {
  id: string;
  version: number;
  kind: string;
  digest: string;
  createdAt: number;
  deployedSeq: number | null;
}

export interface QuarantineRow {
  id: string;
  at: number;
  reason: string;
  source: string;
  run: string | null;
  rowNumber: number | null;
  column: string | null;
  detail: string;
  rows: number;
}

export interface SourceSummary {
  name: string;
  coverage: string;
  events: number | null;
  lastEventAt: number | null;
}

export interface Limits {
  /** Per credential, over all routes. */
  requests: Limit;
  /** Per address without a credential. */
  anonymous: Limit;
  /** Login attempts per account, and ten times as many per address. */
  login: Limit;
}
export const DEFAULT_LIMITS: Limits = {
  requests: { perSecond: 5_000, burst: 10_000 },
  anonymous: { perSecond: 50, burst: 200 },
  login: { perSecond: 1 / 30, burst: 5 },
};

export interface AccessDeps {
  access: AccessStore;
  /** 32 bytes of the workspace: login tokens and score ids. */
  signingKey: Uint8Array;
  /** Role of the local command line's token, and the token itself; null where no command line is served. */
  localToken: string | null;
  /** https://… when TLS ends before us: cookies become Secure. */
  publicUrl: string | null;
}

export interface Deps extends AccessDeps {
  log: Log;
  metrics: Metrics;
  /** Wall clock, ms. */
  now: () => number;
  version: string;
  servedBy: string;
  workspace: WorkspaceInfo;
  limits: Limits;
  gateway: GatewayCalls;
  columns: ColumnsReader;
  ids: IdLookup;
  ledgers: Ledgers;
  pool: Pool;
  clock: () => ClockInfo;
  /** Every deployment so far, so that a past moment finds the model that was in force then. */
  deployedModels: () => readonly ServingModel[];
  /** Named checks of /readyz: resolves with a word on its state, or rejects with what is wrong. */
  checks: Record<string, () => Promise<string | null>>;
}

export type { Role };
