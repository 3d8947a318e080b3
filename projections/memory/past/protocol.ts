// What the thread of the past is given and answers, and what the fold tells it: structured-cloneable types only.
import type { CustomerEntries } from '#domain/ledger.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { LedgerOptions } from '../ledger.ts';
import type { ColumnsHandle } from '../row-layout.ts';
import type { TrainingStatistics } from '../training-statistics.ts';
import type { Deployment } from '../workspace.ts';
import type { Chunk } from './recorder.ts';

/** Travels as workerData. `nats` may hold a secret: never log it. */
export interface PastConfig {
  nats: NatsOptions;
  /** Folder of the event index, of this log alone. */
  indexDir: string;
  /** Folder of the fold's snapshots; read only. */
  snapshotDir: string;
  ledger: LedgerOptions;
}

/** Where the fold begins. */
export interface Beginning {
  /** Restored up to here; chunks follow from the next position on. */
  seq: number;
  /** Version of the zone of its days; 0 = as they were stamped. */
  zone: number;
  /** Events that had been parked were applied: what was noted since holds no more. */
  replayed: boolean;
  /** Places of events the fold does not come back from. */
  stuck: ReadonlyMap<string, number>;
}

export type FeedMessage = { begin: Beginning } | { chunk: Chunk } | { flush: number };
/** The answer to `flush`. */
export interface Flushed {
  flushed: number;
  error: string | null;
}

export interface PastCustomer {
  entries: CustomerEntries;
  /** COLUMN_FLAG bits of the row. */
  flags: number;
}

export interface PastCustomers {
  customers: (PastCustomer | null)[];
  /** Answers with the same one have the same reporting currency and rates: ask `money` once for each. */
  moneyOf: number;
}

/** Everybody, at one position and up to one day. */
export interface PastSummary {
  seq: number;
  /** Digest of the whole state (facts §5). */
  state: string;
  customers: number;
  erased: number;
  /** First day of any order or refund the log held; null for none. */
  firstDay: number | null;
  /** Customers with a purchase by that day. */
  buyers: number;
  events: number;
  /** Orders and refunds by that day, and their sums in minor units by currency; of customers who are not erased. */
  orders: number;
  refunds: number;
  gross: Record<string, number>;
  refunded: Record<string, number>;
  models: Deployment[];
  /** Position of the snapshot it was folded from; 0 = the log's beginning. */
  from: number;
  ms: number;
}

export interface PastStatus {
  /** The event index holds everything up to here. */
  indexed: number;
  /** It is made again up to here; null: it is whole. */
  making: number | null;
  postings: number;
  segments: number;
  bytes: number;
  /** The fold of everybody that is under way: where it began, is, and will end. */
  folding: { from: number; seq: number; to: number } | null;
}

export type PastHandlers = {
  /** Where rows of customers are found; before it nobody's past is asked for. */
  open(columns: ColumnsHandle): void;
  /** As the log stood at `seq`, links followed; null for whom it did not hold. */
  customers(sids: Uint8Array[], seq: number): Promise<PastCustomers>;
  /** Reporting currency and rates at a position. */
  money(seq: number): Promise<{ reportingCurrency: string; rates: [number, Record<string, string>][] }>;
  clockAt(seq: number): Promise<{ clockAt: number; clockDay: number }>;
  statistics(seq: number, day: number): Promise<TrainingStatistics>;
  /** Up to local day `day`; null: the largest one the log holds there. */
  summary(seq: number, day: number | null): Promise<PastSummary>;
  status(): PastStatus;
  stop(): Promise<void>;
};
