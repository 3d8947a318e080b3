// Rows for PostgreSQL's COPY … BINARY, written into one buffer that is used again for every batch: no string, no object, no bigint a row.
// Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS (big-endian; int32 length, −1 = null, before each value).
import { finished } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** PostgreSQL counts timestamps from 2000-01-01, in microseconds. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_32 = 4_294_967_296;

export class CopyBuffer {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;
  /** Rows since the last `clear`. */
  rows = 0;

  constructor(capacity = 1 << 20) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(capacity, 64));
    this.#view = new DataView(this.#bytes.buffer);
    this.clear();
  }

  clear(): void {
    this.rows = 0;
    this.#at = SIGNATURE.copy(this.#bytes, 0);
    this.#view.setInt32(this.#at, 0); // flags
    this.#view.setInt32(this.#at + 4, 0); // length of the header's extension
    this.#at += 8;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Opens a row; exactly `columns` values must follow. */
  row(columns: number): void {
    this.#room(2);
    this.#view.setInt16(this.#at, columns);
    this.#at += 2;
    this.rows++;
  }

  null(): void {
    this.#room(4);
    this.#view.setInt32(this.#at, -1);
    this.#at += 4;
  }

  boolean(value: boolean): void {
    this.#room(5);
    this.#view.setInt32(this.#at, 1);
    this.#view.setUint8(this.#at + 4, value ? 1 : 0);
    this.#at += 5;
  }

  int2(value: number): void {
    this.#room(6);
    this.#view.setInt32(this.#at, 2);
    this.#view.setInt16(this.#at + 4, value);
    this.#at += 6;
  }

  int4(value: number): void {
    this.#room(8);
    this.#view.setInt32(this.#at, 4);
    this.#view.setInt32(this.#at + 4, value);
    this.#at += 8;
  }

  /** @param value a safe integer. */
  int8(value: number): void {
    this.#room(12);
    const high = Math.floor(value / TWO_32);
    this.#view.setInt32(this.#at, 8);
    this.#view.setInt32(this.#at + 4, high);
    this.#view.setUint32(this.#at + 8, value - high * TWO_32);
    this.#at += 12;
  }

  bigint(value: bigint): void {
    this.#room(12);
    this.#view.setInt32(this.#at, 8);
    this.#view.setBigInt64(this.#at + 4, value);
    this.#at += 12;
  }

  /** Eight bytes as they lie in memory, given as two little-endian words: a hash or the head of a sid as an int8 column. */
  words2(word0: number, word1: number): void {
    this.#room(12);
    this.#view.setInt32(this.#at, 8);
    this.#view.setUint32(this.#at + 4, word0, true);
    this.#view.setUint32(this.#at + 8, word1, true);
    this.#at += 12;
  }

  /** Sixteen bytes as they lie in memory, given as four little-endian words: a uuid column. */
  words4(word0: number, word1: number, word2: number, word3: number): void {
    this.#room(20);
    this.#view.setInt32(this.#at, 16);
    this.#view.setUint32(this.#at + 4, word0, true);
    this.#view.setUint32(this.#at + 8, word1, true);
    this.#view.setUint32(this.#at + 12, word2, true);
    this.#view.setUint32(this.#at + 16, word3, true);
    this.#at += 20;
  }

  /** NaN and ±Infinity become null: a number that is none never reaches a table. */
  float8(value: number): void {
    if (!Number.isFinite(value)) {
      this.null();
      return;
    }
    this.#room(12);
    this.#view.setInt32(this.#at, 8);
    this.#view.setFloat64(this.#at + 4, value);
    this.#at += 12;
  }

  /** @param atMs milliseconds since 1970, as a timestamptz column. */
  timestamp(atMs: number): void {
    this.int8(Math.round((atMs - POSTGRES_EPOCH_MS) * 1000));
  }

  /** bytea; a uuid column when there are 16 bytes. */
  bytes(value: Uint8Array): void {
    this.#room(4 + value.length);
    this.#view.setInt32(this.#at, value.length);
    this.#bytes.set(value, this.#at + 4);
    this.#at += 4 + value.length;
  }

  text(value: string | null): void {
    if (value === null) this.null();
    else this.#utf8(storable(value), false);
  }

  json(value: unknown): void {
    if (value === null || value === undefined) {
      this.null();
      return;
    }
    this.#utf8(
      JSON.stringify(value, (_key, inner) => (typeof inner === 'string' ? storable(inner) : inner)),
      true,
    );
  }

  #utf8(text: string, jsonb: boolean): void {
    this.#room(5 + text.length * 3);
    let at = this.#at + 4;
    if (jsonb) this.#bytes[at++] = 1; // jsonb's version byte
    at += this.#bytes.write(text, at, 'utf8');
    this.#view.setInt32(this.#at, at - this.#at - 4);
    this.#at = at;
  }

  /** The whole stream of bytes, trailer included; valid until the next `clear` or value. More rows may follow. */
  encoded(): Buffer {
    this.#room(2);
    this.#view.setInt16(this.#at, -1);
    return this.#bytes.subarray(0, this.#at + 2);
  }
}

/** PostgreSQL's text cannot hold U+0000 nor half a surrogate pair; both become U+FFFD. */
const storable = (text: string): string => {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '�') : whole;
};

/** Sends the rows into the table; resolved once PostgreSQL has taken them all, so the buffer is free again. */
export async function copyInto(client: ClientBase, table: string, buffer: CopyBuffer): Promise<void> {
  if (buffer.rows === 0) return;
  const stream = client.query(copyFrom(`copy ${table} from stdin (format binary)`));
  stream.end(buffer.encoded());
  await finished(stream);
  if (stream.rowCount !== buffer.rows)
    throw new Error(`copy into ${table}: PostgreSQL took ${stream.rowCount} rows of ${buffer.rows}`);
}
