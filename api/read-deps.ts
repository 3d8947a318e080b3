// What the API is given to read by: columns and ledgers, past moments, the fold, the tables, names.
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ClvColumnsAnswer, ClvColumnsRequest } from '#domain/models/clv-columns.ts';
import type { Rates } from '#domain/rates.ts';
import type { Offsets } from '#domain/time.ts';
import type { CustomerSort } from '#projections/customer-profile.ts';
import type { ExportColumn, ExportedTable, OpenExport } from '#projections/exports.ts';
import type { Columns } from '#projections/memory/columns.ts';
import type { History } from '#projections/memory/history.ts';
import type { LateEvent } from '#projections/memory/late.ts';
import type { ParkedCustomer, Place } from '#projections/memory/parked-lists.ts';
import type { PastStatus, PastSummary } from '#projections/memory/past/protocol.ts';
import type { RunStats } from '#projections/memory/runs.ts';
import type { WorkspaceFacts } from '#projections/memory/workspace.ts';

/** Mode and offset table of the workspace's clock, as the log's facts last set them. */
export interface ClockInfo {
  mode: 'log' | 'wall';
  offsets: Offsets;
  /** The table in force at a position of the log: a past moment's day is the day it was then. */
  offsetsAt(seq: number): Offsets;
}

/** The columns of the fold thread, read in place. */
export type ColumnsReader = Pick<Columns, 'refresh' | 'rowOf' | 'sidOf' | 'read' | 'rows' | 'state'>;

/** customer_id → sid, in shared memory (streams/id-index.ts). */
export interface IdLookup {
  lookup(customerId: string): Uint8Array | null;
}

/** One customer's ledger at hand: what was known, for any day of it. */
export interface LedgerView {
  entries: CustomerEntries;
  rates: Rates;
  /** Days ≤ `day` only. */
  at(day: number): History;
}

/** Ledgers by sid: the present ones from the fold thread, past ones by a refold up to `seq`. */
export interface Ledgers {
  present(sids: Uint8Array[]): Promise<(LedgerView | null)[]>;
  past(sids: Uint8Array[], seq: number): Promise<(LedgerView | null)[]>;
  /** The log's own now at a position: largest event time (ms) and largest local day. */
  clockAt(seq: number): Promise<{ clockAt: number; clockDay: number }>;
}

/** Everybody at an earlier moment, by the thread of the past. */
export interface PastCalls {
  /** Up to local day `day`; null: the largest one the log holds at `seq`. */
  summary(seq: number, day: number | null): Promise<PastSummary>;
  status(): Promise<PastStatus>;
}

export interface Pool {
  /** Lifetime values of many customers in a worker (domain/models/clv-columns.ts, `clvColumns`). */
  clv(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
}

/** The fold thread's verdicts and positions (projections/memory/protocol.ts). */
export interface FoldCalls {
  /** Resolves when the state holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
  /** Null when the run was never started. */
  runStats(run: string): Promise<RunStats | null>;
  position(): Promise<{ clockDay: number; priorDay: number | null; parked: number }>;
  /** Live events that changed a past day (projections/memory/late.ts). */
  late(limit: number, before: Place): Promise<{ events: LateEvent[]; total: number }>;
  /** Customers whose events wait behind one that could not be applied (projections/memory/parked-lists.ts). */
  parkedCustomers(
    limit: number,
    after: number,
  ): Promise<{ customers: ParkedCustomer[]; total: number; events: number; dropped: number }>;
  facts(): Promise<Pick<WorkspaceFacts, 'reportingCurrency' | 'rates'>>;
  digest(): Promise<{ state: string; seq: number }>;
}

/** Lists come from Postgres (api/tables.ts over the tables of projections/). */
export interface Tables {
  /** Sids in the order of the sort, after the cursor. @param modelId whose scores the sorts by score follow; the sort by churn those of `churnModelIds` first. */
  customers(request: {
    sort: CustomerSort;
    after: string | null;
    limit: number;
    modelId: string | null;
    churnModelIds: readonly string[];
  }): Promise<{ sids: Uint8Array[]; next: string | null }>;
  /** Repeat purchase days of everybody, by week from day `from`: [first day of the week, purchases]. */
  weeklyRepeats(range: { from: number; until: number }): Promise<[number, number][]>;
  /** Mean of the last P(churn) by this model, over whom it answers for. */
  meanChurn(modelId: string): Promise<{ mean: number | null; customers: number }>;
  /** Resolves when every table holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
}

/** Whole tables to take along (projections/exports.ts). */
export interface TableExports {
  /** @param until local day up to which rows count. Throws a Problem when others read theirs, or the tables do not answer. */
  open(table: ExportedTable, until: number | null): Promise<OpenExport>;
  /** NDJSON lines of these columns as a Parquet file. */
  parquet(table: string, columns: readonly ExportColumn[], lines: AsyncIterable<string>): AsyncIterable<Uint8Array>;
}

/** Who a sid is (streams/keyring/keyring.ts). */
export interface KeyringCalls {
  idsOf(sids: Uint8Array[]): Promise<(string | null)[]>;
  search(prefix: string, limit: number): Promise<{ customerId: string; sid: Uint8Array }[]>;
}
