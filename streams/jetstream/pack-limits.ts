// How much fits into one message, so that no pack is ever refused for its size: it would be sent for ever.
import type { StoredEvent } from '#domain/envelope.ts';
import { decodeMessage, type PackHeader, PackWriter } from '../pack.ts';

/** A pack as messages the server takes: one, or halves of it when its texts are longer than `PackWriter.size` reckons. */
export function messagesOf(
  writer: PackWriter,
  header: PackHeader,
  limit: number,
): { bytes: Uint8Array; events: number }[] {
  const bytes = writer.encode(header);
  if (bytes.length <= limit || writer.count === 1) return [{ bytes, events: writer.count }];
  const message = decodeMessage(bytes);
  if (message.kind !== 'pack') throw new Error('a pack does not read back as one');
  const half = writer.count >> 1;
  const parts = [new PackWriter(half), new PackWriter(writer.count - half)];
  for (let row = 0; row < writer.count; row++) parts[row < half ? 0 : 1]!.add(message.pack.event(row));
  return parts.flatMap((part) => messagesOf(part, header, limit));
}

/** Bytes an event can take in a pack at most: UTF-8 needs up to three a UTF-16 unit, msgpack up to nine a number. */
export function upperBound(event: StoredEvent): number {
  const text = (value: string | null) => (value === null ? 0 : value.length * 3 + 5);
  let bytes =
    104 + text(event.source) + text(event.run) + text(event.channel) + text(event.name) + text(event.currency);
  bytes += 64 + text(event.traceId) + text(event.correlationId) + text(event.causationId) + (event.sealed?.length ?? 0);
  if (event.props)
    for (const [key, value] of Object.entries(event.props))
      bytes += text(key) + (typeof value === 'string' ? text(value) : 9);
  return bytes;
}
