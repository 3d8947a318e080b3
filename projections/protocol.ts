// What the projector thread is given and answers: structured-cloneable types only. Served with streams/rpc.ts on each port it is sent.
import type { MessagePort } from 'node:worker_threads';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { ProjectionName } from './catalogue.ts';
import type { ScoreBatch } from './scores.ts';

export interface ProjectorConfig {
  nats: NatsOptions;
  databaseUrl: string;
  /** rpc to the fold thread, for `dirtyRows`. */
  fold: MessagePort;
  /** The keyring's database, for the views that name customers; without it only pseudonyms are shown. */
  keyringUrl?: string;
  /** Fills the tables of these projections beside the live ones (shadow.ts), and no others. */
  shadow?: readonly ProjectionName[];
  /** Days of the window of rm.events; 90. */
  windowDays?: number;
}

export interface Position {
  /** Log position whose effect is committed in the tables fed by the log. */
  events: number;
  /** Log position of the fold thread's state that is committed in rm.customers. */
  customers: number;
}

export interface TableCounts {
  customers: number;
  orders: number;
  refunds: number;
  /** Rows of the window that are neither. */
  events: number;
  scores: number;
  linked: number;
  erased: number;
}

export interface ProjectorStatus extends Position {
  /** Of a rebuild: its tables are heaps that nobody can look anything up in yet, whatever the positions say. */
  filling: boolean;
  /** Events (rows or not) and rows of customers that were put into tables since the start. */
  applied: number;
  /** Why PostgreSQL does not take writes at the moment; it is tried again for ever. */
  trouble: string | null;
  /** What ended the projector for good (fenced, a hole in the log, a newer schema), with what to do; null while it works. */
  failure: { code: string; message: string } | null;
}

export type ProjectorHandlers = {
  position(): Position;
  status(): ProjectorStatus;
  /** Indexes of scores that were given beside the live ones are made; other tables do it by themselves. */
  finish(): Promise<void>;
  /** Resolved when both positions have reached `seq`; rejects when the projector has ended. */
  waitFor(seq: number): Promise<Position>;
  counts(): Promise<TableCounts>;
  /** Stores scores in bulk; answers how many customers it was given. */
  writeScores(batch: ScoreBatch): Promise<number>;
  /** Digest of the orders and refunds in the tables (transactions-digest.ts). */
  digest(): Promise<{ transactions: string; rows: number; seq: number }>;
  stop(): Promise<void>;
};

/** What the thread says by itself, to who started it. */
export type ProjectorMessage =
  | { event: 'ready' }
  | { event: 'log'; level: 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string }
  | { event: 'progress'; position: Position }
  | { event: 'failed'; code: string; message: string };
