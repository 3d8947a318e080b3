import { createMemoryStore } from '#streams/memory/store.ts';
import { eventStoreContract } from '../contracts/event-store.ts';

eventStoreContract('memory', async () => {
  const store = createMemoryStore();
  return { store, lose: async (stream, seq) => store.lose(stream, seq), [Symbol.asyncDispose]: async () => {} };
});
