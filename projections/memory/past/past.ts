// The thread of the past, without the thread: keeps the event index as the fold feeds it, makes it again where it is missing, and answers for earlier
// positions: some customers from the index, everybody from the nearest snapshot. While the index is not whole, everybody is folded for anybody.
import { hash } from 'node:crypto';
import type { EventStore } from '#streams/event-store.ts';
import { type Columns, openColumns } from '../columns.ts';
import { dayOfEvent, LATEST_AT, type Ledger, type LedgerOptions } from '../ledger.ts';
import { readRecorded } from '../replay-parked.ts';
import type { SnapshotLog } from '../snapshot.ts';
import { trainingStatistics } from '../training-statistics.ts';
import { customersAt, IndexWrong, zoneOf } from './customers.ts';
import { type EventIndex, openEventIndex } from './event-index.ts';
import { everybodyAt } from './everybody.ts';
import { createFolds } from './folds.ts';
import type { Beginning, PastCustomers, PastHandlers } from './protocol.ts';
import type { Chunk } from './recorder.ts';
import { summaryOf } from './summary.ts';

export interface PastDeps {
  store: Pick<EventStore, 'get' | 'read' | 'lastSequence'>;
  indexDir: string;
  snapshotDir: string;
  ledger: LedgerOptions;
  log: SnapshotLog;
  tailPostings?: number;
}

export interface Past {
  handlers: PastHandlers;
  /** What the fold tells. */
  begin(beginning: Beginning): void;
  add(chunk: Chunk): void;
  flush(): Promise<void>;
}

const ARRIVES_MS = 1_000;

export async function startPast(deps: PastDeps): Promise<Past> {
  const { store, log } = deps;
  /** As the fold last said. */
  const stuck = new Map<string, number>();
  const options: LedgerOptions = { ...deps.ledger, stuck };
  const last = () => store.lastSequence('EVT');
  const index: EventIndex = await openEventIndex({
    dir: deps.indexDir,
    log,
    ...(deps.tailPostings !== undefined && { tailPostings: deps.tailPostings }),
    async messageSha256(seq) {
      if (seq > (await last())) return null;
      const [message] = await store.get('EVT', [seq]);
      return hash('sha256', message!.bytes, 'hex');
    },
  });
  let columns: Columns | null = null;
  let stopped = false;
  /** Chunks that wait until the index reaches them. */
  let waiting: Chunk[] = [];
  /** Where the fold's own chunks begin; the index is made by ourselves up to there. */
  let fed: number | null = null;
  let zone = 0;
  let making: Promise<void> | null = null;
  /** It could not be made: nothing is remembered any more. */
  let broken = false;
  let awaited: { seq: number; resolve: () => void }[] = [];
  const folds = createFolds({ store, snapshotDir: deps.snapshotDir, ledger: options, log });
  const { everybody } = folds;

  /** Fills what is missing between the index and what the fold tells, from a fold of our own. */
  async function make(): Promise<void> {
    const to = waiting[0] ? waiting[0].from - 1 : fed!;
    if (index.to < to) {
      log.info({ from: index.to + 1, to }, 'event index is made from the log');
      await everybodyAt(store, to, {
        ledger: options,
        snapshotDir: deps.snapshotDir,
        log,
        startBy: index.to,
        record(chunk) {
          if (stopped) throw new Error('stopped');
          index.add(chunk);
        },
      });
    }
    const drain = () => {
      for (const chunk of waiting.splice(0)) index.add(chunk);
    };
    drain();
    await index.flush();
    // What came meanwhile.
    drain();
    log.info({ seq: index.to, events: index.postings, bytes: index.bytes }, 'event index is whole');
  }
  function makeAgain(): void {
    making ??= make()
      .catch((error: Error) => {
        broken = true;
        waiting = [];
        if (!stopped) log.warn({ reason: error.message }, 'event index cannot be made; the past is folded in full');
      })
      .finally(() => {
        making = null;
      });
  }
  /** Has the fold's word of the position come? It is on its way when the columns show it already. */
  async function usable(seq: number): Promise<boolean> {
    const whole = () => columns !== null && fed !== null && making === null && !broken;
    if (!whole() || index.to >= seq) return whole();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ARRIVES_MS);
      awaited.push({
        seq,
        resolve() {
          clearTimeout(timer);
          resolve();
        },
      });
    });
    return whole() && index.to >= seq;
  }

  async function givenUp(error: Error): Promise<void> {
    log.warn({ reason: error.message }, 'event index is damaged; it is made again');
    fed = Math.max(fed ?? 0, index.to);
    await index.reset(zone);
    makeAgain();
  }
  /** By the index, if it can; null: not by it. */
  async function byIndex<T>(seq: number, work: () => Promise<T | null>): Promise<T | null> {
    if (!(await usable(seq))) return null;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof IndexWrong) && (error as { code?: string }).code !== 'snapshot-damaged') throw error;
      await givenUp(error as Error);
      return null;
    }
  }

  const answer = (ledger: Ledger, sids: Uint8Array[], moneyOf: number): PastCustomers => ({
    customers: sids.map((sid) => {
      const entries = ledger.entries(sid);
      return entries && { entries, flags: ledger.flags(sid) };
    }),
    moneyOf,
  });

  async function clockByIndex(seq: number): Promise<{ clockAt: number; clockDay: number } | null> {
    // The days of its clock are those of one zone only.
    const asked = zoneOf(index.facts(seq));
    if ((asked?.version ?? 0) !== index.zone) return null;
    const step = index.stepBefore(seq);
    if (step === null) return null;
    let { clockAt, clockDay } = step;
    const between = Array.from({ length: seq - step.seq }, (_, i) => step.seq + 1 + i);
    for (const record of await store.get('EVT', between)) {
      const message = await readRecorded(store, record, { stuck });
      if (message?.kind !== 'pack') continue;
      for (let i = 0; i < message.pack.count; i++) {
        const at = message.pack.at(i);
        if (at <= LATEST_AT) clockAt = Math.max(clockAt, at);
        clockDay = Math.max(clockDay, dayOfEvent(message.pack, i, at, asked));
      }
    }
    return { clockAt, clockDay };
  }

  const handlers: PastHandlers = {
    open(handle) {
      columns = openColumns(handle);
    },
    async customers(sids, seq) {
      const { reportingCurrency = 'EUR' } = deps.ledger;
      const found = await byIndex(seq, () =>
        customersAt({ store, index, rowOf: (sid) => columns!.ownRowOf(sid), reportingCurrency, stuck }, sids, seq),
      );
      // Rates at every position between two facts are the same ones; what was folded from a snapshot does not know which fact it was.
      return found ? answer(found, sids, found.workspace.ratesAt) : answer((await everybody(seq)).ledger, sids, -seq);
    },
    async money(seq) {
      const { reportingCurrency = 'EUR' } = deps.ledger;
      const found = await byIndex(seq, () =>
        customersAt({ store, index, rowOf: () => -1, reportingCurrency, stuck }, [], seq),
      );
      const { facts } = (found ?? (await everybody(seq)).ledger).workspace;
      return { reportingCurrency: facts.reportingCurrency, rates: facts.rates };
    },
    async clockAt(seq) {
      const found = await byIndex(seq, () => clockByIndex(seq));
      if (found) return found;
      const { clockAt, clockDay } = (await everybody(seq)).ledger;
      return { clockAt, clockDay };
    },
    async statistics(seq, day) {
      return trainingStatistics((await everybody(seq)).ledger, day);
    },
    async summary(seq, day) {
      const start = performance.now();
      const { ledger, from } = await everybody(seq);
      return { ...summaryOf(ledger, day ?? ledger.clockDay), from, ms: performance.now() - start };
    },
    status: () => ({
      indexed: index.to,
      making: making === null ? null : (waiting[0]?.from ?? (fed ?? 0) + 1) - 1,
      postings: index.postings,
      segments: index.segments,
      bytes: index.bytes,
      folding: folds.folding(),
    }),
    async stop() {
      stopped = true;
      await folds.stop();
      await making;
      await index.flush().catch(() => {}); // said in the log
      await index[Symbol.asyncDispose]();
    },
  };

  /** Whether the index can go on where the fold begins is known when it has been emptied or not. */
  let ready: Promise<void> = Promise.resolve();
  return {
    handlers,
    begin(beginning) {
      stuck.clear();
      for (const [place, end] of beginning.stuck) stuck.set(place, end);
      zone = beginning.zone;
      const again = beginning.seq === 0 || beginning.replayed || beginning.zone !== index.zone;
      ready = ready.then(async () => {
        await making;
        waiting = [];
        if (again && (index.to > 0 || index.zone !== zone)) await index.reset(zone);
        fed = beginning.seq;
        if (index.to < beginning.seq) makeAgain();
      });
    },
    add(chunk) {
      ready = ready.then(() => {
        if (broken) return;
        if (making !== null || chunk.from > index.to + 1) {
          waiting.push(chunk);
          makeAgain();
          return;
        }
        index.add(chunk);
        const here = awaited.filter((each) => each.seq <= index.to);
        awaited = awaited.filter((each) => each.seq > index.to);
        for (const each of here) each.resolve();
      });
    },
    async flush() {
      await ready;
      if (making === null) await index.flush();
    },
  };
}
