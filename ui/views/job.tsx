// One job: how far it is, when each step ran, its parameters, its log and what it found; followed live, without a reload.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { ganttHeight, stepsOf } from '../charts/gantt.ts';
import { GanttChart } from '../charts/gantt-chart.tsx';
import { Action } from '../components/action.tsx';
import { ChartPanel } from '../components/chart-panel.tsx';
import { Confirm } from '../components/confirm.tsx';
import { CopyButton } from '../components/copy.tsx';
import { JobResult } from '../components/jobs/job-result.tsx';
import { JobStatusChip, ProgressBar } from '../components/jobs/job-status.tsx';
import { RetryFrom } from '../components/jobs/retry.tsx';
import { Choice, Panel } from '../components/panel.tsx';
import { ErrorState, Failed, NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { curlGet, curlPost } from '../curl.ts';
import { ABSENT, clock, counted, span, time } from '../format.ts';
import { useNow, useTitle } from '../hooks.ts';
import { isPlannable } from '../job-forms.ts';
import { jobTitle, whoAsked } from '../job-words.ts';
import { cancelJob, hasEnded, type Job, jobQuery, retryJob } from '../jobs.ts';

const FAILURES: Record<string, string> = {
  refused: 'What was asked cannot be done with these data',
  error: 'It went wrong',
  interrupted: 'The server died under it too often',
};

function Progress({ job }: { job: Job }) {
  if (job.status === 'queued')
    return (
      <Note>
        <b>It waits.</b> One job runs at a time, in the order they were asked for.
      </Note>
    );
  if (job.status === 'running') return <ProgressBar job={job} wide />;
  if (job.failure)
    return (
      <div role="alert">
        <Note tone="warn">
          <b>{FAILURES[job.failure.reason] ?? job.failure.reason}.</b> {job.failure.message}
          {job.failure.code && <span className="mono t3"> {job.failure.code}</span>}
          {job.failure.reason === 'refused' &&
            ' A retry asks this of the same moment of the log; for newer data, ask again.'}
        </Note>
      </div>
    );
  if (job.status === 'cancelled')
    return <Note>It was cancelled. What was finished is kept: a retry goes on from its last finished step.</Note>;
  return null;
}

function Steps({ job }: { job: Job }) {
  const { attempt: asked } = useSearch({ from: '/shell/jobs/$id' });
  const navigate = useNavigate({ from: '/jobs/$id' });
  const now = useNow(500, job.status === 'running');
  const shown = job.attempts.find(({ attempt }) => String(attempt) === asked) ?? job.attempts.at(-1);
  const last = shown === job.attempts.at(-1);
  const runs = job.status === 'running' && last;
  // A training says `train_model: …`; others say what they do.
  const note = job.progress?.note ?? 'under way';
  const steps = shown
    ? stepsOf(
        shown,
        runs ? (/^[a-z_]+(?=: )/.exec(note)?.[0] ?? note) : null,
        hasEnded(job) && job.status !== 'succeeded'
          ? `until it ${job.status === 'failed' ? 'failed' : 'was cancelled'}`
          : 'the result',
      )
    : [];
  const choice = job.attempts.length > 1 && (
    <Choice
      label="Attempt"
      value={String(shown?.attempt ?? '')}
      options={job.attempts.map(({ attempt }) => [String(attempt), `Attempt ${attempt}`] as const)}
      onChange={(attempt) => void navigate({ search: { attempt }, replace: true })}
    />
  );
  if (!shown || steps.length === 0)
    return (
      <Panel title="Steps" tools={choice}>
        <Progress job={job} />
        <State icon="clock" title={shown ? 'Nothing of this attempt is kept' : 'Not begun'}>
          <p>
            {shown && shown.ended_at === null && !runs
              ? 'Its process ended without a word; the next attempt went on.'
              : hasEnded(job) || !last
                ? 'No step was finished, or a retry does it again.'
                : 'Each step is drawn as it ends.'}
          </p>
        </State>
      </Panel>
    );
  const total =
    (runs ? now : Date.parse(shown.ended_at ?? shown.steps.at(-1)?.ended_at ?? shown.started_at)) -
    Date.parse(shown.started_at);
  return (
    <ChartPanel
      title="Steps"
      unit={`${span(Math.max(0, total))}${job.attempts.length > 1 ? `, attempt ${shown.attempt} of ${job.attempts.length}` : ''}`}
      height={ganttHeight(steps.length)}
      file="steps.csv"
      definition="When each step ended, and from when on it ran: from the end of the one before. A finished step is kept: a retry, or the next start of a server that died, goes on after it. Shares are of the whole attempt."
      table={{
        head: ['step', 'began', 'ended', 'ms'],
        rows: steps.map(({ name, from, until }) => [
          name,
          new Date(from).toISOString(),
          until === null ? null : new Date(until).toISOString(),
          (until ?? now) - from,
        ]),
        show: (value, column) =>
          value === null
            ? 'runs'
            : column === 0
              ? String(value)
              : column === 3
                ? span(Number(value))
                : clock(String(value)),
      }}
      above={
        <>
          {choice}
          <Progress job={job} />
        </>
      }
      chart={({ width }) => <GanttChart steps={steps} now={now} width={width} />}
    />
  );
}

const shownParameter = (value: unknown): string =>
  value === null || value === undefined
    ? ABSENT
    : Array.isArray(value)
      ? value.length === 0
        ? 'none'
        : value.join(', ')
      : typeof value === 'object'
        ? JSON.stringify(value)
        : typeof value === 'boolean'
          ? value
            ? 'yes'
            : 'no'
          : String(value);

function Asked({ job }: { job: Job }) {
  const me = useMe();
  const zone = me?.workspace.zone ?? 'UTC';
  const waited =
    job.started_at && job.requested_at
      ? Date.parse(job.attempts[0]?.started_at ?? job.started_at) - Date.parse(job.requested_at)
      : null;
  return (
    <Panel title="What was asked" span="c4" className="snug">
      <dl className="kv">
        {Object.entries(job.params).map(([name, value]) => (
          <div key={name}>
            <dt>{name.replaceAll('_', ' ')}</dt>
            <dd className="wrap">{shownParameter(value)}</dd>
          </div>
        ))}
      </dl>
      <dl className="kv by">
        <dt>Asked by</dt>
        <dd>{whoAsked(job.by, me)}</dd>
        <dt>Asked</dt>
        <dd>{job.requested_at ? time(job.requested_at, zone) : ABSENT}</dd>
        <dt>Waited</dt>
        <dd>{span(waited)}</dd>
        <dt>Attempts</dt>
        <dd>{job.attempt}</dd>
        <dt>Job</dt>
        <dd className="mono" title={job.id}>
          {job.id.slice(0, 12)}
        </dd>
      </dl>
    </Panel>
  );
}

function LogTail({ job }: { job: Job }) {
  const lines = job.log ?? [];
  return (
    <Panel
      title="Log"
      unit={`${counted(lines.length, 'line')}, newest last`}
      className="snug"
      foot={
        <span className="t3">The last 200 lines of this server’s attempts; an earlier server’s are in its own log</span>
      }
    >
      {lines.length === 0 ? (
        <p className="lead">
          {hasEnded(job) ? 'Nothing was said, or another server ran it.' : 'Nothing was said yet.'}
        </p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        <ol className="log" tabIndex={0} aria-label="Log">
          {lines.map(({ at, text }, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two lines may say the same in one millisecond.
            <li key={`${at} ${i}`}>
              <time dateTime={at}>{clock(at)}</time>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Head({ job }: { job: Job }) {
  const [confirming, setConfirming] = useState<'cancel' | 'retry' | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const navigate = useNavigate();
  const ended = hasEnded(job);
  const choice = job.retry_from.length > 1;
  const needs = job.kind === 'score' ? 'customer:read' : 'model:write';
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/jobs">
          Jobs
        </Link>
        <span className="crumb hide">/</span>
        <h1>{jobTitle(job)}</h1>
        <span aria-live="polite">
          <JobStatusChip status={job.status} />
        </span>
        <span className="sp" />
        <CopyButton
          text={() => (ended ? curlGet(`/api/jobs/${job.id}`) : curlPost(`/api/jobs/${job.kind}`, job.params))}
          label="Copy as curl"
          ghost
        />
        <Action
          needs={needs}
          onClick={() =>
            void navigate({ to: '/jobs/new', search: { kind: job.kind, params: JSON.stringify(job.params) } })
          }
        >
          Ask again
        </Action>
        <Action
          needs={needs}
          icon="clock"
          not={isPlannable(job.kind) ? null : 'This kind is not planned here'}
          onClick={() =>
            void navigate({
              to: '/jobs/schedules/new',
              search: { kind: job.kind, params: JSON.stringify(job.params) },
            })
          }
        >
          Plan…
        </Action>
        {ended ? (
          <Action
            needs={needs}
            icon="retry"
            not={job.status === 'succeeded' ? 'It has succeeded; ask again for another' : null}
            onClick={() => {
              setError(null);
              if (choice) setConfirming('retry');
              else retryJob(job.id).catch((refusal: Error) => setError(refusal));
            }}
          >
            {choice ? 'Retry…' : 'Retry'}
          </Action>
        ) : (
          <Action needs={needs} icon="stop" danger onClick={() => setConfirming('cancel')}>
            Cancel…
          </Action>
        )}
      </div>
      {error && <Failed lead="Not done.">{error.message}</Failed>}
      {confirming === 'retry' && ended && <RetryFrom job={job} onClose={() => setConfirming(null)} />}
      {confirming === 'cancel' && (
        <Confirm
          title={`Cancel ${jobTitle(job)}?`}
          confirm="Cancel the job"
          danger
          onConfirm={() => cancelJob(job.id)}
          onClose={() => setConfirming(null)}
        >
          <p>
            {job.status === 'queued'
              ? 'It has not begun; nothing is lost.'
              : `It ends at once and makes no result. ${counted(job.steps.length, 'finished step')} ${job.steps.length === 1 ? 'is' : 'are'} kept, so a retry goes on from there.`}
          </p>
        </Confirm>
      )}
    </>
  );
}

export function JobView() {
  const { id } = useParams({ from: '/shell/jobs/$id' });
  const me = useMe();
  const maySee = useMay('model:read');
  const { data: job, ...query } = useQuery({ ...jobQuery(id), enabled: maySee });
  useTitle(job ? jobTitle(job) : 'Job');
  if (me && !maySee) return <NotAllowed title="Job" what="this job" things="jobs" />;
  if (!job)
    return (
      <>
        <div className="head">
          <h1>Job</h1>
        </div>
        <section className="panel" aria-label="Job">
          <div className="body">
            {query.isError ? (
              <ErrorState error={query.error} retry={() => void query.refetch()} />
            ) : (
              <Skeleton height={260} />
            )}
          </div>
        </section>
      </>
    );
  return (
    <>
      <Head job={job} />
      <div className="stack">
        <div className="grid">
          <div className="c8 stack">
            <Steps job={job} />
            <LogTail job={job} />
          </div>
          <Asked job={job} />
        </div>
        <JobResult job={job} />
      </div>
    </>
  );
}
