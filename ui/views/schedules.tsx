// Jobs that are asked for by themselves: when each comes next in its own zone, what its last moment brought, and why one stands still. Who may ask for
// a job may change its plan.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { Action } from '../components/action.tsx';
import { Confirm } from '../components/confirm.tsx';
import { CopyButton } from '../components/copy.tsx';
import { Icon } from '../components/icon.tsx';
import { Scroll } from '../components/scroll.tsx';
import { ErrorState, Failed, NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { curlGet } from '../curl.ts';
import { ABSENT, clock, count, counted } from '../format.ts';
import { useTitle } from '../hooks.ts';
import { jobTitle, whoAsked } from '../job-words.ts';
import { change, momentIn, neededFor, runNow, type Schedule, schedulesQuery, whenWords } from '../schedules.ts';

const CHIPS = {
  active: ['chip good', 'check', 'Active'],
  paused: ['chip', 'stop', 'Paused'],
  stopped: ['chip warn', 'warning', 'Stopped'],
  removed: ['chip', 'close', 'Removed'],
} as const;

function StateChip({ schedule }: { schedule: Schedule }) {
  const [tone, icon, word] = CHIPS[schedule.paused_because ? 'stopped' : schedule.status];
  return (
    <span className={`status ${tone}`}>
      <Icon name={icon} small />
      {word}
    </span>
  );
}

/** When it comes next, and what its last moment brought. */
function Runs({ schedule: { status, next, last, zone } }: { schedule: Schedule }) {
  return (
    <>
      {next[0] ? (
        <>
          {momentIn(next[0], zone)}
          {next[1] && <span className="under t3">then {momentIn(next[1], zone)}</span>}
        </>
      ) : (
        <span className="t3">{status === 'paused' ? 'not before it is resumed' : ABSENT}</span>
      )}
      {last && (
        <span className="under t2">
          last {momentIn(last.planned, zone)}:{' '}
          {last.job ? (
            <Link className="jlink" to="/jobs/$id" params={{ id: last.job }} search={{}}>
              its job
            </Link>
          ) : (
            last.refused
          )}
          {last.missed > 0 && `; ${counted(last.missed, 'moment')} before it passed while the server was off`}
        </span>
      )}
    </>
  );
}

function Row(props: { schedule: Schedule; onError: (error: Error) => void; onRemove: () => void }) {
  const { schedule } = props;
  const { id, cron, zone, status } = schedule;
  const me = useMe();
  const navigate = useNavigate();
  const needs = neededFor(schedule, me?.permissions ?? []);
  const take = (step: Promise<unknown>) => void step.catch(props.onError);
  return (
    <tr data-schedule={id}>
      <td>
        <StateChip schedule={schedule} />
      </td>
      <td className="jname">
        <b className="m">{jobTitle(schedule)}</b>
        <span className="under t3">
          {whoAsked(schedule.created_by, me)}
          {schedule.runs_for !== schedule.created_by && `; runs for ${whoAsked(schedule.runs_for, me)}`}
        </span>
        {schedule.paused_because && <span className="under t2">{schedule.paused_because}</span>}
      </td>
      <td title={cron}>
        {whenWords(cron)}
        <span className="under t3">{zone}</span>
      </td>
      <td>
        <Runs schedule={schedule} />
      </td>
      <td className="r rowacts">
        {status === 'paused' ? (
          <Action needs={needs} onClick={() => take(change.resume(id))}>
            Resume
          </Action>
        ) : (
          <Action needs={needs} onClick={() => take(change.pause(id))}>
            Pause
          </Action>
        )}
        <Action
          needs={needs}
          onClick={() => take(runNow(id).then((job) => navigate({ to: '/jobs/$id', params: { id: job }, search: {} })))}
        >
          Run now
        </Action>
        <Action needs={needs} danger onClick={props.onRemove}>
          Remove…
        </Action>
      </td>
    </tr>
  );
}

function Rows({ items, onError }: { items: readonly Schedule[]; onError: (error: Error | null) => void }) {
  const [removing, setRemoving] = useState<Schedule | null>(null);
  return (
    <>
      <Scroll label="Schedules">
        <table className="jobs plans">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Job</th>
              <th scope="col">When</th>
              <th scope="col">Runs</th>
              <th scope="col" className="r">
                <span className="sr">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((schedule) => (
              <Row
                key={schedule.id}
                schedule={schedule}
                onError={onError}
                onRemove={() => {
                  onError(null);
                  setRemoving(schedule);
                }}
              />
            ))}
          </tbody>
        </table>
      </Scroll>
      {removing && (
        <Confirm
          title={`Remove ${jobTitle(removing)}?`}
          confirm="Remove the schedule"
          danger
          onConfirm={() => change.remove(removing.id)}
          onClose={() => setRemoving(null)}
        >
          <p>
            {whenWords(removing.cron)} ({removing.zone}): no more runs. The jobs it asked for stay, with their results.
          </p>
        </Confirm>
      )}
    </>
  );
}

export function SchedulesView() {
  useTitle('Schedules');
  const me = useMe();
  const navigate = useNavigate();
  const maySee = useMay('model:read');
  const schedules = useQuery({ ...schedulesQuery, enabled: maySee });
  const [error, setError] = useState<Error | null>(null);
  if (me && !maySee) return <NotAllowed title="Schedules" what="schedules" />;
  const { data } = schedules;
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/jobs" search={{}}>
          Jobs
        </Link>
        <span className="crumb hide">/</span>
        <h1>Schedules</h1>
        {data && (
          <span className="chip num">
            <b>{count(data.items.length)}</b>
          </span>
        )}
        <span className="sp" />
        <CopyButton text={() => curlGet('/api/schedules')} label="Copy as curl" ghost />
        <Action
          needs="score:read"
          primary
          icon="plus"
          onClick={() => void navigate({ to: '/jobs/schedules/new', search: {} })}
        >
          New schedule
        </Action>
      </div>
      {error && <Failed lead="Not done.">{error.message}</Failed>}
      {schedules.isError && data && (
        <Note tone="warn">
          <b>Stale since {clock(schedules.dataUpdatedAt)}.</b> {schedules.error.message}; the older rows stay.
        </Note>
      )}
      <section className="panel list" aria-label="Schedules">
        {schedules.isPending ? (
          <div className="body">
            <Skeleton rows={5} />
          </div>
        ) : !data ? (
          <ErrorState error={schedules.error!} retry={() => void schedules.refetch()} />
        ) : data.items.length === 0 ? (
          <State
            icon="clock"
            title="Nothing is planned"
            actions={
              <Link className="ctl pri" to="/jobs/schedules/new" search={{}}>
                New schedule
              </Link>
            }
          >
            <p>
              A job that comes by itself: everybody scored each night, a training each Monday, in a time zone of yours.
            </p>
          </State>
        ) : (
          <Rows items={data.items} onError={setError} />
        )}
      </section>
    </>
  );
}
