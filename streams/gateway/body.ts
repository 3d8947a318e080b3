// The bytes of a request or message as values: JSON or msgpack, within limits, with the place where they break.
import { isUtf8 } from 'node:buffer';
import { Unpackr } from 'msgpackr';
import { jsonErrorPosition } from './json-position.ts';

export const MAX_BODY_EVENTS = 2_500;
export const MAX_BODY_BYTES = 512 * 1024;

export class BadBody extends Error {
  readonly code: 'bad-json' | 'too-large';
  constructor(code: 'bad-json' | 'too-large', message: string) {
    super(message);
    this.name = 'BadBody';
    this.code = code;
  }
}

// Integers beyond 2⁵³ become inexact numbers, which the parsers refuse: a bigint would not pass as a time in ms.
const unpackr = new Unpackr({ mapsAsObjects: true, int64AsType: 'number' });

/** Throws BadBody. The message never quotes the body. */
export function decodeBody(body: Uint8Array, contentType: 'json' | 'msgpack'): unknown {
  if (contentType === 'msgpack') {
    try {
      return unpackr.unpack(body) as unknown;
    } catch {
      throw new BadBody('bad-json', `the body is not readable msgpack (${body.length} bytes)`);
    }
  }
  if (!isUtf8(body)) throw new BadBody('bad-json', 'the body is not UTF-8; send JSON as UTF-8');
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const at = Math.max(0, jsonErrorPosition(text));
    const before = text.slice(0, at);
    const line = before.split('\n').length;
    const column = at - before.lastIndexOf('\n');
    const what = at >= text.length ? 'it ends too early' : 'this is where it stops being JSON';
    throw new BadBody('bad-json', `the body is not JSON: position ${at} (line ${line}, column ${column}), ${what}`);
  }
}

/** A batch of prepared events (msgpack array). Throws BadBody. */
export function decodeBatch(body: Uint8Array): unknown[] {
  const values = decodeBody(body, 'msgpack');
  if (!Array.isArray(values)) throw new BadBody('bad-json', 'the batch is not a msgpack array');
  return values;
}

/** JSON begins with an ASCII character; a msgpack map or array never does. */
export const contentTypeOf = (body: Uint8Array): 'json' | 'msgpack' => (body[0]! < 0x80 ? 'json' : 'msgpack');
