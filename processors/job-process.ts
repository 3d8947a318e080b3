// Jobs in a process of their own: what they compile and collect runs on helper threads of theirs, which no answer waits for, and the whole of it steps
// behind whoever answers (ADR 0017). What they ask of memory is given back when they have ended, and a job that runs out of it ends alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Result } from '#domain/result.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { Backtest, BacktestPlan, BacktestProgress } from './backtest/backtest.ts';
import type { Evaluation } from './evaluation/evaluate.ts';
import type { FeatureReport, FeatureReportPlan } from './evaluation/feature-report.ts';
import type { EvaluationPlan } from './evaluation/plan.ts';
import { idleTime, modestly } from './idle-time.ts';
import type { JobMessage, JobTask } from './job-worker.ts';
import type { ScoreBase, ScoreTotals } from './scoring/score-base.ts';
import type { KeptProgress, PartsToJoin, Written } from './scoring/score-parts.ts';
import type { TrainingPlan, TrainingProgress } from './training/plan.ts';
import type { Refusal } from './training/refusal.ts';
import type { TrainedModel } from './training/train-model.ts';
import type { TrainingCheck } from './training/training-check.ts';

/** One task at a time; the next waits. A signal ends the process at once. Logs are read on a connection of the process's own. */
export interface JobProcess extends AsyncDisposable {
  /** What a training would find; nothing is written. */
  checkTraining(nats: NatsOptions, plan: TrainingPlan): Promise<Result<TrainingCheck, Refusal>>;
  /** Rows from the log into the file. */
  trainingRows(
    nats: NatsOptions,
    plan: TrainingPlan,
    file: string,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<{ digest: string; events: number }, Refusal>>;
  /** Null when the file is gone or holds something else. @param digest of the file. */
  trainModel(
    plan: TrainingPlan,
    rows: { file: string; digest: string },
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<TrainedModel, Refusal> | null>;
  /** @param judged cut-offs (days) that need not be judged again. */
  backtest(
    nats: NatsOptions,
    job: Backtest,
    judged: readonly number[],
    report: BacktestProgress,
    signal: AbortSignal,
  ): Promise<Result<BacktestPlan, string>>;
  /** Versions of the registry against what came. */
  evaluate(
    nats: NatsOptions,
    plan: EvaluationPlan,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<Result<Evaluation, Refusal>>;
  /** A set of features over the base. */
  featureReport(
    nats: NatsOptions,
    plan: FeatureReportPlan,
    report: TrainingProgress,
    signal: AbortSignal,
  ): Promise<FeatureReport>;
  /** The whole base at a position. @param folder of the parts; null: they are only measured. */
  scoreBase(
    nats: NatsOptions,
    work: ScoreBase,
    folder: string | null,
    say: KeptProgress,
    signal: AbortSignal,
  ): Promise<ScoreTotals>;
  joinParts(parts: PartsToJoin): Promise<Written>;
  /** Of the process while there is one. */
  readonly pid: number | null;
}

type Report = Partial<BacktestProgress & TrainingProgress & KeptProgress>;
interface Running {
  child: ChildProcess;
  idle: Disposable;
}

/** How long a process without work is kept: the next job of several then begins warm. */
const IDLE_MS = 30_000;
const ENTRY = fileURLToPath(new URL('./job-worker.ts', import.meta.url));

/** Started when there is work. */
export function createJobProcess(idleMs = IDLE_MS): JobProcess {
  let running: Running | null = null;
  let before: Promise<unknown> = Promise.resolve();
  let ending: NodeJS.Timeout | undefined;
  let disposed = false;

  async function start(): Promise<Running> {
    const [command, ...words] = [...(await modestly()), process.execPath, '--single-threaded', ...inherited(), ENTRY];
    const child = spawn(command!, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    const started = { child, idle: child.pid === undefined ? { [Symbol.dispose]() {} } : idleTime(child.pid) };
    child.once('exit', () => {
      started.idle[Symbol.dispose]();
      if (running === started) running = null;
    });
    return started;
  }
  function end(child: ChildProcess | undefined): void {
    child?.kill('SIGKILL');
    if (running?.child === child) running = null;
  }

  async function once(task: JobTask, report: Report, signal: AbortSignal | undefined): Promise<unknown> {
    signal?.throwIfAborted();
    clearTimeout(ending);
    // It may have died since the last task.
    if (!running?.child.connected) running = await start();
    if (disposed) {
      end(running.child);
      throw new Error('jobs are not done any more: the server stops');
    }
    const { child } = running;
    const answer = Promise.withResolvers<unknown>();
    // Whoever asked hears of it below.
    answer.promise.catch(() => undefined);
    const hear = (message: JobMessage) => {
      if (message.kind === 'done') answer.resolve(message.value);
      else if (message.kind === 'failed') answer.reject(message.error);
      else if (message.kind === 'judged') report.judged?.(message.answer);
      else if (message.kind === 'part') report.part?.(message.part);
      else if (message.kind === 'log') report.log?.(message.text);
      else report.progress?.(message.done, message.total, message.note);
    };
    const ended = (code: number | null, by: string | null) => answer.reject(endedEarly(code, by));
    const failed = (error: Error) => {
      answer.reject(error);
      end(child);
    };
    const abort = () => {
      answer.reject(signal!.reason);
      end(child);
    };
    child.on('message', hear).once('exit', ended).once('error', failed);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted) abort();
      // One that could not be started has nothing to send with, and says why by `error`. Otherwise its end says more than a pipe that is closed.
      else child.send?.(task, (error) => error && setImmediate(failed, error));
      return await answer.promise;
    } finally {
      child.off('message', hear).off('exit', ended).off('error', failed);
      signal?.removeEventListener('abort', abort);
      ending = setTimeout(() => end(child), idleMs).unref();
    }
  }
  /** What a task answers is said by the interface: the worker's code is of the same version. */
  function run<Answer>(task: JobTask, report: Report = {}, signal?: AbortSignal): Promise<Answer> {
    const answer = before.then(() => once(task, report, signal));
    before = answer.catch(() => undefined);
    return answer as Promise<Answer>;
  }

  return {
    checkTraining: (nats, plan) => run({ kind: 'training-check', nats, plan }),
    trainingRows: (nats, plan, file, report, signal) =>
      run({ kind: 'training-rows', nats, plan, file }, report, signal),
    trainModel: (plan, rows, report, signal) => run({ kind: 'train-model', plan, ...rows }, report, signal),
    backtest: (nats, job, judged, report, signal) => run({ kind: 'backtest', nats, job, judged }, report, signal),
    evaluate: (nats, plan, report, signal) => run({ kind: 'evaluate', nats, plan }, report, signal),
    featureReport: (nats, plan, report, signal) => run({ kind: 'feature-report', nats, plan }, report, signal),
    scoreBase: (nats, work, folder, say, signal) => run({ kind: 'score-base', nats, work, folder }, say, signal),
    joinParts: (parts) => run({ kind: 'join-parts', parts }),
    get pid() {
      return running?.child.pid ?? null;
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      clearTimeout(ending);
      end(running?.child);
      await before;
    },
  };
}

/** Of what this process was started with: how much memory it may take. Nothing else, least of all what to run (`-e`). */
const inherited = (): string[] => process.execArgv.filter((word) => /^--max[-_]/.test(word));

const endedEarly = (code: number | null, signal: string | null): Error =>
  new Error(
    `the process of the job ended by itself (${signal ?? `exit code ${code}`}); out of memory is the usual reason: see what it wrote on standard error, then retry`,
  );
