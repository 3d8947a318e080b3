// Any order of sending, repeating, delaying, linking, erasing, crashing and restarting: the state is the one of the set of events. The same
// histories run on real JetStream and PostgreSQL in `npm run test:faults -- model`.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryStore } from '#streams/memory/store.ts';
import { histories, passed, play } from './model-commands.ts';
import { System } from './model-system.ts';

test('the fold over the log in memory: whatever happens, equal to the set; every crash point passed', async () => {
  passed.clear();
  await fc.assert(
    fc.asyncProperty(histories(false, 40), async (commands) => {
      let now = 0;
      const store = createMemoryStore({ now: () => now });
      await using system = await System.open({
        store,
        forgetIds: () => {
          now += 200_000;
        },
      });
      await play(system, commands);
    }),
    { numRuns: 40 },
  );
  expect(passed.size).toBe(8);
});
