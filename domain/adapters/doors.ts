// What came through a door, as a list of events or refusals in the order they came: one result per message.
import type { InputEvent, ParseContext, Rejection } from '../events.ts';
import { createOccurrences } from '../orders.ts';
import type { Result } from '../result.ts';
import { parseNative } from './native.ts';
import { isReferenceStack, parseReferenceStack } from './reference-stack.ts';
import { parseSegment, segmentMessages } from './segment.ts';

export type Door = 'http' | 'segment' | 'reference';

/**
 * One request or message is one batch: twins without ids are counted within it.
 * The native door takes reference-stack events too, told by their fields (interfaces.md "Events in").
 */
export function parseBatch(
  door: Door,
  body: unknown,
  source: Omit<ParseContext, 'occurrences'>,
): Result<InputEvent, Rejection>[] {
  const ctx: ParseContext = { ...source, occurrences: createOccurrences() };
  const values = door === 'segment' ? segmentMessages(body) : Array.isArray(body) ? body : [body];
  const results: Result<InputEvent, Rejection>[] = new Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value: unknown = values[index];
    results[index] =
      door === 'segment'
        ? parseSegment(value, index, ctx)
        : door === 'reference' || isReferenceStack(value)
          ? parseReferenceStack(value, index, ctx)
          : parseNative(value, index, ctx);
  }
  return results;
}
