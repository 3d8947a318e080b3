// One import of a file: begun, perhaps broken off and taken up again, finished with its own count. What was accepted is the fold's verdict.
import { z } from 'zod';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result, refuse } from './result.ts';

const started = z.object({
  source: z.string().min(1),
  /** SHA-256 over the file's bytes and the mapping, hex: the same digest is the same input. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  backfill: z.boolean(),
  amend: z.boolean(),
  /** 1, and one more each time a failed run is taken up again. */
  attempt: z.int().min(1),
});
const counts = z.object({
  rows: z.int().min(0),
  events: z.int().min(0),
  quarantinedRows: z.int().min(0),
});

export const events = {
  'run.started': { version: 1, data: started },
  'run.finished': { version: 1, data: counts },
  /** `reason` is a state such as 'broken-off' or 'disk-full', never text of the input. */
  'run.failed': { version: 1, data: z.object({ reason: z.string().min(1) }) },
} as const;

export type RunEvent = EventOf<typeof events>;
export type RunCounts = z.infer<typeof counts>;
export type Run =
  | { status: 'none' }
  | { status: 'running'; started: z.infer<typeof started> }
  | { status: 'finished'; started: z.infer<typeof started>; counts: RunCounts }
  | { status: 'failed'; started: z.infer<typeof started>; reason: string };

export type RunCommand =
  | { type: 'StartRun'; run: Omit<z.infer<typeof started>, 'attempt'> }
  | { type: 'FinishRun'; counts: RunCounts }
  | { type: 'FailRun'; reason: string };

export type RunReason = 'other-input' | 'run-unknown' | 'run-failed' | 'run-finished';

function evolve(state: Run, event: RunEvent): Run {
  if (event.type === 'run.started') return { status: 'running', started: event.data };
  if (state.status === 'none') throw new Error(`${event.type} of a run that was never started`);
  switch (event.type) {
    case 'run.finished':
      return { status: 'finished', started: state.started, counts: event.data };
    case 'run.failed':
      return { status: 'failed', started: state.started, reason: event.data.reason };
  }
}

function decide(command: RunCommand, state: Run): Result<RunEvent[], RunReason> {
  if (command.type === 'StartRun') {
    if (state.status === 'none') return ok([{ type: 'run.started', data: { ...command.run, attempt: 1 } }]);
    const before = state.started;
    if (before.digest !== command.run.digest || before.source !== command.run.source) return refuse('other-input');
    // Running: its process died, and the same input takes it up where it stood. Finished: there is nothing left to do.
    if (state.status !== 'failed') return ok([]);
    return ok([{ type: 'run.started', data: { ...command.run, attempt: before.attempt + 1 } }]);
  }
  if (state.status === 'none') return refuse('run-unknown');
  switch (command.type) {
    case 'FinishRun': {
      if (state.status === 'failed') return refuse('run-failed');
      if (state.status === 'running') return ok([{ type: 'run.finished', data: command.counts }]);
      const { rows, events: stored, quarantinedRows } = state.counts;
      const asBefore =
        rows === command.counts.rows &&
        stored === command.counts.events &&
        quarantinedRows === command.counts.quarantinedRows;
      return asBefore ? ok([]) : refuse('run-finished');
    }
    case 'FailRun':
      if (state.status === 'finished') return refuse('run-finished');
      if (state.status === 'failed') return state.reason === command.reason ? ok([]) : refuse('run-failed');
      return ok([{ type: 'run.failed', data: { reason: command.reason } }]);
  }
}

export const run: Decider<Run, RunCommand, RunEvent, RunReason> = {
  aggregate: 'run',
  events,
  initial: { status: 'none' },
  evolve,
  decide,
};
