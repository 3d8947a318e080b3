// Looks after the versions that are not beyond doubt yet. What is in shadow or canary is scored beside the active version, once a minute at most and
// only when something has moved. A canary, and for ten minutes a version that has just become active, is watched against the one that answers
// (answered) instead, for ten minutes after its step every two seconds, and taken back when it passes what a rule allows while watched. What it did
// is an event with its reason.
import { setTimeout as sleep } from 'node:timers/promises';
import { tripped } from '#domain/deployment-gates.ts';
import type { GateResult } from '#domain/deployment-rules.ts';
import type { ModelCommand } from '#domain/model.ts';
import { type DeploymentService, WATCH_MS } from './deployments.ts';
import { type Known, modelId, type Registry } from './registry.ts';

export interface DeploymentWatchDeps {
  registry: Pick<Registry, 'models' | 'carryOut'>;
  deployments: DeploymentService;
  /** End of the log as the columns hold it. */
  position: () => number;
  now: () => number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

const TICK_MS = 2_000;
const BESIDE_MS = 60_000;
/** What a stop waits for the look under way. */
const LAST_LOOK_MS = 2_000;

interface Watched {
  version: number;
  against: number;
  until: number;
  /** Looked at so often, when something has moved. */
  everyMs: number;
  command(found: readonly GateResult[], reason: string): ModelCommand;
}

/** The version of the model that is watched now; null: none. */
function watchedOf({ state, records }: Known, now: number): Watched | null {
  const { canary, deployed, past } = state;
  if (deployed === null) return null;
  const of = (types: readonly string[], version: number): number =>
    records.findLast(
      ({ event }) => types.includes(event.type) && (event.data as { version?: number }).version === version,
    )?.at ?? 0;
  if (canary) {
    const closely = of(['model.canaried'], canary.version) + WATCH_MS;
    return {
      version: canary.version,
      against: deployed,
      until: Math.max(now, closely),
      everyMs: now < closely ? TICK_MS : BESIDE_MS,
      command: (gates, reason) => ({ type: 'WithdrawModel', version: canary.version, reason, automatic: true, gates }),
    };
  }
  const last = records.findLast(({ event }) => event.type === 'model.deployed' || event.type === 'model.rolled-back');
  const before = past.findLast((each) => !state.versions[each - 1]!.retired);
  // What was gone back to has answered before.
  if (last?.event.type !== 'model.deployed' || before === undefined || last.at + WATCH_MS <= now) return null;
  return {
    version: deployed,
    against: before,
    until: last.at + WATCH_MS,
    everyMs: TICK_MS,
    command: (gates, reason) => ({ type: 'RollbackModel', from: deployed, to: before, reason, automatic: true, gates }),
  };
}

export function watchDeployments(deps: DeploymentWatchDeps): AsyncDisposable {
  const { registry, deployments } = deps;
  let stopped = false;
  let running: Promise<void> | null = null;
  let failing = false;
  /** By pair: the position it was last looked at. */
  const seen = new Map<string, { seq: number; at: number }>();

  const due = (pair: string, everyMs: number): boolean => {
    const last = seen.get(pair);
    return !last || (last.seq !== deps.position() && deps.now() - last.at >= everyMs);
  };
  async function look(name: string, known: Known, version: number, against: number, everyMs: number) {
    const { versions } = known.state;
    const pair = `${name} ${versions[version - 1]!.digest} ${versions[against - 1]!.digest}`;
    if (!due(pair, everyMs)) return null;
    const at = { seq: deps.position(), at: deps.now() };
    const found = await deployments.evidence(name, known, version, against);
    // One that could not be made is made again with the next look.
    if (found.comparison !== null) seen.set(pair, at);
    return found;
  }

  async function round(): Promise<void> {
    for (const [name, known] of await registry.models()) {
      if (stopped) return;
      const { state } = known;
      const watched = watchedOf(known, deps.now());
      if (watched === null) deployments.watching.delete(name);
      else {
        const { version, against, until, everyMs } = watched;
        const [id, other] = [modelId(name, version), modelId(name, against)];
        deployments.watching.set(name, { id, against: other, until });
        const found = await look(name, known, version, against, everyMs);
        const passed = found === null ? [] : tripped(found, state.rules);
        if (passed.length > 0) await takeBack(name, id, watched, passed);
      }
      if (state.shadow !== null && state.deployed !== null)
        await look(name, known, state.shadow, state.deployed, BESIDE_MS);
    }
  }

  async function takeBack(name: string, id: string, watched: Watched, found: readonly GateResult[]): Promise<void> {
    const said = found.map(({ rule, why, limit }) => `${rule}: ${why}, more than ${limit} while watched`).join('; ');
    const done = await registry.carryOut(name, watched.command(found, said.slice(0, 500)), 'system');
    deployments.watching.delete(name);
    if (done.ok && done.value.changed) deps.log.warn({ model: id, found: said }, 'a version was taken back');
  }

  const timer = setInterval(() => {
    if (stopped || running) return;
    running = round()
      .then(() => {
        failing = false;
      })
      .catch((error: unknown) => {
        // Tried again with the next tick; said once.
        if (!failing) deps.log.warn({ error: String(error) }, 'versions are not watched');
        failing = true;
      })
      .finally(() => {
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
