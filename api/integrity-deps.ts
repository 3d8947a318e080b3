// What the API is given to prove and to mend: rebuilds, the ledger of ledgers, chain, keyring, stored scores, the time zone.
import type { FaultKind } from '#streams/chain/verify.ts';

/** What a rebuild in the zone of new events would change. */
export interface ZonePreview {
  zone: string;
  version: number;
  seq: number;
  /** With an order. */
  customers: number;
  /** Whose number of repeat purchase days changes … */
  frequency: number;
  /** … or whose first or last day. */
  days: number;
  repeatsBefore: number;
  repeatsAfter: number;
}

/** The workspace's zone (ops/zone.ts). */
export interface ZoneControl {
  current(): Promise<{
    zone: string;
    version: number;
    rezoned: number;
    pending: boolean;
    seq: number;
    tablesSeq: number;
  }>;
  /** For events from now on. The same zone again is nothing new. */
  set(zone: string): Promise<{ seq: number; version: number }>;
  preview(): Promise<ZonePreview>;
  /** Null: every day is of the zone in force already. */
  rebuild(): Promise<{ seq: number; version: number } | null>;
}

/** What `verify --keyring` found (ops/verify-keyring.ts). */
export interface KeyringReport {
  ok: boolean;
  sids: number;
  erased: number;
  mappings: number;
  unused: number;
  orphans: number;
  returned: number;
  danglingLinks: number;
  /** The first of them, hex. */
  named: { orphans: string[]; returned: string[] };
}

export const REBUILD_STEPS = ['idle', 'building', 'joining', 'comparing', 'switching', 'done', 'failed'] as const;

/** tables: events and customers together. ledger: the fold in memory. */
export const REBUILD_TARGETS = ['tables', 'events', 'customers', 'scores', 'ledger'] as const;

export type RebuildTarget = (typeof REBUILD_TARGETS)[number];

/** The rebuild of one of the read models (ops/rebuild.ts). */
export interface RebuildState {
  what: RebuildTarget;
  step: (typeof REBUILD_STEPS)[number];
  seq: number;
  of: number;
  /** Events, or rows of customers and scores, put in so far. */
  rows: number;
  /** Spent on filling the new tables. */
  ms: number;
  /** Customers compared with the ledger so far. */
  compared: number;
  /** Customers whose content was another in what was live; null: not compared yet. */
  differs: number | null;
  /** The first of them, by sid_key. */
  first: string[];
  detail: string | null;
}

export interface RebuildControl {
  state(): RebuildState;
  /** False: one is under way. */
  start(what: RebuildTarget): boolean;
}

export interface Mismatch {
  ledger: 'log' | 'gateway' | 'events' | 'customers';
  /** Log position. */
  seq: number;
  sid: string | null;
  detail: string;
  found_at: string;
}

/** The ledger of ledgers (ops/ledgers.ts). */
export interface LedgersReport {
  ok: boolean;
  at: string | null;
  rounds: number;
  trouble: string | null;
  stream: { last: number; sealed_to: number };
  gateway: { gateway: string; epoch: number; acknowledged: number; applied: number };
  tables: { events: number; customers: number; rows: number; changed_meanwhile: number; counted: number };
  mismatches_found: number;
  mismatches: Mismatch[];
}

/** What `verify --chain` found (ops/verify-chain.ts). */
export interface ChainAnswer {
  ok: boolean;
  messages: number;
  bytes: number;
  links: number;
  sealed_to: number;
  /** SHA-256 of the chain's last link, hex. */
  head: string;
  faults: {
    kind: FaultKind;
    from: number;
    to: number;
    at: string | null;
    /** Projections that had read the place before it was damaged, and those that will not get past it. */
    read_before: string[];
    stopped_by: string[];
  }[];
}

/** What `verify --scores` found (ops/verify-scores.ts). */
export interface StoredScoresReport {
  checked: number;
  same: number;
  different: number;
  differences: {
    sid: string;
    model_id: string;
    seq: number;
    name: string;
    stored: number | null;
    replayed: number | null;
  }[];
}
