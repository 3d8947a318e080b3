// Asks for jobs at their moments. The log holds the schedules and which moment ran last; a job's idempotency key is schedule and moment, so that neither a
// process that died between asking and saying so, nor a second one beside, runs a moment twice. Of moments that passed while nobody looked, the latest
// is run, once, and the run says how many were missed.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ok, type Result, refuse } from '#domain/result.ts';
import { schedule as decider, type Schedule, type ScheduleCommand, type ScheduleReason } from '#domain/schedule.ts';
import { handle, loadAll } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';
import { type CronProblem, type Moments, momentsOf } from './cron.ts';

export interface ScheduleView extends Schedule {
  id: string;
  /** ms, ascending; none while it is paused. */
  next: number[];
}

interface AskedJob {
  id: string;
  status: string;
}
export interface SchedulerDeps {
  store: EventStore;
  /** Asks for a job, once a key; refuses in words what these data cannot answer now. */
  ask(
    kind: string,
    params: Readonly<Record<string, unknown>>,
    key: string | null,
    by: string,
  ): Promise<Result<AskedJob, string>>;
  /** Why whoever it runs for may not ask for its job any more; null: they may. Rejects while nobody can say. */
  lacks(of: Schedule): Promise<string | null>;
  /** Of a job asked for before; null: there is none. */
  statusOf(job: string): string | null;
  now: () => number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** ms between two looks at the clock; null: only `look` looks. */
  everyMs?: number | null;
}

const LOOK_MS = 1_000;
const SHOWN = 5;
/** More missed moments than this are not counted one by one. */
const MOST_MISSED = 1_000;

interface Live {
  state: Schedule;
  /** CTL sequence up to which its stream is in `state`: no run reads it from its beginning. */
  seq: number;
  /** Null: this program cannot read its plan; it can be paused and removed. */
  moments: Moments | null;
  /** The next moment, ms: nothing is done before. */
  due: number | null;
}

export async function startScheduler({ store, ask, lacks, statusOf, now, log, everyMs = LOOK_MS }: SchedulerDeps) {
  /** Without those that were removed. */
  const live = new Map<string, Live>();
  let looking: Promise<void> | null = null;
  /** Schedules whose failure was said. */
  const failing = new Set<string>();

  function hold(id: string, state: Schedule, seq: number): Live {
    if (state.status === 'removed') {
      live.delete(id);
      failing.delete(id);
      return { state, seq, moments: null, due: null };
    }
    const read = momentsOf(state.cron, state.zone);
    if (!read.ok) log.warn({ schedule: id, reason: read.reason.message }, 'a schedule cannot be read by this program');
    const moments = read.ok ? read.value : null;
    const each = { state, seq, moments, due: moments?.next(state.since) ?? null };
    live.set(id, each);
    return each;
  }
  for (const [id, { state, seq }] of await loadAll(store, decider)) if (state !== null) hold(id, state, seq);

  function comingOf(moments: Moments): number[] {
    const next: number[] = [];
    for (let at = moments.next(now()); at !== null && next.length < SHOWN; at = moments.next(at)) next.push(at);
    return next;
  }
  const viewOf = (id: string, { state, moments }: Live): ScheduleView => {
    const next = state.status === 'active' && moments ? comingOf(moments) : [];
    return { ...state, id, next };
  };
  async function command(id: string, asked: ScheduleCommand, actor: string): Promise<Result<Live, ScheduleReason>> {
    const known = live.get(id);
    const answer = await handle(store, decider, id, asked, { actor, now: now() }, known);
    if (!answer.ok) return answer;
    const { seq } = answer.value;
    const state = answer.value.state!;
    if (known === undefined || state.status === 'removed') return ok(hold(id, state, seq));
    // Of two commands at once the later one knows more.
    if (seq < known.seq) return ok(known);
    known.state = state;
    known.seq = seq;
    known.due = known.moments?.next(state.since) ?? null;
    return ok(known);
  }

  /** Params that an older program took and this one does not are a refusal of that moment, not a failure to try again. */
  async function askOrRefuse({ kind, params }: Schedule, key: string | null, by: string) {
    try {
      return await ask(kind, params, key, by);
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      const [issue] = error.issues;
      return refuse(
        `params are not what a ${kind} is asked with now (${issue?.path.join('.')}: ${issue?.message}): remove this schedule and plan it anew`,
      );
    }
  }

  /** The moment that is due, if there is one. */
  async function runDue(id: string, each: Live): Promise<void> {
    const { state, moments, due } = each;
    if (state.status !== 'active' || moments === null || due === null || due > now()) return;
    const reason = await lacks(state);
    if (reason !== null) {
      await command(id, { type: 'PauseSchedule', at: now(), reason }, 'system');
      log.warn({ schedule: id, reason }, 'a schedule was paused');
      return;
    }
    const planned = moments.latest(now()) ?? due;
    const missed = moments.count(state.since, planned, MOST_MISSED + 1) - 1;
    const before = state.lastJob;
    const going = before !== null && ['queued', 'running'].includes(statusOf(before) ?? '');
    const asked = going
      ? ({ ok: false, reason: `the job of the run before (${before}) is not over yet` } as const)
      : await askOrRefuse(state, `schedule ${id} ${planned}`, byOf(id));
    const job = asked.ok ? asked.value.id : null;
    const refused = asked.ok ? null : asked.reason;
    const run = { planned, job, refused, missed, at: now() };
    const said = await command(id, { type: 'RunSchedule', ...run }, 'system');
    if (!said.ok) log.warn({ schedule: id, reason: said.reason }, 'a run was not wanted any more');
    else log.info({ schedule: id, job, missed, ...(refused && { refused }) }, 'a scheduled job was asked for');
  }
  /** Whatever is due is asked for; one look at a time. */
  function look(): Promise<void> {
    looking ??= (async () => {
      for (const [id, each] of live)
        try {
          await runDue(id, each);
          failing.delete(id);
        } catch (error) {
          // Tried again at the next look; said once. The others go on.
          if (!failing.has(id)) log.warn({ schedule: id, error: String(error) }, 'a scheduled job cannot be asked for');
          failing.add(id);
        }
    })().finally(() => {
      looking = null;
    });
    return looking;
  }
  const timer = everyMs === null ? null : setInterval(() => void look(), everyMs);

  return {
    look,
    nextOf(cron: string, zone: string): Result<number[], CronProblem> {
      const read = momentsOf(cron, zone);
      return read.ok ? ok(comingOf(read.value)) : read;
    },
    list: (): ScheduleView[] =>
      [...live].map(([id, each]) => viewOf(id, each)).sort((a, b) => a.createdAt - b.createdAt),
    show(id: string): ScheduleView | null {
      const each = live.get(id);
      return each ? viewOf(id, each) : null;
    },
    async create(
      wanted: Pick<Schedule, 'cron' | 'zone' | 'kind' | 'params'>,
      by: string,
    ): Promise<Result<ScheduleView, CronProblem>> {
      const moments = momentsOf(wanted.cron, wanted.zone);
      if (!moments.ok) return moments;
      const id = randomUUID().replaceAll('-', '');
      const made = await command(id, { type: 'CreateSchedule', ...wanted, by, at: now() } as ScheduleCommand, by);
      if (!made.ok) throw new Error(`a new schedule was refused: ${made.reason}`);
      return ok(viewOf(id, made.value));
    },
    async change(
      id: string,
      type: 'PauseSchedule' | 'ResumeSchedule' | 'RemoveSchedule',
      by: string,
    ): Promise<Result<ScheduleView, ScheduleReason>> {
      const answer = await command(id, type === 'ResumeSchedule' ? { type, at: now(), by } : { type, at: now() }, by);
      return answer.ok ? ok(viewOf(id, answer.value)) : answer;
    },
    /** Its job at once, beside the plan. */
    run: (id: string, by: string): Promise<Result<AskedJob, string>> => {
      return askOrRefuse(live.get(id)!.state, null, by);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      if (timer !== null) clearInterval(timer);
      await looking;
    },
  };
}

const byOf = (id: string): string => `schedule:${id}`;
