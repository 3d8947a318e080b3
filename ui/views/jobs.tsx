// Long work in the background, newest first, followed live. The filter is in the address and is the server's, over all jobs. A job that appears is
// shown at once, unless the pointer is over the table: then it is offered, because rows do not move under a pointer.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { Action } from '../components/action.tsx';
import { CopyButton } from '../components/copy.tsx';
import { Icon } from '../components/icon.tsx';
import { JobStatusChip, ProgressBar } from '../components/jobs/job-status.tsx';
import { Choice, Heads } from '../components/panel.tsx';
import { Scroll } from '../components/scroll.tsx';
import { ErrorState, NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { curlGet } from '../curl.ts';
import { ABSENT, ago, clock, count, counted, span, time } from '../format.ts';
import { useNow, useTitle } from '../hooks.ts';
import { jobTitle, kindWord, STATUS_WORDS, whoAsked } from '../job-words.ts';
import { hasEnded, JOB_STATUSES, JOBS_SHOWN, type JobRow, type JobStatus, type JobsPage, jobsQuery } from '../jobs.ts';
import { stringifySearch } from '../routes.ts';

/** What stands under the pointer stays: the rows as they were when it came, with their newest content. */
function useHeld(items: readonly JobRow[]) {
  const [held, setHeld] = useState<readonly string[] | null>(null);
  const latest = useRef(items);
  latest.current = items;
  const rows = held === null ? items : held.flatMap((id) => items.find((job) => job.id === id) ?? []);
  return {
    rows,
    waiting: held === null ? 0 : items.filter(({ id }) => !held.includes(id)).length,
    hold: () => setHeld((before) => before ?? latest.current.map(({ id }) => id)),
    release: () => setHeld(null),
  };
}

/** From when it was taken up to its end, or so far. */
const took = (job: JobRow, now: number): number | null =>
  job.started_at === null
    ? null
    : (job.ended_at === null ? now : Date.parse(job.ended_at)) - Date.parse(job.started_at);

function Row({ job, now }: { job: JobRow; now: number }) {
  const me = useMe();
  const zone = me?.workspace.zone ?? 'UTC';
  return (
    <tr data-job={job.id}>
      <td className="lead-l">
        <JobStatusChip status={job.status} />
      </td>
      <td className="jname whole">
        <Link className="jlink" to="/jobs/$id" params={{ id: job.id }}>
          {jobTitle(job)}
        </Link>
      </td>
      <td className="jhow whole">
        {job.status === 'running' ? (
          <ProgressBar job={job} />
        ) : job.failure ? (
          <span className="t2 cut" title={job.failure.message}>
            {job.failure.message}
          </span>
        ) : (
          <span className="t3">
            {job.status === 'queued' ? 'one job runs at a time' : counted(job.steps_finished, 'step')}
          </span>
        )}
      </td>
      <td className="r" data-label="Took" title={job.started_at ? time(job.started_at, zone) : undefined}>
        {span(took(job, now))}
      </td>
      <td data-label="By">{whoAsked(job.by, me)}</td>
      <td className="r lead-r" title={job.requested_at ? time(job.requested_at, zone) : undefined}>
        {job.requested_at ? ago(job.requested_at, now, zone) : ABSENT}
      </td>
    </tr>
  );
}

function Rows({ page }: { page: JobsPage }) {
  const { rows, waiting, hold, release } = useHeld(page.items);
  const now = useNow(1_000);
  return (
    <div onPointerEnter={hold} onPointerLeave={release}>
      {waiting > 0 && (
        <button type="button" className="newrows" onClick={release}>
          {counted(waiting, 'new job')}, show
        </button>
      )}
      <Scroll label="Jobs">
        <table className="jobs cards">
          <Heads names={['State', 'Job', 'How far, or why not', ['Took', 'r'], 'Asked by', ['Asked', 'r']]} />
          <tbody>
            {rows.map((job) => (
              <Row key={job.id} job={job} now={now} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}

function Empty({ filtered }: { filtered: boolean }) {
  return (
    <State
      icon="empty"
      title={filtered ? 'No job of this kind and state' : 'No job yet'}
      actions={
        filtered ? (
          <Link className="ctl" to="/jobs" search={{}}>
            Show all
          </Link>
        ) : (
          <Link className="ctl pri" to="/jobs/new" search={{ kind: 'train' }}>
            New job
          </Link>
        )
      }
    >
      <p>
        {filtered
          ? 'The filter is asked of all jobs, not only of those that were on the page.'
          : 'Training, scoring and backtests run in the background; each is kept with its parameters, its log and its result.'}
      </p>
    </State>
  );
}

export function JobsView() {
  useTitle('Jobs');
  const { kind, status } = useSearch({ from: '/shell/jobs' });
  const navigate = useNavigate({ from: '/jobs' });
  const me = useMe();
  const maySee = useMay('model:read');
  const jobs = useQuery({ ...jobsQuery({ kind, status }), enabled: maySee });
  if (me && !maySee) return <NotAllowed title="Jobs" what="jobs" />;
  const { data } = jobs;
  const path = `/api/jobs${stringifySearch({ kind, status, limit: JOBS_SHOWN })}`;
  const kinds = [...new Set([...(data?.kinds ?? []), ...(kind ? [kind] : [])])];
  const running = data?.items.filter((job) => !hasEnded(job)).length ?? 0;
  return (
    <>
      <div className="head">
        <h1>Jobs</h1>
        {data && (
          <span className="chip num" data-total={data.total}>
            <b>{count(data.total)}</b>
            {running > 0 && <span>{counted(running, 'of them not ended', 'of them not ended')}</span>}
          </span>
        )}
        <Choice
          label="Kind"
          value={kind ?? ''}
          options={[['', 'All kinds'] as const, ...kinds.map((each) => [each, kindWord(each)] as const)]}
          onChange={(next) => void navigate({ search: (old) => ({ ...old, kind: next || undefined }) })}
        />
        <Choice
          label="State"
          value={status ?? ''}
          options={[['', 'Any state'] as const, ...JOB_STATUSES.map((each) => [each, STATUS_WORDS[each]] as const)]}
          onChange={(next) =>
            void navigate({ search: (old) => ({ ...old, status: (next || undefined) as JobStatus | undefined }) })
          }
        />
        <span className="sp" />
        <CopyButton text={() => curlGet(path)} label="Copy as curl" ghost />
        <Link className="ctl" to="/jobs/schedules">
          <Icon name="clock" small />
          Schedules
        </Link>
        <Action
          needs="model:write"
          primary
          icon="plus"
          onClick={() => void navigate({ to: '/jobs/new', search: { kind: kind ?? 'train' } })}
        >
          New job
        </Action>
      </div>
      {jobs.isError && data && (
        <Note tone="warn">
          <b>Stale since {clock(jobs.dataUpdatedAt)}.</b> {jobs.error.message}; the older figures stay.
        </Note>
      )}
      <section
        className={jobs.isPlaceholderData ? 'panel list dimmed' : 'panel list'}
        aria-label="Jobs"
        aria-busy={jobs.isFetching}
      >
        {jobs.isPending ? (
          <div className="body">
            <Skeleton rows={8} />
          </div>
        ) : !data ? (
          <ErrorState error={jobs.error!} retry={() => void jobs.refetch()} />
        ) : data.items.length === 0 ? (
          <Empty filtered={kind !== undefined || status !== undefined} />
        ) : (
          <Rows page={data} />
        )}
        {data && data.total > data.items.length && (
          <div className="foot">
            <span className="t3">
              The newest {count(data.items.length)} of {count(data.total)}; narrow them by kind or state
            </span>
          </div>
        )}
      </section>
    </>
  );
}
