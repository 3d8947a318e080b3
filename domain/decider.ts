// The decider pattern (Jérémie Chassaing): what may happen, and what is the case after it happened, as two pure functions.
// One aggregate is one file; its events are a storage contract: a changed shape is a higher version with an upcaster.
import type { z } from 'zod';
import type { Result } from './result.ts';

export interface EventDefinition {
  /** Of the stored shape, from 1. */
  version: number;
  data: z.ZodType;
  /** Brings data stored under an older version to the present shape. */
  upcast?: (data: unknown, version: number) => unknown;
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/** The union `{ type, data }` that the definitions describe. */
export type EventOf<Definitions extends EventDefinitions> = {
  [Type in keyof Definitions & string]: { type: Type; data: z.infer<Definitions[Type]['data']> };
}[keyof Definitions & string];

export interface Decider<State, Command, Event extends { type: string; data: unknown }, Reason extends string> {
  /** The subject token and the name in the catalogue. */
  aggregate: string;
  events: EventDefinitions;
  initial: State;
  evolve(state: State, event: Event): State;
  /** No events = the command asks for what is already so. */
  decide(command: Command, state: State): Result<Event[], Reason>;
}
