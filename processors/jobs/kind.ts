// What a kind of job is to the runner: a name and its work. The work may be done by several attempts; what a finished step put out is handed to
// the next one. To add a kind, see ops/jobs/catalogue.ts.
import type { Result } from '#domain/result.ts';

export interface JobRun {
  id: string;
  /** Who asked. */
  by: string;
  params: Readonly<Record<string, unknown>>;
  /** Outputs of the steps finished so far, in this attempt or an earlier one, by name. */
  steps: ReadonlyMap<string, unknown>;
  /** Keeps a step's output (JSON) for good; resolves when the log knows of it. */
  finishStep(step: string, output: unknown): Promise<void>;
  /** For whoever watches; not kept. What is shown never falls within an attempt: steps should share the way between them. */
  progress(done: number, total: number, note: string): void;
  log(text: string): void;
  /** Aborted when somebody cancels, or the server stops. */
  signal: AbortSignal;
}

/** Why it cannot be done with these data: a sentence, with a code where programs should tell one from the other. */
export type JobRefusal = string | { code: string; message: string };

export interface JobWork {
  name: string;
  /** Names of its steps in their order, where every job of this kind has the same: a retry may begin at any that was reached. */
  steps?: readonly string[];
  /** The result (JSON); refuses what cannot be done with these data. What throws is a failure of ours. */
  run(job: JobRun): Promise<Result<unknown, JobRefusal>>;
}
