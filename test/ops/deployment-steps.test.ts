// Steps of a deployment over a registry on a log in memory: barriers that were lost come back, a step overtaken while it was judged is not taken, and
// what counts of a version beside the active one.
import { expect, test } from 'vitest';
import type { Deployment } from '#api/model-deps.ts';
import { compareVersions } from '#domain/deployment-comparison.ts';
import type { Fact } from '#domain/envelope.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { createDeployments } from '#ops/deployments.ts';
import { CLV_MODEL, createRegistry } from '#ops/registry.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { evenly, scoresOf } from '../support/evidence.ts';
import { createMemoryArtefacts } from '../support/memory-artefacts.ts';

const MINUTE = 60_000;
/** Fader, Hardie & Lee (2005), CDNOW, weeks; one parameter moved. */
const fitted = (r: number): ClvModel => ({
  model: 'clv',
  unit: 'week',
  bgNbd: { r, alpha: 4.414, a: 0.793, b: 2.426 },
  gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
});
const customers = 50;
const scores = scoresOf(evenly(customers));

/** Three versions, the first of which is active. */
async function three() {
  const store = createMemoryStore();
  const deployments: Deployment[] = [];
  const here = { now: 0, position: 0, logIsAway: false, answerIsLost: false, whileJudged: async () => {} };
  const artefacts = createMemoryArtefacts();
  const registry = createRegistry({
    store: {
      ...store,
      append: async (...args) => {
        const stored = await store.append(...args);
        if (here.answerIsLost) throw new Error('the answer was lost');
        return stored;
      },
    },
    artefacts,
    appendFact: async (fact: Fact) => {
      if (here.logIsAway) throw new Error('the log is away');
      if (fact.type !== 'model.deployed' && fact.type !== 'model.canaried') throw new Error(fact.type);
      const percent = fact.type === 'model.canaried' ? fact.percent : 100;
      deployments.push({ ...fact, seq: deployments.length + 1, percent });
      return deployments.length;
    },
    applied: async () => undefined,
    deployments: () => deployments,
    now: () => here.now,
  });
  const service = createDeployments({
    registry,
    artefacts,
    compare: async (active, candidate) => {
      await here.whileJudged();
      const comparison = compareVersions(scores, scores);
      return { id: candidate.id, against: active.id, seq: here.position, day: 0, measuredAt: here.now, comparison };
    },
    evaluated: async () => null,
    position: () => here.position,
    now: () => here.now,
    log: { warn: () => undefined },
  });
  const id = (version: number) => `${CLV_MODEL}@${version}`;
  const act = async (version: number, type: 'shadow' | 'withdraw') =>
    expect(await service.act(id(version), { type, reason: 'tried' }, 'test')).toMatchObject({ ok: true });
  /** Scored anew: the log has moved. */
  const shadow = async (version: number) => {
    here.position++;
    const known = (await registry.models()).get(CLV_MODEL)!;
    return (await service.evidence(CLV_MODEL, known, version, known.state.deployed)).shadow;
  };
  for (const r of [0.243, 0.244, 0.245])
    await registry.register(fitted(r), { ...fitted(r), metrics: { auc: r } }, null, 'test');
  expect(await service.deploy(id(1), 'test')).toMatchObject({ ok: true, value: { id: id(1) } });
  return { here, registry, service, deployments, id, act, shadow };
}

test('a step whose barrier was lost gets it with the next repair, once', async () => {
  const { here, registry, service, deployments, id } = await three();
  expect(await service.deploy(id(2), 'test')).toMatchObject({ ok: true });
  here.logIsAway = true;
  const back = { type: 'RollbackModel', from: 2, to: 1, reason: 'worse', automatic: true } as const;
  await expect(registry.carryOut(CLV_MODEL, back, 'system')).rejects.toThrow('the log is away');
  expect(deployments.map(({ version }) => version)).toEqual([1, 2]);
  here.logIsAway = false;
  expect([await registry.repair(), await registry.repair()]).toEqual([1, 0]);
  expect(deployments.map(({ version }) => version)).toEqual([1, 2, 1]);
});

test('a step that is in the log although its answer was lost is known afterwards', async () => {
  const { here, registry } = await three();
  const deployed = async () => (await registry.models()).get(CLV_MODEL)!.state.shadow;
  expect(await deployed()).toBeNull();
  here.answerIsLost = true;
  const step = { type: 'ShadowModel', version: 2, reason: 'tried' } as const;
  await expect(registry.carryOut(CLV_MODEL, step, 'test')).rejects.toThrow('the answer was lost');
  expect(await deployed()).toBe(2);
});

test('a version judged against one that answers no more is not put in force; asked again it is', async () => {
  const { here, service, registry, id } = await three();
  here.whileJudged = async () => {
    here.whileJudged = async () => {};
    expect(await service.deploy(id(3), 'somebody else')).toMatchObject({ ok: true });
  };
  const overtaken = await service.deploy(id(2), 'test');
  expect(overtaken).toMatchObject({
    ok: false,
    reason: { code: 'judged-otherwise', message: expect.stringMatching(/ask again/) },
  });
  expect((await registry.models()).get(CLV_MODEL)!.state.deployed).toBe(3);
  expect(await service.deploy(id(2), 'test')).toMatchObject({ ok: true });
});

test('a version from outside has no figures of its own beside an active one; alone it has what it brings', async () => {
  const { service, registry } = await three();
  const known = (await registry.models()).get(CLV_MODEL)!;
  expect(await service.evidence(CLV_MODEL, known, 2, 1)).toMatchObject({ outside: true, own: { auc: null } });
  expect(await service.evidence(CLV_MODEL, known, 2, null)).toMatchObject({ outside: false, own: { auc: 0.244 } });
});

test('minutes and scores count in shadow and canary only, and begin anew with it', async () => {
  const { here, registry, service, id, act, shadow } = await three();
  // Looked at beforehand, as by whoever asks for its gates.
  expect(await shadow(2)).toEqual({ minutes: 0, scores: 0 });
  here.now += MINUTE;
  await act(2, 'shadow');
  here.now += 5 * MINUTE;
  expect(await shadow(2)).toEqual({ minutes: 5, scores: customers });
  expect(await shadow(2)).toEqual({ minutes: 5, scores: 2 * customers });
  // Who only reads its gates adds nothing.
  here.position++;
  await service.gates(id(2));
  const known = (await registry.models()).get(CLV_MODEL)!;
  expect((await service.evidence(CLV_MODEL, known, 2, 1)).shadow.scores).toBe(3 * customers);
  expect((await service.evidence(CLV_MODEL, known, 2, 1)).shadow.scores).toBe(3 * customers);
  const canary = { type: 'canary', percent: 10, reason: 'tried' } as const;
  expect(await service.act(id(2), canary, 'test')).toMatchObject({ ok: true });
  here.now += MINUTE;
  // The way from shadow to canary is no break; another version put in force ends it.
  expect((await shadow(2)).minutes).toBe(6);
  expect(await service.deploy(id(3), 'test')).toMatchObject({ ok: true });
  here.now += MINUTE;
  expect(await shadow(2)).toEqual({ minutes: 0, scores: 0 });
  expect(await service.act(id(2), canary, 'test')).toMatchObject({ ok: true });
  here.now += 2 * MINUTE;
  expect(await shadow(2)).toEqual({ minutes: 2, scores: customers });
});
