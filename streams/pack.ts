// The bytes of a pack: one JetStream message = a header and the events of one lane, as fixed-width rows.
// Rows instead of one msgpack map an event: the fold reads the columns it needs without making objects (ADR 0002 has the figures).
import { Packr } from 'msgpackr';
import { EVENT_TYPES, type EventType, type Fact, type StoredEvent } from '#domain/envelope.ts';
import { isAcknowledgement } from './acknowledgement.ts';
import { PRESENT, type Shapes, upcast } from './upcasters.ts';

export const PACK_FORMAT = 1;
const STRIDE = 104;
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

const OFF = {
  sid: 0,
  eventHash: 16,
  orderHash: 32,
  refunded: 40,
  at: 48,
  minor: 56,
  day: 64,
  revision: 68,
  counter: 72,
  producerNumber: 76,
  lines: 80,
  type: 84,
  flags: 85,
  schemaVersion: 86,
  source: 88,
  run: 90,
  channel: 92,
  name: 94,
  currency: 96,
  policyVersion: 98,
  zoneVersion: 100,
} as const;

export const FLAG = { dateOnly: 1, money: 2, order: 4, refunded: 8, extra: 16, anonymous: 32 } as const;

interface Extra {
  props?: Record<string, string | number | boolean>;
  trace?: string;
  correlation?: string;
  causation?: string;
  sealed?: Uint8Array;
}

interface Wire {
  v: number;
  tenant: string;
  gateway: string;
  epoch: number;
  at: number;
  n?: number;
  strings?: string[];
  rows?: Uint8Array;
  extra?: [number, Extra][];
  fact?: Fact;
}

export interface PackHeader {
  tenant: string;
  gateway: string;
  epoch: number;
  /** Gateway's clock at ingestion, ms. */
  ingestedAt: number;
}

/** Collects events of one lane until it is sealed into bytes. Values are copied at `add`. */
export class PackWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #strings: string[] = [];
  #index = new Map<string, number>();
  #extra: [number, Extra][] = [];
  #extraBytes = 0;
  count = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity * STRIDE);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Empty again, its memory kept: for the next pack, once this one was encoded. */
  clear(): void {
    this.#strings = [];
    this.#index.clear();
    this.#extra = [];
    this.#extraBytes = 0;
    this.count = 0;
  }

  /** Approximate size of the message so far, bytes. */
  get size(): number {
    return this.count * STRIDE + this.#extraBytes + 200;
  }

  #string(value: string | null): number {
    if (value === null) return 0;
    let at = this.#index.get(value);
    if (at === undefined) {
      at = this.#strings.push(value);
      if (at > 65_535) throw new RangeError('pack: more than 65,535 distinct strings in one pack');
      this.#index.set(value, at);
      this.#extraBytes += value.length + 3;
    }
    return at;
  }

  add(event: StoredEvent): void {
    if ((this.count + 1) * STRIDE > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    const base = this.count * STRIDE;
    const bytes = this.#bytes;
    const view = this.#view;
    bytes.set(event.sid, base + OFF.sid);
    bytes.set(event.eventHash, base + OFF.eventHash);
    let flags = 0;
    if (event.dateOnly) flags |= FLAG.dateOnly;
    if (event.anonymous) flags |= FLAG.anonymous;
    if (event.orderHash) {
      flags |= FLAG.order;
      bytes.set(event.orderHash, base + OFF.orderHash);
    }
    if (event.refundedOrderHash) {
      flags |= FLAG.refunded;
      bytes.set(event.refundedOrderHash, base + OFF.refunded);
    }
    view.setFloat64(base + OFF.at, event.at, true);
    if (event.minor !== null) {
      flags |= FLAG.money;
      view.setFloat64(base + OFF.minor, event.minor, true);
    }
    view.setInt32(base + OFF.day, event.day, true);
    view.setUint32(base + OFF.revision, event.revision, true);
    view.setUint32(base + OFF.counter, event.counter, true);
    view.setUint32(base + OFF.producerNumber, event.producerNumber, true);
    view.setUint32(base + OFF.lines, event.lines, true);
    bytes[base + OFF.type] = EVENT_TYPES.indexOf(event.type) + 1;
    bytes[base + OFF.schemaVersion] = event.schemaVersion;
    view.setUint16(base + OFF.source, this.#string(event.source), true);
    view.setUint16(base + OFF.run, this.#string(event.run), true);
    view.setUint16(base + OFF.channel, this.#string(event.channel), true);
    view.setUint16(base + OFF.name, this.#string(event.name), true);
    view.setUint16(base + OFF.currency, this.#string(event.currency), true);
    view.setUint16(base + OFF.policyVersion, event.policyVersion, true);
    view.setUint16(base + OFF.zoneVersion, event.zoneVersion, true);
    if (event.props || event.traceId || event.correlationId || event.causationId || event.sealed) {
      flags |= FLAG.extra;
      const extra: Extra = {};
      if (event.props) extra.props = event.props;
      if (event.traceId) extra.trace = event.traceId;
      if (event.correlationId) extra.correlation = event.correlationId;
      if (event.causationId) extra.causation = event.causationId;
      if (event.sealed) extra.sealed = event.sealed;
      this.#extra.push([this.count, extra]);
      this.#extraBytes += 40 + (event.sealed?.length ?? 0) + (event.props ? 24 * Object.keys(event.props).length : 0);
    }
    bytes[base + OFF.flags] = flags;
    this.count++;
  }

  encode(header: PackHeader): Uint8Array {
    const wire: Wire = {
      v: PACK_FORMAT,
      tenant: header.tenant,
      gateway: header.gateway,
      epoch: header.epoch,
      at: header.ingestedAt,
      n: this.count,
      strings: this.#strings,
      rows: this.#bytes.subarray(0, this.count * STRIDE),
    };
    if (this.#extra.length > 0) wire.extra = this.#extra;
    return packr.pack(wire);
  }
}

export function encodeFact(fact: Fact, header: PackHeader): Uint8Array {
  return packr.pack({
    v: PACK_FORMAT,
    tenant: header.tenant,
    gateway: header.gateway,
    epoch: header.epoch,
    at: header.ingestedAt,
    fact,
  } satisfies Wire);
}

/** A pack being read: column accessors by row index, so that a fold touches only the bytes it needs. */
export class PackView {
  readonly header: PackHeader;
  readonly count: number;
  readonly rows: Uint8Array;
  readonly #view: DataView;
  readonly #strings: string[];
  readonly #extra: Map<number, Extra> | null;

  constructor(wire: Wire) {
    this.header = { tenant: wire.tenant, gateway: wire.gateway, epoch: wire.epoch, ingestedAt: wire.at };
    this.rows = wire.rows ?? new Uint8Array(0);
    this.count = wire.n ?? 0;
    if (this.rows.length !== this.count * STRIDE) throw new RangeError('pack: rows and count disagree');
    this.#view = new DataView(this.rows.buffer, this.rows.byteOffset, this.rows.byteLength);
    this.#strings = wire.strings ?? [];
    this.#extra = wire.extra ? new Map(wire.extra) : null;
  }

  /** Little-endian unsigned 32-bit word `word` (0 … 3) of the row's sid. */
  sidWord = (row: number, word: number): number => this.#view.getUint32(row * STRIDE + OFF.sid + word * 4, true);
  sid = (row: number): Uint8Array => this.rows.subarray(row * STRIDE, row * STRIDE + 16);
  eventHash = (row: number): Uint8Array =>
    this.rows.subarray(row * STRIDE + OFF.eventHash, row * STRIDE + OFF.eventHash + 16);
  eventHashWord = (row: number, word: number): number =>
    this.#view.getUint32(row * STRIDE + OFF.eventHash + word * 4, true);
  orderHashWord = (row: number, word: number): number =>
    this.#view.getUint32(row * STRIDE + OFF.orderHash + word * 4, true);
  refundedWord = (row: number, word: number): number =>
    this.#view.getUint32(row * STRIDE + OFF.refunded + word * 4, true);
  at = (row: number): number => this.#view.getFloat64(row * STRIDE + OFF.at, true);
  minor = (row: number): number => this.#view.getFloat64(row * STRIDE + OFF.minor, true);
  day = (row: number): number => this.#view.getInt32(row * STRIDE + OFF.day, true);
  revision = (row: number): number => this.#view.getUint32(row * STRIDE + OFF.revision, true);
  counter = (row: number): number => this.#view.getUint32(row * STRIDE + OFF.counter, true);
  producerNumber = (row: number): number => this.#view.getUint32(row * STRIDE + OFF.producerNumber, true);
  lines = (row: number): number => this.#view.getUint32(row * STRIDE + OFF.lines, true);
  /** Index into EVENT_TYPES plus one. */
  typeCode = (row: number): number => this.rows[row * STRIDE + OFF.type]!;
  flags = (row: number): number => this.rows[row * STRIDE + OFF.flags]!;
  schemaVersion = (row: number): number => this.rows[row * STRIDE + OFF.schemaVersion]!;
  #text = (row: number, offset: number): string | null => {
    const at = this.#view.getUint16(row * STRIDE + offset, true);
    return at === 0 ? null : (this.#strings[at - 1] ?? null);
  };
  source = (row: number): string => this.#text(row, OFF.source) ?? '';
  run = (row: number): string | null => this.#text(row, OFF.run);
  channel = (row: number): string | null => this.#text(row, OFF.channel);
  activityName = (row: number): string | null => this.#text(row, OFF.name);
  currency = (row: number): string | null => this.#text(row, OFF.currency);
  policyVersion = (row: number): number => this.#view.getUint16(row * STRIDE + OFF.policyVersion, true);
  zoneVersion = (row: number): number => this.#view.getUint16(row * STRIDE + OFF.zoneVersion, true);
  extra = (row: number): Extra | null => this.#extra?.get(row) ?? null;

  /** The whole event as an object (allocates; for tests, exports and single look-ups). */
  event(row: number, type = EVENT_TYPES[this.typeCode(row) - 1]): StoredEvent {
    const flags = this.flags(row);
    const base = row * STRIDE;
    const extra = this.extra(row);
    if (!type) throw new RangeError(`pack: event type code ${this.typeCode(row)} is unknown to this version`);
    return {
      sid: this.sid(row).slice(),
      anonymous: (flags & FLAG.anonymous) !== 0,
      counter: this.counter(row),
      eventHash: this.eventHash(row).slice(),
      type: type satisfies EventType,
      schemaVersion: this.schemaVersion(row),
      at: this.at(row),
      dateOnly: (flags & FLAG.dateOnly) !== 0,
      day: this.day(row),
      zoneVersion: this.zoneVersion(row),
      source: this.source(row),
      policyVersion: this.policyVersion(row),
      run: this.run(row),
      producerNumber: this.producerNumber(row),
      lines: this.lines(row),
      orderHash: flags & FLAG.order ? this.rows.slice(base + OFF.orderHash, base + OFF.orderHash + 8) : null,
      refundedOrderHash: flags & FLAG.refunded ? this.rows.slice(base + OFF.refunded, base + OFF.refunded + 8) : null,
      revision: this.revision(row),
      minor: flags & FLAG.money ? this.minor(row) : null,
      currency: this.currency(row),
      channel: this.channel(row),
      name: this.activityName(row),
      props: extra?.props ?? null,
      traceId: extra?.trace ?? null,
      correlationId: extra?.correlation ?? null,
      causationId: extra?.causation ?? null,
      sealed: extra?.sealed ?? null,
    };
  }
}

/** A message of EVT, read: a pack of events, or one fact for all. */
export type LogMessage = { kind: 'pack'; pack: PackView } | { kind: 'fact'; header: PackHeader; fact: Fact };

/** What a row's type code is in a reader that does not know its type, or its schema version. */
export const UNKNOWN_TYPE = 0;

const NOTHING: Wire = { v: PACK_FORMAT, tenant: '', gateway: '', epoch: 0, at: 0, n: 0 };

/**
 * Throws RangeError when the bytes are not a message of a format this version knows. Events come in their present shape (upcasters.ts); one of a
 * later schema version than this program's has type code UNKNOWN_TYPE.
 */
export function decodeMessage(bytes: Uint8Array, shapes: Shapes = PRESENT): LogMessage {
  // Not ours, and nothing is in it: no reader stops at it.
  if (isAcknowledgement(bytes)) return { kind: 'pack', pack: new PackView(NOTHING) };
  let wire: Wire;
  try {
    wire = packr.unpack(bytes) as Wire;
  } catch (cause) {
    throw new RangeError('log: a message is not readable msgpack', { cause });
  }
  if (typeof wire !== 'object' || wire === null || wire.v !== PACK_FORMAT)
    throw new RangeError(`log: message format ${String(wire?.v)} is not ${PACK_FORMAT}; written by another version`);
  if (wire.fact) {
    const header = { tenant: wire.tenant, gateway: wire.gateway, epoch: wire.epoch, ingestedAt: wire.at };
    return { kind: 'fact', header, fact: wire.fact };
  }
  return { kind: 'pack', pack: present(wire, shapes) };
}

/** A message for all customers that this program cannot read: it may be an erasure or a link, so nobody goes on behind it. */
export class UnreadableFact extends Error {
  readonly code = 'log-unreadable';
  constructor({ seq, subject, storedAt }: { seq: number; subject: string; storedAt: number }, cause: Error) {
    super(
      `EVT ${seq} (${new Date(storedAt).toISOString()}, ${subject}): a fact for all customers cannot be read (${cause.message}), and nothing behind it ` +
        'may be used without it; start the version that wrote it, or restore the log from a backup',
      { cause },
    );
    this.name = 'UnreadableFact';
  }
}

/** A message of the subjects for all customers. @throws UnreadableFact */
export function decodeFact(record: { seq: number; subject: string; storedAt: number; bytes: Uint8Array }): LogMessage {
  try {
    return decodeMessage(record.bytes);
  } catch (error) {
    throw new UnreadableFact(record, error as Error);
  }
}

/** The pack itself, when all of its events are of today's versions. */
function present(wire: Wire, shapes: Shapes): PackView {
  const pack = new PackView(wire);
  let older = false;
  let newer: Uint8Array | null = null;
  for (let row = 0; row < pack.count; row++) {
    const type = EVENT_TYPES[pack.typeCode(row) - 1];
    if (type === undefined) continue;
    const behind = shapes.versions[type] - pack.schemaVersion(row);
    if (behind > 0) older = true;
    if (behind < 0) {
      newer ??= Uint8Array.from(pack.rows); // `slice` of a Buffer would be the message itself
      newer[row * STRIDE + OFF.type] = UNKNOWN_TYPE;
    }
  }
  const readable = newer === null ? pack : new PackView({ ...wire, rows: newer });
  return older ? rewritten(readable, wire, shapes) : readable;
}

function rewritten(pack: PackView, wire: Wire, shapes: Shapes): PackView {
  const writer = new PackWriter(pack.count);
  const unknown: [row: number, code: number][] = [];
  for (let row = 0; row < pack.count; row++) {
    const code = pack.typeCode(row);
    if (EVENT_TYPES[code - 1] !== undefined) writer.add(upcast(pack.event(row), shapes));
    else {
      unknown.push([row, code]);
      writer.add(pack.event(row, EVENT_TYPES[0]));
    }
  }
  const again = packr.unpack(writer.encode(pack.header)) as Wire;
  for (const [row, code] of unknown) again.rows![row * STRIDE + OFF.type] = code;
  return new PackView({ ...again, at: wire.at });
}
