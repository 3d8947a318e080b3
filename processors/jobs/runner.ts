// Does jobs one after the other, in the background. The log says what is to be done: what it calls queued is taken up, what it calls running at a
// start was left by a process that died, and is taken up again from its last finished step; one that stops in good order releases what it does.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { job as decider, type Job, type JobCommand, type JobReason, MOST_TRIES } from '#domain/job.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { handle, loadAll } from '#streams/control.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import type { JobRefusal, JobWork } from './kind.ts';

export interface JobRunnerDeps {
  store: EventStore;
  kinds: readonly JobWork[];
  artefacts: {
    put(value: unknown): Promise<string>;
    /** Brings those that are missing here from where they are kept besides. */
    bring(digests: Iterable<string>): Promise<unknown>;
    get(digest: string): unknown;
  };
  now: () => number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface JobProgress {
  done: number;
  total: number;
  note: string;
}
export interface JobView extends Job {
  id: string;
  /** Of the attempt that is running in this process; null otherwise. */
  progress: JobProgress | null;
  /** Lines of this process's attempts; an earlier process's are gone. */
  lines: readonly { at: number; text: string }[];
}

interface Live {
  state: Job;
  progress: JobProgress | null;
  lines: { at: number; text: string }[];
}

const LINES_KEPT = 200;
const STORE_AGAIN_MS = 1_000;
/** Whoever watches is told of progress this often at most. */
const TELL_MS = 100;

/** One id a key, kind and asker; a new one without a key. The key itself may say anything and is not kept. */
const idOf = (by: string, kind: string, key: string | null): string =>
  key === null
    ? randomUUID().replaceAll('-', '')
    : createHash('sha256').update(`${by}\0${kind}\0${key}`).digest('hex').slice(0, 32);

export async function startJobs({ store, kinds, artefacts, now, log }: JobRunnerDeps) {
  const jobs = new Map<string, Live>();
  const queue: string[] = [];
  const listeners = new Set<(id: string) => void>();
  let running: { id: string; abort: AbortController } | null = null;
  let stopping = false;
  let working: Promise<void> = Promise.resolve();

  const tell = (id: string) => {
    for (const listener of listeners) listener(id);
  };
  const viewOf = (id: string, { state, progress, lines }: Live): JobView => ({ ...state, id, progress, lines });

  async function command(id: string, asked: JobCommand, actor: string): Promise<Result<Live, JobReason>> {
    const answer = await handle(store, decider, id, asked, { actor, now: now() });
    if (!answer.ok) return answer;
    const live = jobs.get(id) ?? { state: answer.value.state!, progress: null, lines: [] };
    live.state = answer.value.state!;
    jobs.set(id, live);
    if (answer.value.events.length > 0) tell(id);
    return ok(live);
  }
  /** What the runner has to say must be said: a store that is away is waited for. */
  async function say(id: string, said: JobCommand): Promise<Result<Live, JobReason>> {
    for (;;)
      try {
        return await command(id, said, 'system');
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || stopping) throw error;
        await sleep(STORE_AGAIN_MS);
      }
  }

  function enqueue(id: string): void {
    if (stopping || queue.includes(id)) return;
    queue.push(id);
    if (running === null && queue.length === 1) working = working.then(work);
  }
  async function work(): Promise<void> {
    for (let id = queue[0]; id !== undefined && !stopping; id = queue[0]) {
      const abort = new AbortController();
      running = { id, abort };
      queue.shift();
      try {
        await attempt(id, abort.signal);
      } catch (error) {
        log.warn({ job: id, error: String(error) }, 'a job is left as it is; the next start takes it up');
      }
      running = null;
    }
  }

  async function attempt(id: string, signal: AbortSignal): Promise<void> {
    const live = jobs.get(id)!;
    const number = live.state.attempt + 1;
    const started = await say(id, { type: 'StartJob', attempt: number, at: now() });
    // Cancelled while it waited.
    if (!started.ok) return;
    const begun = now();
    log.info({ job: id, kind: live.state.kind, attempt: number }, 'job started');
    const said = await outcome(id, live, number, signal);
    live.progress = null;
    if (signal.aborted || said === null) {
      // Cancelled: the log says so already. Stopping: the next start goes on, and this attempt does not count as a death.
      if (stopping && live.state.status === 'running')
        await say(id, { type: 'ReleaseJob', attempt: number, at: now() });
      return tell(id);
    }
    const ended = await say(id, said);
    const { status, failure, kind } = live.state;
    log.info({ job: id, kind, status, ms: now() - begun, ...(failure && { reason: failure.reason }) }, 'job ended');
    if (!ended.ok) log.warn({ job: id, reason: ended.reason }, 'the end of a job was not wanted any more');
  }

  async function outcome(id: string, live: Live, number: number, signal: AbortSignal): Promise<JobCommand | null> {
    const { kind, params, by } = live.state;
    let toldAt = 0;
    const fail = (reason: 'refused' | 'error', why: JobRefusal): JobCommand => ({
      type: 'FailJob',
      attempt: number,
      reason,
      ...(typeof why === 'string' ? { message: why } : { code: why.code, message: why.message }),
      at: now(),
    });
    const work = kinds.find(({ name }) => name === kind);
    if (!work) return fail('error', `this program knows no jobs of kind ${kind}: it was asked of another version`);
    try {
      await artefacts.bring(live.state.steps.map(({ output }) => output));
      const steps = new Map(live.state.steps.map(({ step, output }) => [step, artefacts.get(output)]));
      const result = await work.run({
        id,
        by,
        params,
        steps,
        signal,
        async finishStep(step, output) {
          signal.throwIfAborted();
          const digest = await artefacts.put(output);
          const kept = await say(id, { type: 'FinishStep', attempt: number, step, output: digest, at: now() });
          if (!kept.ok) throw new Error(`step ${step} was not wanted any more (${kept.reason})`);
          steps.set(step, output);
        },
        progress(done, total, note) {
          const other = live.progress?.note !== note;
          live.progress = { done, total, note };
          if (!other && now() - toldAt < TELL_MS) return;
          toldAt = now();
          tell(id);
        },
        log(text) {
          live.lines.push({ at: now(), text });
          if (live.lines.length > LINES_KEPT) live.lines.shift();
          tell(id);
        },
      });
      if (!result.ok) return fail('refused', result.reason);
      return { type: 'SucceedJob', attempt: number, result: await artefacts.put(result.value), at: now() };
    } catch (error) {
      if (signal.aborted) return null;
      log.warn({ job: id, kind, error: error instanceof Error ? error.stack : String(error) }, 'a job failed');
      return fail('error', error instanceof Error ? error.message : String(error));
    }
  }

  for (const [id, { state }] of await loadAll(store, decider))
    if (state !== null) jobs.set(id, { state, progress: null, lines: [] });
  const left: string[] = [];
  const byAge = [...jobs].sort(([, a], [, b]) => a.state.requestedAt - b.state.requestedAt);
  for (const [id, { state }] of byAge) {
    if (state.status === 'running' && state.tries >= MOST_TRIES)
      await say(id, {
        type: 'FailJob',
        attempt: state.attempt,
        reason: 'interrupted',
        message: `the server died ${MOST_TRIES} times while it ran; look at its log, then retry`,
        at: now(),
      });
    else if (state.status === 'queued' || state.status === 'running') left.push(id);
  }
  // Taken up when the caller has what this returns: a job may ask for its runner.
  working = new Promise((resolve) => setImmediate(resolve));
  for (const id of left) enqueue(id);

  return {
    /** The same key with the same params is the same job. */
    async request(
      kind: string,
      params: Record<string, unknown>,
      key: string | null,
      by: string,
    ): Promise<Result<{ job: JobView; existing: boolean }, JobReason>> {
      const id = idOf(by, kind, key);
      const existing = jobs.has(id);
      const asked = { type: 'RequestJob', kind, params, by, at: now() } as JobCommand;
      const answer = await command(id, asked, by);
      if (!answer.ok) return answer;
      if (answer.value.state.status === 'queued') enqueue(id);
      return ok({ job: viewOf(id, answer.value), existing });
    },
    /** Newest first; of two that were asked for in one millisecond the one that came later. */
    list: (): JobView[] =>
      [...jobs]
        .reverse()
        .map(([id, live]) => viewOf(id, live))
        .sort((a, b) => b.requestedAt - a.requestedAt),
    show(id: string): JobView | null {
      const live = jobs.get(id);
      return live ? viewOf(id, live) : null;
    },
    /** Of a job that succeeded; null before. @throws Error when its artefact is missing. */
    async result(id: string): Promise<unknown> {
      const digest = jobs.get(id)?.state.result ?? null;
      if (digest === null) return null;
      await artefacts.bring([digest]);
      return artefacts.get(digest);
    },
    async cancel(id: string, by: string): Promise<Result<JobView, JobReason>> {
      if (!jobs.has(id)) return refuse('job-unknown');
      const answer = await command(id, { type: 'CancelJob', at: now() }, by);
      if (!answer.ok) return answer;
      if (running?.id === id) running.abort.abort();
      const waiting = queue.indexOf(id);
      if (waiting >= 0) queue.splice(waiting, 1);
      return ok(viewOf(id, answer.value));
    },
    /** Once more, from its last finished step. */
    async retry(id: string, by: string): Promise<Result<JobView, JobReason>> {
      const live = jobs.get(id);
      if (!live) return refuse('job-unknown');
      const answer = await command(id, { type: 'RetryJob', after: live.state.attempt, at: now() }, by);
      if (!answer.ok) return answer;
      enqueue(id);
      return ok(viewOf(id, answer.value));
    },
    /** Told the id of a job whenever something of it changes. */
    listen(listener: (id: string) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Resolves when nothing waits and nothing runs. */
    async idle(): Promise<void> {
      while (running !== null || queue.length > 0) await working;
    },
    /** What runs is released: the next start goes on with it. */
    async [Symbol.asyncDispose](): Promise<void> {
      stopping = true;
      (running as { abort: AbortController } | null)?.abort.abort();
      await working;
    },
  };
}
