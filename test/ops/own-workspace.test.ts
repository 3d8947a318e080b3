// One log, one workspace: of two that start at once the first has it, and the other is told whose it is.
import { expect, test } from 'vitest';
import { ForeignLog, ownWorkspace } from '#ops/own-workspace.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { decodeMessage, encodeFact } from '#streams/pack.ts';

const header = { tenant: 'main', gateway: 'g1', epoch: 1, ingestedAt: 0 };
const created = (workspaceId: string) => ({
  ...{ type: 'workspace.created' as const, workspaceId, name: workspaceId, reportingCurrency: 'EUR', zone: 'UTC' },
});

function serverOn(store: MemoryStore) {
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const fold = {
    async waitFor(to: number) {
      for await (const { seq, bytes } of store.read('EVT', { from: ledger.position + 1, to }))
        ledger.applyMessage(seq, decodeMessage(bytes));
    },
    facts: async () => ledger.workspace.facts,
  };
  return { fold, own: (id: string) => ownWorkspace({ store, fold, fact: created(id), header }) };
}

test('of servers that start at once, each with another workspace, one has the log; starting again changes nothing', async () => {
  const store = createMemoryStore();
  const ids = ['a', 'b', 'c'];
  const outcomes = await Promise.allSettled(ids.map((id) => serverOn(store).own(id)));
  const lost = outcomes.filter((each) => each.status === 'rejected');
  expect(lost).toHaveLength(2);
  for (const { reason } of lost) expect(reason).toBeInstanceOf(ForeignLog);
  expect(await store.lastSequence('EVT')).toBe(1);
  const owner = ids[outcomes.findIndex(({ status }) => status === 'fulfilled')]!;
  await serverOn(store).own(owner);
  await expect(serverOn(store).own('d')).rejects.toThrow(`the log is that of workspace ${owner}`);
  expect(await store.lastSequence('EVT')).toBe(1);
});

test('another fact that comes between is no owner', async () => {
  const memory = createMemoryStore();
  const clock = encodeFact({ type: 'clock.set', mode: 'wall' }, header);
  let between = 0;
  const store: MemoryStore = {
    ...memory,
    async append(...asked) {
      if (between++ === 0) await memory.append('evt.all.main', clock);
      return memory.append(...asked);
    },
  };
  const server = serverOn(store);
  await server.own('a');
  await server.fold.waitFor(await store.lastSequence('EVT'));
  expect([(await server.fold.facts()).workspaceId, between]).toEqual(['a', 2]);
});
