// A job to be asked for again and again, at moments a cron expression names in a time zone, as a stream of events: made, paused, resumed, removed, and
// each moment it was asked for. A moment counts once: whoever else says it ran then, or before it, changes nothing.
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result, refuse } from './result.ts';

/** ms. */
const at = z.number();

export const events = {
  'schedule.created': {
    version: 1,
    data: z.object({
      /** Five fields: minute, hour, day of month, month, day of week. */
      cron: z.string().min(1).max(100),
      /** IANA. */
      zone: z.string().min(1).max(64),
      /** Of job. */
      kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
      /** What each job is asked with; no personal data. */
      params: z.record(z.string(), z.json()),
      /** A user's or key's id, or 'cli'. */
      by: z.string(),
      at,
    }),
  },
  /** With a reason where the program did it by itself. */
  'schedule.paused': { version: 1, data: z.object({ at, reason: z.string().optional() }) },
  /** From here on it asks with the rights of whoever resumed it. */
  'schedule.resumed': { version: 1, data: z.object({ at, by: z.string().optional() }) },
  'schedule.removed': { version: 1, data: z.object({ at }) },
  'schedule.ran': {
    version: 1,
    data: z.object({
      /** The moment of the plan, ms. */
      planned: at,
      /** Null: none was asked for, and `refused` says why. */
      job: z.string().nullable(),
      refused: z.string().nullable(),
      /** Planned moments before this one that passed without a run: the server was off. */
      missed: z.int().min(0),
      at,
    }),
  },
} as const;
export type ScheduleEvent = EventOf<typeof events>;

export type ScheduleRun = z.infer<(typeof events)['schedule.ran']['data']>;
export interface Schedule {
  cron: string;
  zone: string;
  kind: string;
  params: Readonly<Record<string, unknown>>;
  by: string;
  /** With whose rights it asks: its maker's, or of who resumed it last. */
  onBehalfOf: string;
  status: 'active' | 'paused' | 'removed';
  /** Why the program paused it; null: somebody did, or it is not paused. */
  pausedFor: string | null;
  createdAt: number;
  /** Moments up to here are over: it was made then, resumed, or ran. */
  since: number;
  last: ScheduleRun | null;
  /** The latest job that was asked for. */
  lastJob: string | null;
}

export type ScheduleCommand =
  | ({ type: 'CreateSchedule' } & z.infer<(typeof events)['schedule.created']['data']>)
  | { type: 'PauseSchedule'; at: number; reason?: string }
  | { type: 'ResumeSchedule'; at: number; by: string }
  | { type: 'RemoveSchedule'; at: number }
  | ({ type: 'RunSchedule' } & ScheduleRun);
export type ScheduleReason = 'schedule-unknown' | 'schedule-exists' | 'schedule-not-active';

function evolve(state: Schedule | null, event: ScheduleEvent): Schedule | null {
  if (event.type === 'schedule.created') {
    const { at: createdAt, ...told } = event.data;
    const { by: onBehalfOf } = told;
    return {
      ...told,
      onBehalfOf,
      status: 'active',
      pausedFor: null,
      createdAt,
      since: createdAt,
      last: null,
      lastJob: null,
    };
  }
  if (state === null) throw new RangeError(`${event.type} of a schedule that nobody made`);
  switch (event.type) {
    case 'schedule.paused':
      return { ...state, status: 'paused', pausedFor: event.data.reason ?? null };
    case 'schedule.resumed':
      // What the pause left out is not made up for.
      return {
        ...state,
        status: 'active',
        pausedFor: null,
        since: event.data.at,
        onBehalfOf: event.data.by ?? state.onBehalfOf,
      };
    case 'schedule.removed':
      return { ...state, status: 'removed' };
    case 'schedule.ran':
      return { ...state, since: event.data.planned, last: event.data, lastJob: event.data.job ?? state.lastJob };
  }
}

function decide(command: ScheduleCommand, state: Schedule | null): Result<ScheduleEvent[], ScheduleReason> {
  if (command.type === 'CreateSchedule') {
    const { type: _, ...data } = command;
    if (state === null) return ok([{ type: 'schedule.created', data }]);
    const { cron, zone, kind, params, by, createdAt: at } = state;
    const same = canonicalJson({ cron, zone, kind, params, by, at }) === canonicalJson(data);
    return same ? ok([]) : refuse('schedule-exists');
  }
  if (state === null) return refuse('schedule-unknown');
  const { at } = command;
  switch (command.type) {
    case 'PauseSchedule':
      if (state.status === 'removed') return refuse('schedule-not-active');
      if (state.status === 'paused') return ok([]);
      return ok([
        { type: 'schedule.paused', data: { at, ...(command.reason !== undefined && { reason: command.reason }) } },
      ]);
    case 'ResumeSchedule':
      if (state.status === 'removed') return refuse('schedule-not-active');
      return ok(state.status === 'active' ? [] : [{ type: 'schedule.resumed', data: { at, by: command.by } }]);
    case 'RemoveSchedule':
      return ok(state.status === 'removed' ? [] : [{ type: 'schedule.removed', data: { at } }]);
    case 'RunSchedule': {
      const { type: _, ...run } = command;
      if (run.planned <= state.since) return ok([]);
      return state.status === 'active' ? ok([{ type: 'schedule.ran', data: run }]) : refuse('schedule-not-active');
    }
  }
}

export const schedule: Decider<Schedule | null, ScheduleCommand, ScheduleEvent, ScheduleReason> = {
  aggregate: 'schedule',
  events,
  initial: null,
  evolve,
  decide,
};
