// Looks after the versions that are not beyond doubt yet. What is in shadow or canary is scored beside the active version, once a minute at most and
// only when something has moved. A canary, and for ten minutes a version that has just become active, is watched against the one that answers
// (answered) instead, for ten minutes after its step every two seconds, and taken back when it passes what a rule allows while watched; a canary also
// when it cannot be compared any more. What it did is an event with its reason. What fails of one model keeps no other from being watched. And a step
// whose barrier is not in the customers' order yet gets it.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Evidence, tripped } from '#domain/deployment-gates.ts';
import type { GateResult } from '#domain/deployment-rules.ts';
import { beforeOf, type ModelCommand } from '#domain/model.ts';
import { type DeploymentService, WATCH_MS } from './deployments.ts';
import { type Known, modelId, type Registry } from './registry.ts';

export interface DeploymentWatchDeps {
  registry: Pick<Registry, 'models' | 'carryOut' | 'repair'>;
  deployments: DeploymentService;
  /** End of the log as the columns hold it. */
  position: () => number;
  now: () => number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

const TICK_MS = 2_000;
const BESIDE_MS = 60_000;
/** So often in a row a version cannot be compared before something is done about it. */
const MISSED = 3;
/** What a stop waits for the look under way. */
const LAST_LOOK_MS = 2_000;

interface Watched {
  stage: 'active' | 'canary';
  version: number;
  against: number;
  until: number;
  /** Looked at so often, when something has moved. */
  everyMs: number;
  command(found: readonly GateResult[], reason: string): ModelCommand;
}

/** The versions of the model that are watched now: the active one first, as a canary is held against it. */
function watchedOf({ state, records }: Known, now: number): Watched[] {
  const { canary, deployed } = state;
  if (deployed === null) return [];
  const found: Watched[] = [];
  const last = records.findLast(({ event }) => event.type === 'model.deployed' || event.type === 'model.rolled-back');
  const before = beforeOf(state);
  // What was gone back to has answered before.
  if (last?.event.type === 'model.deployed' && before !== undefined && last.at + WATCH_MS > now)
    found.push({
      stage: 'active',
      version: deployed,
      against: before,
      until: last.at + WATCH_MS,
      everyMs: TICK_MS,
      command: (gates, reason) => ({
        type: 'RollbackModel',
        from: deployed,
        to: before,
        reason,
        automatic: true,
        gates,
      }),
    });
  if (canary) {
    const { version } = canary;
    const step = records.findLast(({ event }) => event.type === 'model.canaried' && event.data.version === version);
    const closely = (step?.at ?? 0) + WATCH_MS;
    found.push({
      stage: 'canary',
      version,
      against: deployed,
      until: Math.max(now, closely),
      everyMs: now < closely ? TICK_MS : BESIDE_MS,
      command: (gates, reason) => ({ type: 'WithdrawModel', version, from: 'canary', reason, automatic: true, gates }),
    });
  }
  return found;
}

export function watchDeployments(deps: DeploymentWatchDeps): AsyncDisposable {
  const { registry, deployments } = deps;
  let stopped = false;
  let running: Promise<void> | null = null;
  /** What did not work the last time. */
  const failing = new Set<string>();
  /** By pair: the position and the rules it was last looked at, and how often in a row it could not be compared. */
  const seen = new Map<string, { seq: number; at: number; rules: string }>();
  const missed = new Map<string, number>();

  /** Tried again with the next tick; said once. */
  async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      failing.delete(what);
    } catch (error) {
      if (!failing.has(what)) deps.log.warn({ of: what, error: String(error) }, 'versions are not watched');
      failing.add(what);
    }
  }

  const due = (pair: string, everyMs: number, rules: string): boolean => {
    const last = seen.get(pair);
    return !last || last.rules !== rules || (last.seq !== deps.position() && deps.now() - last.at >= everyMs);
  };
  /** What was found; why and how often nothing could be; null: it is not its turn. */
  async function look(
    name: string,
    known: Known,
    { version, against, everyMs }: Pick<Watched, 'version' | 'against' | 'everyMs'>,
  ): Promise<Evidence | { unmeasured: string; times: number } | null> {
    const { versions } = known.state;
    const pair = `${name} ${versions[version - 1]!.digest} ${versions[against - 1]!.digest}`;
    const rules = JSON.stringify(known.state.rules);
    if (!due(pair, everyMs, rules)) return null;
    const at = { seq: deps.position(), at: deps.now(), rules };
    const found = await deployments
      .evidence(name, known, version, against)
      .catch((error: unknown) => ({ comparison: null, unmeasured: String(error) }));
    if (found.comparison !== null) {
      seen.set(pair, at);
      missed.delete(pair);
      return found;
    }
    // Made again with the next look.
    const times = (missed.get(pair) ?? 0) + 1;
    missed.set(pair, times);
    const [model, { unmeasured }] = [modelId(name, version), found];
    if (times === MISSED) deps.log.warn({ model, times, error: unmeasured }, 'a version cannot be watched');
    return { unmeasured, times };
  }

  async function lookAfter(name: string, known: Known): Promise<void> {
    const { state } = known;
    const watched = watchedOf(known, deps.now());
    const shown = watched.at(-1);
    if (!shown) deployments.watching.delete(name);
    else {
      const { version, against, until } = shown;
      deployments.watching.set(name, { id: modelId(name, version), against: modelId(name, against), until });
    }
    for (const each of watched) {
      const found = await look(name, known, each);
      if (found === null) continue;
      const passed = 'times' in found ? [] : tripped(found, state.rules);
      const said = passed.map(({ rule, why, limit }) => `${rule}: ${why}, more than ${limit} while watched`);
      if ('times' in found && each.stage === 'canary' && found.times >= MISSED)
        said.push(`it could not be compared ${found.times} times in a row: ${found.unmeasured}`);
      if (said.length === 0) continue;
      await takeBack(name, each, passed, said.join('; '));
      // Who answers is another one now.
      return;
    }
    if (state.shadow !== null && state.deployed !== null)
      await look(name, known, { version: state.shadow, against: state.deployed, everyMs: BESIDE_MS });
  }

  async function takeBack(name: string, watched: Watched, found: readonly GateResult[], said: string): Promise<void> {
    const done = await registry.carryOut(name, watched.command(found, said.slice(0, 500)), 'system');
    deployments.watching.delete(name);
    if (done.ok && done.value.changed)
      deps.log.warn({ model: modelId(name, watched.version), found: said }, 'a version was taken back');
  }

  async function round(): Promise<void> {
    await attempt('barriers', () => registry.repair());
    await attempt('the registry', async () => {
      for (const [name, known] of await registry.models()) {
        if (stopped) return;
        await attempt(name, () => lookAfter(name, known));
      }
    });
  }

  const timer = setInterval(() => {
    if (stopped || running) return;
    running = round().finally(() => {
      running = null;
    });
  }, TICK_MS);
  timer.unref();

  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      await Promise.race([running, sleep(LAST_LOOK_MS, undefined, { ref: false })]);
    },
  };
}
