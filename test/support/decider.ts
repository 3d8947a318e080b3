// given(events).when(command).then(events) or .thenRefused(reason); after event-driven-io/emmett's DeciderSpecification.
import { expect } from 'vitest';
import type { Decider } from '#domain/decider.ts';

export const specification = <State, Command, Event extends { type: string; data: unknown }, Reason extends string>(
  decider: Decider<State, Command, Event, Reason>,
) => {
  const fold = (events: readonly Event[], from = decider.initial) => events.reduce(decider.evolve, from);
  /** What is stored must pass its own schema, unchanged. */
  const checkStored = (events: readonly Event[]) => {
    for (const event of events) {
      const definition = decider.events[event.type];
      if (!definition) throw new Error(`${decider.aggregate}: event '${event.type}' has no schema`);
      expect(definition.data.parse(JSON.parse(JSON.stringify(event.data)))).toEqual(event.data);
    }
  };
  const given = (events: Event[]) => ({
    when(command: Command) {
      const state = fold(events);
      const before = structuredClone(state);
      const result = decider.decide(command, state);
      expect(state).toEqual(before);
      return {
        // biome-ignore lint/suspicious/noThenProperty: given/when/then is the word for it; nobody awaits this.
        then(expected: Event[]) {
          expect(result).toEqual({ ok: true, value: expected });
          checkStored(expected);
        },
        thenNothing: () => expect(result).toEqual({ ok: true, value: [] }),
        thenRefused: (reason: Reason) => expect(result).toEqual({ ok: false, reason }),
      };
    },
  });
  /** Decide, apply, decide again: whatever was accepted is nothing new the second time (jet/equinox, FavoritesTests.fs). */
  const isIdempotent = (commands: readonly Command[]) => {
    let state = decider.initial;
    for (const command of commands) {
      const result = decider.decide(command, state);
      if (!result.ok) continue;
      checkStored(result.value);
      state = fold(result.value, state);
      expect(decider.decide(command, state)).toEqual({ ok: true, value: [] });
    }
    return state;
  };
  return { given, isIdempotent };
};
