// Everything the API needs from the rest of the platform, as narrow interfaces: the composition root hands over the real ones, tests hand
// over objects in memory. Nothing here is opened, started or closed by the API.
import type { Fact } from '#domain/envelope.ts';
import type { Rejection } from '#domain/events.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Result } from '#domain/result.ts';
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
  /** SHA-256 of the artefact, hex. */
  digest: string;
  createdAt: number;
  /** Sequence from which it was last put in force; null when it never was. */
  deployedSeq: number | null;
  inForce: boolean;
}
/** CTL aggregates of models and their artefacts (streams/control.ts). */
export interface ModelRegistry {
  list(): Promise<ModelSummary[]>;
  /** The summary and the artefact itself (parameters, standard errors, diagnostics). */
  show(id: string): Promise<(ModelSummary & { artefact: Record<string, unknown> }) | null>;
  /** Storing the same artefact twice gives the same id. */
  importModel(model: ClvModel, artefact: unknown, by: string): Promise<ModelSummary>;
  /** Puts a model in force by a barrier in the log; answers when the API serves it. */
  deploy(id: string, by: string): Promise<Result<{ id: string; version: number; digest: string; seq: number }, string>>;
}

export interface QuarantineRow {
  id: string;
  /** When it was refused, ms. */
  at: number;
  reason: string;
  source: string;
  run: string | null;
  rowNumber: number | null;
  column: string | null;
  detail: string;
  /** Input rows it stands for. */
  rows: number;
}
export interface Quarantine {
  /** Newest first; `before` is the id of the last row seen. */
  list(request: {
    reason: string | null;
    source: string | null;
    run: string | null;
    before: string | null;
    limit: number;
  }): Promise<{ items: QuarantineRow[]; next: string | null }>;
  /** With what was sent, as it was sent. */
  show(id: string): Promise<(QuarantineRow & { raw: string }) | null>;
  /** Rows by reason: of one run, or of everything still kept. */
  reasons(run: string | null): Promise<Record<string, number>>;
}

export interface SourceSummary {
  name: string;
  /** 'complete', or the day coverage begins (YYYY-MM-DD). */
  coverage: string;
  createdAt: number;
}
export interface Sources {
  list(): Promise<SourceSummary[]>;
  /** Registers the source and makes NATS credentials limited to `in.<name>`; the same name again answers the same source. */
  add(request: {
    name: string;
    ordersAs: string | null;
    coverage: string;
    by: string;
  }): Promise<Result<{ source: SourceSummary; nats: { url: string; creds: string } | null }, string>>;
}

/** The fold thread's verdicts and positions (projections/memory/protocol.ts). */
export interface FoldCalls {
  /** Resolves when the state holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
  /** Null when the run was never started. */
  runStats(run: string): Promise<RunStats | null>;
  digest(): Promise<{ state: string; seq: number }>;
}

/** How a customer list is sorted; every key has an index in Postgres. */
export const CUSTOMER_SORTS = ['last_day', 'orders', 'net', 'first_day'] as const;
export type CustomerSort = (typeof CUSTOMER_SORTS)[number];

/** Lists come from Postgres (api/tables.ts over the tables of projections/). */
export interface Tables {
  /** Sids in the order of the sort, after the cursor. */
  customers(request: {
    sort: CustomerSort;
    after: string | null;
    limit: number;
  }): Promise<{ sids: Uint8Array[]; next: string | null }>;
  /** First purchases and repeat purchase days of everybody, by day. */
  purchaseCurve(): Promise<{ births: [day: number, customers: number][]; repeats: [day: number, purchases: number][] }>;
  /** Resolves when every table holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
}

/** Who a sid is (streams/keyring/keyring.ts). */
export interface KeyringCalls {
  idsOf(sids: Uint8Array[]): Promise<(string | null)[]>;
  search(prefix: string, limit: number): Promise<{ customerId: string; sid: Uint8Array }[]>;
}

export interface FitRequest {
  kind: 'clv' | 'bg-nbd' | 'mbg-nbd' | 'gamma-gamma';
  /** Fit on what was known then; null = now. */
  asOf: { seq: number; day: number } | null;
  /** Puts the fitted CLV model in force when it applies. */
  deploy: boolean;
  by: string;
}

/** The demo's own parameters, kept apart from everything a model may see. */
export interface Truth {
  unit: 'week' | 'day';
  params: { r: number; alpha: number; a: number; b: number };
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
  fold: FoldCalls;
  tables: Tables;
  keyring: KeyringCalls;
  models: ModelRegistry;
  sources: Sources;
  quarantine: Quarantine;
  /** Fits from the log's statistics in the pool and answers what `fit --json` prints. */
  fit: (request: FitRequest) => Promise<Record<string, unknown>>;
  /** Digest over raw customer ids, equal across workspaces; computed on demand. */
  portableDigest: () => Promise<string>;
  /** Demo workspace only. */
  truth: Truth | null;
  /** Folder of the built console (ui/dist). */
  uiDir: string;
  clock: () => ClockInfo;
  /** Every deployment so far, so that a past moment finds the model that was in force then. */
  deployedModels: () => readonly ServingModel[];
  /** Named checks of /readyz: resolves with a word on its state, or rejects with what is wrong. */
  checks: Record<string, () => Promise<string | null>>;
}
