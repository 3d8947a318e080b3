// Long work of the server from the command line: what there is of it, how far it is, ended, and asked for once more.
import type { JobStatus } from '#domain/job.ts';
import { dataDirOf, withServer } from '../client.ts';
import type { TrainResult } from '../jobs/train.ts';
import { watchJob } from '../jobs/watch.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';
import { describeTraining } from './train.ts';

interface Row {
  id: string;
  kind: string;
  status: JobStatus;
  by: string;
  requested_at: string;
  steps_finished: number;
  progress: { done: number; total: number; note: string } | null;
  failure: { reason: string; message: string } | null;
}
interface Job extends Row {
  attempt: number;
  steps: string[];
  retry_from: string[];
}

const VERBS = ['show', 'cancel', 'retry'] as const;

export const jobs: Command = {
  name: 'jobs',
  summary: 'trainings, scorings, backtests and evaluations of the server: list, show, cancel, retry (--from a step)',
  help: `
axiom47 jobs [list] [--kind train|score|backtest|evaluate|check-features] [--status STATUS] [--limit N] [--data-dir DIR] [--json]
axiom47 jobs show|cancel ID [--data-dir DIR] [--json]
axiom47 jobs retry ID [--from STEP] [--data-dir DIR] [--json]

list: the newest first, 20 unless told. show: with its finished steps, and those a retry may begin at.
retry: what failed or was cancelled goes on after its last finished step, and is watched until it ends. A training has the steps generate_events
(of the demo alone), position (the moment of the log it asks about), build_user_features and train_model: with --from, what was finished before that
step is kept, it and all later ones are done again. From position on, it is asked of the log as it is now.
A step that was not reached, or that there is none of, is refused with those that may be given; exit code 2.

Example: axiom47 jobs --status failed
Example: axiom47 jobs retry 0f3a5c1e9b7d4f60a1c2d3e4f5061728 --from train_model
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      kind: { type: 'string' },
      status: { type: 'string' },
      limit: { type: 'string' },
      from: { type: 'string' },
    });
    const [verb = 'list', id, ...more] = positionals;
    if (verb !== 'list' && (!VERBS.some((each) => each === verb) || id === undefined))
      throw new UsageError(`jobs list, or ${VERBS.join(', ')} with an id`);
    if (more.length > 0 || (verb === 'list' && id !== undefined))
      throw new UsageError(`jobs ${verb}: what is ${more[0] ?? id}?`);
    if (values.from !== undefined && verb !== 'retry') throw new UsageError('--from is of jobs retry');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'list') {
        const asked = new URLSearchParams({ limit: values.limit ?? '20' });
        for (const name of ['kind', 'status'] as const) if (values[name] !== undefined) asked.set(name, values[name]);
        const page = await client.call<{ items: Row[]; total: number }>('GET', `/api/jobs?${asked}`);
        print(io, values.json, page, () => listed(page.items, page.total));
        return 0;
      }
      const place = `/api/jobs/${encodeURIComponent(id!)}`;
      if (verb === 'show' || verb === 'cancel') {
        const job = await client.call<Job>(
          verb === 'show' ? 'GET' : 'POST',
          verb === 'show' ? place : `${place}/cancel`,
        );
        print(io, values.json, job, () => described(job));
        return 0;
      }
      const body = values.from === undefined ? undefined : { from: values.from };
      const { kind } = await client.call<Job>('POST', `${place}/retry`, body);
      const ended = await watchJob<Record<string, unknown>>(client, id!, kind, io);
      if (ended.result === null) return ended.code;
      print(io, values.json, { job: ended.id, ...ended.result }, () =>
        kind === 'train' ? describeTraining(ended.result as TrainResult) : `job ${id} (${kind}) has succeeded`,
      );
      return 0;
    });
  },
};

const wayOf = ({ status, progress, failure }: Row): string =>
  failure?.message ??
  (status === 'running' && progress && progress.total > 0
    ? `${Math.floor((100 * progress.done) / progress.total)} % ${progress.note}`
    : '');

function listed(items: readonly Row[], total: number): string {
  if (items.length === 0) return 'There is no such job.';
  const rows = table(
    ['id', 'kind', 'asked', 'status', 'steps', ''],
    items.map((job) => [job.id, job.kind, job.requested_at.slice(0, 19), job.status, job.steps_finished, wayOf(job)]),
  );
  return total > items.length ? `${rows}\n${items.length} of ${total}; --limit shows more` : rows;
}

function described(job: Job): string {
  const way = wayOf(job);
  return [
    `job ${job.id} (${job.kind}, asked ${job.requested_at.slice(0, 19)} by ${job.by}): ${job.status}${way ? `: ${way}` : ''}`,
    `finished  ${job.steps.join(', ') || 'no step yet'}`,
    ...(job.retry_from.length > 0 ? [`retry     --from ${job.retry_from.join(' | ')}`] : []),
  ].join('\n');
}
