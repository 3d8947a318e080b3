// The watch over versions that are not beyond doubt: which are watched, that one model's trouble is no other's, and that no barrier stays missing.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { compareVersions } from '#domain/deployment-comparison.ts';
import type { Evidence } from '#domain/deployment-gates.ts';
import { type ModelCommand, type ModelEvent, model } from '#domain/model.ts';
import { watchDeployments } from '#ops/deployment-watch.ts';
import type { DeploymentService } from '#ops/deployments.ts';
import type { Known } from '#ops/registry.ts';
import { evenly, NO_METRICS, scoresOf } from '../support/evidence.ts';

const TICK_MS = 2_000;
const reason = 'because';
const named = (version: number) => ({ version, kind: 'clv', digest: String(version).repeat(64) });
const registered = (version: number): ModelEvent => ({
  type: 'model.registered',
  data: { ...named(version), params: {}, window: null, metrics: {} },
});
const deployed = (version: number): ModelEvent => ({
  type: 'model.deployed',
  data: { ...named(version), reason, gates: [] },
});
const canaried = (version: number): ModelEvent => ({
  type: 'model.canaried',
  data: { ...named(version), percent: 10, reason, gates: [] },
});
const knownOf = (events: readonly ModelEvent[]): Known => ({
  state: events.reduce(model.evolve, model.initial),
  records: events.map((event, i) => ({
    event,
    aggregate: 'model',
    id: 'm',
    seq: i + 1,
    at: 0,
    actor: 'test',
    correlationId: null,
  })),
});
const three = [registered(1), registered(2), registered(3), deployed(1)];

const spread = evenly(100);
const found = (candidate: readonly number[] | null): Evidence => ({
  id: 'this',
  kind: 'clv',
  finding: null,
  unvalued: null,
  outside: false,
  tripped: 0,
  own: NO_METRICS,
  active: { id: 'other', metrics: NO_METRICS },
  evaluation: null,
  comparison: candidate && compareVersions(scoresOf(spread), scoresOf(candidate)),
  unmeasured: 'the pool is gone',
  shadow: { minutes: 0, scores: 0 },
});
const alike = () => found(spread);
const turned = () => found(spread.map((p) => 1 - p));

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Watches for some ticks. @param look Answers or throws by `name version against`. */
async function watched(
  models: Record<string, readonly ModelEvent[]>,
  look: (pair: string) => Evidence,
  {
    ticks = 1,
    moving = false,
    repair = async () => 0,
  }: { ticks?: number; moving?: boolean; repair?: () => Promise<number> } = {},
) {
  const looks: string[] = [];
  const commands: [string, ModelCommand][] = [];
  const said: object[] = [];
  const watching: DeploymentService['watching'] = new Map();
  const all = new Map(Object.entries(models).map(([name, events]) => [name, knownOf(events)]));
  const evidence: DeploymentService['evidence'] = async (name, _known, version, against) => {
    looks.push(`${name} ${version} ${against}`);
    return look(`${name} ${version} ${against}`);
  };
  await using _watch = watchDeployments({
    registry: {
      repair,
      models: async () => all,
      carryOut: async (name, command) => {
        commands.push([name, command]);
        return { ok: true, value: { state: all.get(name)!.state, changed: true, seq: 1 } };
      },
    },
    deployments: { watching, evidence } as Partial<DeploymentService> as DeploymentService,
    position: () => (moving ? Date.now() : 1),
    now: Date.now,
    log: { info: () => undefined, warn: (fields) => void said.push(fields) },
  });
  await vi.advanceTimersByTimeAsync(ticks * TICK_MS + 1);
  return { looks, commands, said, watching };
}

test('a canary does not hide the version that has just become active: both are watched', async () => {
  const { looks, commands, watching } = await watched({ m: [...three, deployed(2), canaried(3)] }, alike);
  expect([looks, commands]).toEqual([['m 2 1', 'm 3 2'], []]);
  expect(watching.get('m')).toMatchObject({ id: 'm@3', against: 'm@2' });
});

test('the one that passes a limit is taken back: the active one first, as the canary is held against it', async () => {
  const history = { m: [...three, deployed(2), canaried(3)] };
  const active = await watched(history, (pair) => (pair === 'm 2 1' ? turned() : alike()));
  expect(active.commands).toEqual([
    ['m', expect.objectContaining({ type: 'RollbackModel', from: 2, to: 1, automatic: true })],
  ]);
  expect(active.looks).toEqual(['m 2 1']);
  const canary = await watched(history, (pair) => (pair === 'm 3 2' ? turned() : alike()));
  expect(canary.commands).toEqual([
    ['m', expect.objectContaining({ type: 'WithdrawModel', version: 3, automatic: true })],
  ]);
});

test('one model that cannot be looked at keeps no other from being watched, and is named once', async () => {
  const { looks, commands, said } = await watched(
    { a: [...three, deployed(2)], b: [...three, canaried(2)] },
    (pair) => {
      if (pair.startsWith('a')) throw new Error('the artefact is damaged');
      return turned();
    },
    { ticks: 5 },
  );
  expect(looks.filter((pair) => pair === 'b 2 1').length).toBeGreaterThan(0);
  expect(commands.every(([name]) => name === 'b')).toBe(true);
  expect(commands.length).toBeGreaterThan(0);
  const named = said.filter((fields) => 'model' in fields && fields.model === 'a@2');
  expect(named).toEqual([{ model: 'a@2', times: 3, error: 'Error: the artefact is damaged' }]);
});

test.each([
  ['without a comparison', () => found(null), /3 times in a row: the pool is gone/],
  [
    'that throws',
    () => {
      throw new Error('lost');
    },
    /3 times in a row: Error: lost/,
  ],
])('a canary %s three times in a row is taken back, not before', async (_, look, why) => {
  expect((await watched({ m: [...three, canaried(2)] }, look, { ticks: 2 })).commands).toEqual([]);
  const { commands } = await watched({ m: [...three, canaried(2)] }, look, { ticks: 3 });
  expect(commands).toEqual([
    ['m', expect.objectContaining({ type: 'WithdrawModel', version: 2, reason: expect.stringMatching(why) })],
  ]);
});

test('a comparison in between begins the count anew', async () => {
  for (const [ticks, taken] of [
    [5, 0],
    [6, 1],
  ] as const) {
    let k = 0;
    const look = () => (k++ === 2 ? alike() : found(null));
    expect((await watched({ m: [...three, canaried(2)] }, look, { ticks, moving: true })).commands).toHaveLength(taken);
  }
});

test('what answers everybody is not taken back for want of a comparison, but told of', async () => {
  const active = await watched({ m: [...three, deployed(2)] }, () => found(null), { ticks: 6 });
  expect(active.commands).toEqual([]);
  expect(active.said).toEqual([{ model: 'm@2', times: 3, error: 'the pool is gone' }]);
});

test('every round brings barriers that are missing; a failure is told once and keeps nobody from being watched', async () => {
  const repair = vi.fn(async () => 0);
  await watched({ m: three }, alike, { ticks: 3, repair });
  expect(repair).toHaveBeenCalledTimes(3);
  const broken = vi.fn(async (): Promise<number> => {
    throw new Error('no log');
  });
  const { looks, said } = await watched({ m: [...three, canaried(2)] }, alike, { ticks: 3, repair: broken });
  expect(broken).toHaveBeenCalledTimes(3);
  expect(looks).toEqual(['m 2 1']);
  expect(said).toEqual([{ of: 'barriers', error: 'Error: no log' }]);
});
