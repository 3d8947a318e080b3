// Half an hour at work: events come all the time, nats-server and PostgreSQL are killed in turn, at the end the server too. What is watched is
// memory, lag, and whether predictions are answered.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../bench/benchmark.ts';
import { type Fault, outcome, settings } from './fault.ts';
import { ProgramShop, underWay } from './program-shop.ts';

/** After so many sales the shop sends old ones again: the log goes on growing, the state does not, and memory must not. */
const SALES = 600_000;
/** This part of the time only engines are killed; in the rest the server. */
const ENGINES_ONLY = 0.8;
/** Memory is judged from here on. */
const WARM = 0.4;
const PROBE_MS = 50;
const SAMPLE_MS = 5_000;
/** As long after a kill, lag is the kill's. */
const SHADOW_MS = 15_000;

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024;

/** Least squares. @returns y per unit of x. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const n = points.length;
  const mx = points.reduce((sum, [x]) => sum + x, 0) / n;
  const my = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const above = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return above / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

export const soak: Fault = {
  name: 'soak',
  about: 'half an hour under load: engines killed in turn, then the server; memory, lag, availability of predictions',
  full: settings(30, 3_000, 1_800),
  quick: settings(4, 1_000, 60),
  async run({ rounds, rate, seconds }, progress) {
    await using shop = await ProgramShop.open({ name: 'soak', model: true });
    const batches = SALES / shop.perRequest;
    const producers = shop.produce(rate, (k) => k % batches);
    await underWay(producers);
    const begun = performance.now();
    const end = begun + seconds * 1_000;
    const enginesEnd = begun + seconds * 1_000 * ENGINES_ONLY;
    let struckAt = Number.NEGATIVE_INFINITY;
    const watching = new AbortController();
    const answers = { engines: [0, 0], server: [0, 0] };
    const gaps: number[] = [];
    const lags: number[] = [];
    const memory: [hours: number, server: number, nats: number][] = [];

    const probing = (async () => {
      for (let n = 0; !watching.signal.aborted; n++) {
        const phase = performance.now() < enginesEnd ? answers.engines : answers.server;
        phase[0]!++;
        if ((await shop.predict(n)) !== null) phase[1]!++;
        await sleep(PROBE_MS);
      }
    })();
    const lagging = (async () => {
      for (; !watching.signal.aborted; await sleep(500)) {
        const { lastSeq } = producers;
        const since = performance.now();
        let seen: number | null = null;
        while (!watching.signal.aborted && (seen === null || seen < lastSeq)) seen = await shop.predict(0);
        if (since > struckAt + SHADOW_MS && performance.now() > struckAt + SHADOW_MS)
          lags.push(performance.now() - since);
      }
    })();
    const sampling = (async () => {
      for (; !watching.signal.aborted && performance.now() < enginesEnd; await sleep(SAMPLE_MS)) {
        try {
          const hours = (performance.now() - begun) / 3_600_000;
          memory.push([hours, residentMb(shop.program.child.pid!), residentMb(shop.program.enginePid('nats'))]);
        } catch {
          // It has just been killed.
        }
      }
    })();

    const recoveryMs: number[] = [];
    const lagMs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      await sleep(Math.max(0, begun + (round * seconds * 1_000) / (rounds + 1) - performance.now()));
      struckAt = performance.now();
      const server = struckAt >= enginesEnd;
      const again = producers.acknowledgedAgain();
      if (server) {
        await shop.program.kill();
        await shop.restart();
        while ((await shop.predict(0)) === null) await sleep(10);
        gaps.push(performance.now() - struckAt);
      } else process.kill(shop.program.enginePid(round % 2 === 0 ? 'postgres' : 'nats'), 'SIGKILL');
      await again;
      recoveryMs.push(performance.now() - struckAt);
      await shop.caughtUp(producers.lastSeq);
      lagMs.push(performance.now() - struckAt);
      const [, mb = Number.NaN] = memory.at(-1) ?? [];
      progress(
        `${Math.round((performance.now() - begun) / 1_000)} s: ${server ? 'server' : round % 2 === 0 ? 'postgres' : 'nats'} killed, ` +
          `${Math.round(recoveryMs.at(-1)!)} ms to the next acknowledgement, ${Math.round(lagMs.at(-1)!)} ms to no lag; ` +
          `server ${Math.round(mb)} MB, predictions ${answers.engines[1]} of ${answers.engines[0]}`,
      );
    }
    await sleep(Math.max(0, end - performance.now()));
    watching.abort();
    await Promise.all([probing, lagging, sampling]);
    await producers.finish();

    const sent = Math.min(producers.handed, batches) * shop.perRequest;
    progress(`judging ${sent} sales, sent as ${producers.handed * shop.perRequest}`);
    const verdict = await shop.judged(sent);
    const warm = memory.filter(([hours]) => hours * 3_600 > seconds * WARM);
    const availability = ([asked, answered]: number[]) => `${((100 * answered!) / asked!).toFixed(3)} % of ${asked}`;
    const notes = [
      `${Math.round((producers.handed * shop.perRequest) / seconds)} events/s acknowledged`,
      `predictions answered while engines were killed: ${availability(answers.engines)}`,
      `… while the server was killed: ${availability(answers.server)}, gaps ${gaps.map((ms) => `${(ms / 1_000).toFixed(1)} s`).join(', ')}`,
      `lag of predictions p50 ${Math.round(quantile(lags, 0.5))} ms, p99 ${Math.round(quantile(lags, 0.99))} ms (${lags.length} times, outside outages)`,
      `server ${Math.round(warm[0]?.[1] ?? Number.NaN)} → ${Math.round(warm.at(-1)?.[1] ?? Number.NaN)} MB, ${slope(warm.map(([x, y]) => [x, y])).toFixed(1)} MB/h`,
      `nats-server ${Math.round(warm.at(-1)?.[2] ?? Number.NaN)} MB`,
    ];
    return [outcome('', rounds, verdict, { recoveryMs, lagMs, notes: [...notes, ...shop.silence] })];
  },
};
