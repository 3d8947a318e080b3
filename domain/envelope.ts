// What one stored event says: the envelope of the log, complete from the first event on (the log cannot be repaired afterwards).
// Integers and enums travel in the clear; whatever could name a person is hashed under the workspace's id key, sealed, or dropped.

/** Wire codes are positions in this list: append only, never reorder. Code 0 is "unknown to this version". */
export const EVENT_TYPES = [
  'customer.identified',
  'order.placed',
  'order.refunded',
  'activity.recorded',
  'subscription.started',
  'subscription.renewed',
  'subscription.cancelled',
  'experiment.exposed',
  'observation.recorded',
  'consent.changed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const PARTITIONS = 64;
export const partitionOf = (sid: Uint8Array): number => sid[0]! & (PARTITIONS - 1);

/** One event as the log holds it (readable form; the hot paths read the pack's rows directly). */
export interface StoredEvent {
  /** 16 random bytes that stand for a customer; only the keyring knows whose. */
  sid: Uint8Array;
  /** The sid stands for a device or browser nobody has signed in on: not scored until it is linked to a known customer. */
  anonymous: boolean;
  /** Dense from 0 per (gateway, epoch, partition): a reader proves with it that nothing is missing and nothing doubled. */
  counter: number;
  /** 128 bits of HMAC(id key, namespace, event id). */
  eventHash: Uint8Array;
  type: EventType;
  schemaVersion: number;
  /** Event time, ms since the epoch. For a date without a time: 00:00 UTC of that date. */
  at: number;
  dateOnly: boolean;
  /** Days since 1970-01-01 in the workspace's zone (of `zoneVersion`); for a date without a time, that date. */
  day: number;
  zoneVersion: number;
  source: string;
  policyVersion: number;
  /** The import run this event came in by, or null for live input. */
  run: string | null;
  /** The producer's own number of this event within the run (row number of its first line, from 1), 0 when unknown. */
  producerNumber: number;
  /** How many input rows this event stands for (grouped order lines); 1 for live events. */
  lines: number;
  /** 64 bits: the order's (or the refund document's) key. Null for events that are neither. */
  orderHash: Uint8Array | null;
  /** 64 bits: the order a refund names, or null. */
  refundedOrderHash: Uint8Array | null;
  /** 0 … 2³²−1; the highest revision of an order wins. */
  revision: number;
  /** Money in minor units, a safe integer (a refund's amount is positive); null when the event carries none. */
  minor: number | null;
  /** ISO 4217 code, or null without money. */
  currency: string | null;
  channel: string | null;
  /** An activity's name, a plan, an experiment arm: an enum of at most 200 values per source. */
  name: string | null;
  /** Enums and integers that the source's field policy lets through in the clear. */
  props: Record<string, string | number | boolean> | null;
  traceId: string | null;
  correlationId: string | null;
  causationId: string | null;
  /** AES-256-GCM under the customer's own key: nonce (12) ‖ tag (16) ‖ ciphertext; AAD = sid, event hash, type, schema version. */
  sealed: Uint8Array | null;
}

/** What concerns every customer at once, or the reading of all of them: single messages on `evt.all.<tenant>`, which every reader takes. */
export type Fact =
  | {
      type: 'workspace.created';
      workspaceId: string;
      reportingCurrency: string;
      zone: string;
      name: string;
    }
  | { type: 'currency.set'; reportingCurrency: string }
  | { type: 'clock.set'; mode: 'log' | 'wall' }
  /** `offsets` = [instant ms from which it holds, minutes east of UTC], ascending; the first entry holds for all earlier time. */
  | { type: 'zone.set'; version: number; zone: string; offsets: [number, number][] }
  /**
   * From this place on every earlier day is the one its instant has in this zone, except of dates without a time (ADR 0008). The greatest
   * version counts, whatever the order; state before this place stays as it was.
   */
  | { type: 'ledger.rezoned'; version: number; zone: string; offsets: [number, number][] }
  /** Rates to the reporting currency, valid from `day` on, as exact decimals. */
  | { type: 'fx.rates.set'; day: number; rates: Record<string, string> }
  | {
      type: 'import.started';
      run: string;
      source: string;
      /** SHA-256 of the file's bytes and of the mapping, hex. */
      digest: string;
      backfill: boolean;
      amend: boolean;
      startedAt: number;
      coverage: 'complete' | number;
    }
  | { type: 'import.finished'; run: string; rows: number; events: number; quarantinedRows: number }
  /** The barrier of a definition of churn (domain/churn-definition.ts); of one kind the highest `ctlSequence` holds. */
  | {
      type: 'churn.defined';
      ctlSequence: number;
      kind: 'non-contractual' | 'contractual';
      horizonDays: number;
      graceDays: number;
      activeWithinDays: number | null;
    }
  /** What a source holds of the past (domain/coverage.ts). `version` = CTL sequence of the declaration: the highest of a source stands. */
  | { type: 'source.covered'; source: string; coverage: 'complete' | number; burnInDays: number; version: number }
  /**
   * At this place whatever is parked is tried again (projections/memory/parked.ts); at a start without what the ledger did not come back from, on
   * request with it.
   */
  | { type: 'dead-letters.replayed'; by: 'start' | 'request' }
  | { type: 'customer.linked'; anonymous: Uint8Array; known: Uint8Array }
  | { type: 'customer.erased'; sids: Uint8Array[]; at: number }
  /** The barrier of a CTL change that alters scoring: takes effect at this place in the order of all customers' events. */
  | {
      type: 'model.deployed';
      ctlSequence: number;
      kind: string;
      model: string;
      version: number;
      digest: string;
      at: number;
    }
  /**
   * From here on this version answers `percent` of the customers (domain/canary.ts), the deployed one the others; 0: the canary is over. So it is too
   * with the next `model.deployed` of the model.
   */
  | {
      type: 'model.canaried';
      ctlSequence: number;
      kind: string;
      model: string;
      version: number;
      digest: string;
      percent: number;
      at: number;
    };
