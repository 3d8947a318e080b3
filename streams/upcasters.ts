// Old shapes of stored events → today's. The log is never rewritten: an event of an earlier schema version is read as the present one says
// the same thing, step by step, and one of a later version is not guessed at.
import type { EventType, StoredEvent } from '#domain/envelope.ts';
import { SCHEMA_VERSION } from '#domain/events.ts';

/** From the version it is listed under to the next one. Pure; keeps sid, counter, event hash and type. */
export type Upcaster = (event: StoredEvent) => StoredEvent;

export interface Shapes {
  /** Present schema version by type. */
  versions: Readonly<Record<EventType, number>>;
  upcasters: Readonly<Partial<Record<EventType, Readonly<Record<number, Upcaster>>>>>;
}

/** Every type is in its first version so far. A change of shape: the next number in SCHEMA_VERSION and a line here, with its golden bytes. */
export const PRESENT: Shapes = { versions: SCHEMA_VERSION, upcasters: {} };

/** The event in its present shape. @throws RangeError when a step is missing. */
export function upcast(event: StoredEvent, { versions, upcasters }: Shapes): StoredEvent {
  let present = event;
  while (present.schemaVersion < versions[event.type]) {
    const step = upcasters[event.type]?.[present.schemaVersion];
    if (step === undefined)
      throw new RangeError(`${event.type}: nothing reads schema version ${present.schemaVersion} of it`);
    present = { ...step(present), schemaVersion: present.schemaVersion + 1 };
  }
  return present;
}
