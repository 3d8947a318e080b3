// What a source declares of its coverage reaches the fold as a barrier, also when a crash came between the declaration and the barrier.
import { expect, test } from 'vitest';
import type { Fact } from '#domain/envelope.ts';
import { createSources } from '#ops/sources.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { apply, createWriter } from '../projections/memory/scenario.ts';

function installation() {
  const store = createMemoryStore();
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const writer = createWriter();
  const facts: Fact[] = [];
  let crashing = false;
  const append = (fact: Fact): number => {
    facts.push(fact);
    apply(ledger, [writer.fact(fact)]);
    return ledger.position;
  };
  const sources = createSources({
    store,
    workspace: { zone: 'UTC', reportingCurrency: 'EUR' },
    natsUser: async () => null,
    setSources: async () => undefined,
    removeNatsUser: async () => true,
    revokeWriteKeys: async () => 0,
    appendFact: async (fact) => {
      if (crashing) throw new Error('the process has ended here');
      return append(fact);
    },
    applied: async () => undefined,
    covered: async () => ledger.coverage.declared(),
    now: () => 1,
  });
  const add = (coverage: string, burnInDays = 180) =>
    sources.add({ name: 'till', ordersAs: null, coverage, burnInDays, by: 'test' });
  const set = (coverage: string | undefined, burnInDays?: number) =>
    sources.setCoverage({ name: 'till', coverage, burnInDays, by: 'test' });
  const crash = async (work: () => Promise<unknown>) => {
    crashing = true;
    await expect(work()).rejects.toThrow('has ended here');
    crashing = false;
  };
  return { sources, add, set, crash, append, facts, ledger };
}
const covered = (coverage: 'complete' | number, burnInDays: number) =>
  expect.objectContaining({ type: 'source.covered', source: 'till', coverage, burnInDays });

test('set or changed: one fact each, with a rising version; the same again: none', async () => {
  const { add, set, facts, sources } = installation();
  expect(await set('complete')).toEqual({ ok: false, reason: 'source-unknown' });
  await add('complete');
  expect(facts).toEqual([]);
  await set('1970-04-11', 30);
  await set('1970-04-11');
  await set(undefined, 60);
  await set('complete');
  expect(facts).toEqual([covered(100, 30), covered(100, 60), covered('complete', 60)]);
  const versions = facts.map((fact) => (fact.type === 'source.covered' ? fact.version : 0));
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect(await sources.repair()).toBe(0);
});

test('a crash before the barrier is made good at the next start, of an addition and of a change', async () => {
  const { add, set, crash, sources, ledger, facts } = installation();
  await crash(() => add('1970-04-11'));
  expect(ledger.coverage.declared()).toEqual({});
  expect(await sources.repair()).toBe(1);
  expect(await sources.repair()).toBe(0);
  await crash(() => set('complete'));
  expect(ledger.coverage.declared().till).toMatchObject({ coverage: 100 });
  expect(await sources.repair()).toBe(1);
  expect(facts).toEqual([covered(100, 180), covered('complete', 180)]);
  expect(await sources.list()).toMatchObject([{ name: 'till', coverage: 'complete', burnInDays: 180 }]);
});

test('what an old import said of a source stands until the source itself is asked', async () => {
  const { add, set, append, sources, ledger, facts } = installation();
  await add('complete');
  append({
    type: 'import.started',
    ...{ run: 'r', source: 'till', digest: '', backfill: true, amend: false, startedAt: 1, coverage: 100 },
  });
  expect(await sources.repair()).toBe(0);
  expect(ledger.coverage.declared().till).toEqual({ coverage: 100, burnInDays: 0, version: 0 });
  // Nothing changes in the control stream, and yet it has to be said.
  await set('complete');
  expect(facts.at(-1)).toEqual(covered('complete', 180));
  expect(ledger.coverage.declared().till).toMatchObject({ coverage: 'complete' });
});
