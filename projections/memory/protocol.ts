// What the fold thread is given and answers: structured-cloneable types only. Served with streams/rpc.ts on each port it is sent.
import type { MessagePort } from 'node:worker_threads';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { CustomerState } from '../customers.ts';
import type { Conflict } from './conflicts.ts';
import type { Declared } from './coverage.ts';
import type { MonthTotal } from './erased-totals.ts';
import type { LateEvent } from './late.ts';
import type { LedgerOptions } from './ledger.ts';
import type { ParkedCustomer, Place } from './parked-lists.ts';
import type { ColumnsHandle } from './row-layout.ts';
import type { RunStats } from './runs.ts';
import type { SnapshotEntry } from './snapshot.ts';
import type { TrainingStatistics } from './training-statistics.ts';
import type { Deployment, WorkspaceFacts } from './workspace.ts';

/** Travels as workerData. `nats` may hold a secret: never log it. */
export interface FoldConfig {
  /** Folder of the snapshots, of this log alone. */
  snapshotDir: string;
  ledger: LedgerOptions;
  /** Where the thread is (watch.ts). */
  watch?: SharedArrayBuffer;
  /** Save when replaying what came since the last snapshot would take longer than about this; 5 s. */
  snapshotAfterMs?: number;
  /** To the thread of the past; without it nobody is told. */
  past?: MessagePort;
  /** Its snapshot is of another fold than what the past was told by: that forgets it, and makes it again. */
  anew?: boolean;
}

/** What the fold follows the log with. It may come later than the rest: the snapshot is read meanwhile. */
export interface FoldLink {
  nats: NatsOptions;
  /** Places of events the fold does not come back from, besides those of its ledger's options. */
  stuck?: ReadonlyMap<string, number>;
}

export interface FoldPosition {
  /** Everything up to here is in the ledger and the columns. */
  seq: number;
  /** Position of the last snapshot. */
  snapshotSeq: number;
  clockAt: number;
  clockDay: number;
  /** Largest day before `clockDay`; null until there are two. */
  priorDay: number | null;
  customers: number;
  orders: number;
  events: number;
  /** Events of packs that were sent again; events and facts of a type that only a newer version knows. */
  repeated: number;
  unknownTypes: number;
  conflicts: number;
  /** Events and facts that could not be applied, and those that wait behind them; and of how many customers. */
  parked: number;
  parkedCustomers: number;
  /** Live events that changed a past day. */
  late: number;
  /** What ended the fold for good (a hole in the log, bytes of a newer version); null while it works. */
  failure: { code: string; message: string } | null;
}

export type FoldHandlers = {
  /** For `openColumns`; stays valid as the table grows. */
  columns(): ColumnsHandle;
  position(): FoldPosition;
  /** Resolves when everything up to `seq` is in the columns; rejects when the fold has ended. */
  waitFor(seq: number): Promise<void>;
  /** The customer this sid belongs to, links followed; null when unknown. */
  entries(sid: Uint8Array): CustomerEntries | null;
  entriesOf(sids: Uint8Array[]): (CustomerEntries | null)[];
  /** By the fold's verdicts; null for a run that the log does not know. */
  runStats(run: string): RunStats | null;
  /** All runs; live input under the name ''. */
  runs(): RunStats[];
  /** Conflicts after number `after` (facts §2), oldest first, for the quarantine. */
  conflicts(after: number, limit: number): Conflict[];
  /** Newest first, of those before a place (late.ts); `total` of all that ever came. */
  late(limit: number, before: Place): { events: LateEvent[]; total: number };
  /** In the order of what they wait for: `limit` from place `after` on, of `total`. */
  parkedCustomers(
    limit: number,
    after: number,
  ): { customers: ParkedCustomer[]; total: number; events: number; dropped: number };
  /** Another answer than before: others are parked, or wait for something else; so does every thread give another. */
  parkedVersion(): string;
  /** What is parked of the messages from … to, as soon as the fold has read them. */
  parkedIn(from: number, to: number): Promise<Place[]>;
  /** Which of these are, as soon as the fold has read the log up to `seq`. */
  stillParked(places: Place[], seq: number): Promise<Place[]>;
  dirtyRows(sinceSeq: number, limit: number): { rows: CustomerState; seq: number };
  /** These customers' rows as they stand; throws RangeError for a sid the log does not hold. */
  rowsOf(sids: Uint8Array[]): CustomerState;
  /** The customers these sids belong to, once each, as rows, as soon as the fold has read the log up to `seq`. */
  canonicalRowsOf(sids: Uint8Array[], seq: number): Promise<CustomerState>;
  /** Events applied of each life of a gateway (`gateway:epoch`), each number once. */
  appliedBy(): [writer: string, events: number][];
  digest(): { state: string; seq: number };
  /** Digest across workspaces; `customerIds` by canonical sid (hex), from the keyring. Costs a pass over all customers. */
  portableDigest(customerIds: Map<string, string>): { portable: string; seq: number };
  /** For a fit, up to `day` (default: the log's clock). */
  trainingStatistics(day?: number): TrainingStatistics;
  deployments(): Deployment[];
  facts(): WorkspaceFacts;
  /** What sources have declared, by name. */
  coverage(): Record<string, Declared>;
  erasedTotals(): { customers: number; months: MonthTotal[] };
  /** Saves now; null when nothing has changed since the last one or a save is under way. */
  snapshot(): Promise<SnapshotEntry | null>;
  /** Stops reading, saves, closes. */
  stop(): Promise<void>;
};

/** What the thread says by itself, to who started it. */
export type FoldMessage =
  /** The ledger is restored and the thread answers; it still reads what came since. */
  | { event: 'ready'; columns: ColumnsHandle; position: FoldPosition }
  | { event: 'log'; level: 'info' | 'warn' | 'error'; fields: object; message: string }
  | { event: 'progress'; position: FoldPosition }
  /** Clock, zone, reporting currency or rates were set. */
  | { event: 'clock'; facts: WorkspaceFacts }
  | { event: 'model.deployed'; deployment: Deployment }
  | { event: 'failed'; code: string; message: string };
