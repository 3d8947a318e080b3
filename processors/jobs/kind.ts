// What a kind of job is to the runner: a name and its work. The work may be done by several attempts; what a finished step put out is handed to
// the next one. To add a kind, see ops/jobs/catalogue.ts.
import type { Result } from '#domain/result.ts';

export interface JobRun {
  id: string;
  params: Readonly<Record<string, unknown>>;
  /** Outputs of the steps finished so far, in this attempt or an earlier one, by name. */
  steps: ReadonlyMap<string, unknown>;
  /** Keeps a step's output (JSON) for good; resolves when the log knows of it. */
  finishStep(step: string, output: unknown): Promise<void>;
  /** For whoever watches; not kept. */
  progress(done: number, total: number, note: string): void;
  log(text: string): void;
  /** Aborted when somebody cancels, or the server stops. */
  signal: AbortSignal;
}

export interface JobWork {
  name: string;
  /** The result (JSON); refuses with one sentence what cannot be done with these data. What throws is a failure of ours. */
  run(job: JobRun): Promise<Result<unknown, string>>;
}
