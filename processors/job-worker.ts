// What a process of jobs does: one task at a time, over a connection of its own, telling whoever asked how far it is. job-process.ts starts and ends it.
import { sealedStore } from '#streams/chain/sealed.ts';
import type { EventStore } from '#streams/event-store.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { type Backtest, backtest, type CutoffAnswer } from './backtest/backtest.ts';
import { evaluate } from './evaluation/evaluate.ts';
import { type FeatureReportPlan, featureReport } from './evaluation/feature-report.ts';
import type { EvaluationPlan } from './evaluation/plan.ts';
import { type ScoreBase, scoreBase } from './scoring/score-base.ts';
import { joinParts, type KeptPart, keepParts, type PartsToJoin } from './scoring/score-parts.ts';
import type { TrainingPlan } from './training/plan.ts';
import { readRows, writeRows } from './training/rows-file.ts';
import { trainModel } from './training/train-model.ts';
import { checkTraining } from './training/training-check.ts';
import { trainingRows } from './training/training-rows.ts';

/** `nats` may hold a secret: never log it. */
export type JobTask =
  | { kind: 'training-check'; nats: NatsOptions; plan: TrainingPlan }
  | { kind: 'training-rows'; nats: NatsOptions; plan: TrainingPlan; file: string }
  | { kind: 'train-model'; plan: TrainingPlan; file: string; digest: string }
  | { kind: 'backtest'; nats: NatsOptions; job: Backtest; judged: readonly number[] }
  | { kind: 'evaluate'; nats: NatsOptions; plan: EvaluationPlan }
  | { kind: 'feature-report'; nats: NatsOptions; plan: FeatureReportPlan }
  | { kind: 'score-base'; nats: NatsOptions; work: ScoreBase; folder: string | null }
  | { kind: 'join-parts'; parts: PartsToJoin };
/** What it says while it works, and at the end. */
export type JobMessage =
  | { kind: 'progress'; done: number; total: number; note: string }
  | { kind: 'log'; text: string }
  | { kind: 'judged'; answer: CutoffAnswer }
  | { kind: 'part'; part: KeptPart }
  | { kind: 'done'; value: unknown }
  | { kind: 'failed'; error: unknown };

const server = process.ppid;
const say = (message: JobMessage): void => {
  // In the middle of a fit nobody hears that the server was killed; the next one does the same job again.
  if (process.ppid !== server) process.exit();
  process.send?.(message);
};
const told = {
  progress: (done: number, total: number, note: string) => say({ kind: 'progress', done, total, note }),
  log: (text: string) => say({ kind: 'log', text }),
  judged: (answer: CutoffAnswer) => say({ kind: 'judged', answer }),
  part: (part: KeptPart) => say({ kind: 'part', part }),
};

function run(task: JobTask): unknown {
  switch (task.kind) {
    case 'training-check':
      return withLog(task.nats, (log) => checkTraining(log, task.plan, { progress() {}, log() {} }));
    case 'training-rows':
      return withLog(task.nats, async (log) => {
        const rows = await trainingRows(log, task.plan, told);
        if (!rows.ok) return rows;
        return { ok: true, value: { digest: writeRows(task.file, rows.value), events: rows.value.events } };
      });
    case 'train-model': {
      const rows = readRows(task.file, task.digest);
      return rows && trainModel(rows, task.plan, told);
    }
    case 'backtest':
      return withLog(task.nats, (log) => backtest(log, task.job, told, new Set(task.judged)));
    case 'evaluate':
      return withLog(task.nats, (log) => evaluate(log, task.plan, told));
    case 'feature-report':
      return withLog(task.nats, (log) => featureReport(log, task.plan, told));
    case 'score-base':
      return withLog(task.nats, (log) => scoreBase(log, task.work, keepParts(task.folder, told)));
    case 'join-parts':
      return joinParts(task.parts);
  }
}

/** Nothing is learned from a log that was tampered with. */
async function withLog<T>(options: NatsOptions, work: (log: EventStore) => Promise<T>): Promise<T> {
  const nats = await connectNats(options, { name: 'axiom47 job' });
  try {
    return await work(sealedStore(createJetStreamStore(nats), silent));
  } finally {
    await nats.close();
  }
}

process.on('message', async (task: JobTask) => {
  try {
    say({ kind: 'done', value: await run(task) });
  } catch (error) {
    say({ kind: 'failed', error });
  }
});
// A terminal sends its signals to everybody: the server says when a job ends, and ends it when it is gone itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.once('disconnect', () => process.exit());
