// Planning a job: what is asked for and when, in which zone; the next moments are the server's, shown before anything is made. What was typed stays in
// the address.
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useId, useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { fieldErrors } from '../components/jobs/job-fields.tsx';
import { JobPanel, JobPanelComing } from '../components/jobs/job-panel.tsx';
import { Labelled } from '../components/jobs/labelled.tsx';
import { Choice, Panel } from '../components/panel.tsx';
import { NotAllowed, Skeleton } from '../components/states.tsx';
import { curlPost } from '../curl.ts';
import { useDebounced, useTitle } from '../hooks.ts';
import { formOf, JOB_FORMS, type JobForm, type Values } from '../job-forms.ts';
import { bodyOf, initialValues, parametersIn } from '../job-values.ts';
import { kindWord } from '../job-words.ts';
import { lackingWords, suited, useKnown } from '../people.ts';
import { cronOf, momentIn, nextQuery, plan, RHYTHMS, type Rhythm, WEEKDAYS, type When, whenOf } from '../schedules.ts';

const ADDRESS_MS = 300;
const NIGHTLY = '0 3 * * *';

/** Nobody is there to read an estimate, and a fixed day would be the same each time. */
const NOT_PLANNED: readonly string[] = ['dry_run', 'as_of', 'at'];
const planned = (form: JobForm): JobForm => ({
  ...form,
  fields: form.fields.filter(({ name }) => !NOT_PLANNED.includes(name)),
});

function WhenFields(props: {
  when: When;
  zone: string;
  errors: Readonly<Record<string, string>>;
  onChange: (when: When) => void;
  onZone: (zone: string) => void;
}) {
  const { when, errors } = props;
  const zonesId = useId();
  const [zones] = useState(() => ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]);
  const set = (change: Partial<When>) => props.onChange({ ...when, ...change });
  return (
    <>
      <Labelled label="How often">
        {(own) => (
          <select
            {...own}
            value={when.rhythm}
            onChange={(event) => set({ rhythm: event.target.value as Rhythm, cron: cronOf(when) })}
          >
            {RHYTHMS.map(([rhythm, words]) => (
              <option key={rhythm} value={rhythm}>
                {words}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      {when.rhythm === 'week' && (
        <Labelled label="On">
          {(own) => (
            <select {...own} value={when.weekday} onChange={(event) => set({ weekday: event.target.value })}>
              {[1, 2, 3, 4, 5, 6, 0].map((weekday) => (
                <option key={weekday} value={weekday}>
                  {WEEKDAYS[weekday]}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      )}
      {when.rhythm === 'month' && (
        <Labelled label="On day" hint={Number(when.day) > 28 ? 'A month without such a day is left out' : undefined}>
          {(own) => (
            <input
              {...own}
              type="number"
              min={1}
              max={31}
              value={when.day}
              onChange={(event) => set({ day: event.target.value })}
            />
          )}
        </Labelled>
      )}
      {when.rhythm === 'own' ? (
        <Labelled label="Cron" hint="Minute, hour, day of month, month, day of week: five fields" error={errors.cron}>
          {(own) => (
            <input
              {...own}
              className="mono"
              type="text"
              maxLength={100}
              value={when.cron}
              onChange={(event) => set({ cron: event.target.value })}
            />
          )}
        </Labelled>
      ) : (
        <Labelled label="At" error={errors.cron}>
          {(own) => (
            <input
              {...own}
              type="time"
              required
              value={when.time}
              onChange={(event) => set({ time: event.target.value || '00:00' })}
            />
          )}
        </Labelled>
      )}
      <Labelled label="Time zone" hint="An IANA name, as Europe/Sofia" error={errors.zone}>
        {(own) => (
          <>
            <input
              {...own}
              type="text"
              list={zonesId}
              maxLength={64}
              autoComplete="off"
              value={props.zone}
              onChange={(event) => props.onZone(event.target.value)}
            />
            <datalist id={zonesId}>
              {zones.map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </>
        )}
      </Labelled>
    </>
  );
}

function Coming({ cron, zone }: { cron: string; zone: string }) {
  const next = useQuery({ ...nextQuery(cron, zone), placeholderData: keepPreviousData });
  return (
    <Panel title="Next runs" unit={zone} span="c5" className="snug formpanel">
      {next.isError ? (
        <p className="lead">No moment can be read from this yet.</p>
      ) : !next.data ? (
        <Skeleton rows={5} />
      ) : (
        <ol className={next.isPlaceholderData ? 'coming dimmed' : 'coming'} aria-label="Next runs">
          {next.data.next.map((at) => (
            <li key={at}>
              <time dateTime={at} className="num">
                {momentIn(at, next.data.zone)}
              </time>
            </li>
          ))}
        </ol>
      )}
      <p className="t3 s12">
        A local time that a change of clocks leaves out runs right after the gap; one that comes twice runs once. While
        the job of a run is not over, the next is left out. It runs with your rights, as they are then.
      </p>
    </Panel>
  );
}

function Form(props: {
  form: JobForm;
  lacking: string | null;
  given: Record<string, unknown> | null;
  cron: string;
  zone: string;
}) {
  const { form } = props;
  const [values, setValues] = useState<Values>(() => initialValues(form, props.given));
  const [when, setWhen] = useState<When>(() => whenOf(props.cron));
  const [zone, setZone] = useState(props.zone);
  const navigate = useNavigate({ from: '/jobs/schedules/new' });
  const params = bodyOf(form, values);
  const wanted = { cron: cronOf(when), zone: zone.trim(), kind: form.kind, params };
  const settled = useDebounced(JSON.stringify(wanted), ADDRESS_MS);
  const asked = JSON.parse(settled) as typeof wanted;
  useEffect(() => {
    const { cron, zone: place, params: given } = JSON.parse(settled) as typeof wanted;
    void navigate({ search: { kind: form.kind, cron, zone: place, params: JSON.stringify(given) }, replace: true });
  }, [settled, form.kind, navigate]);
  const next = useQuery(nextQuery(asked.cron, asked.zone));
  const make = useMutation({
    mutationFn: () => plan(wanted),
    onSuccess: () => void navigate({ to: '/jobs/schedules' }),
  });
  // Of the moment at once, of the rest when it is asked for.
  const errors = { ...fieldErrors(next.error), ...fieldErrors(make.error) };
  return (
    <div className="grid">
      <JobPanel
        form={form}
        lacking={props.lacking}
        values={values}
        onChange={setValues}
        error={make.error}
        errors={errors}
        busy={make.isPending}
        onSubmit={() => make.mutate()}
        words={{ name: 'New schedule', submit: 'Plan it', busy: 'Planning…', failed: 'Not planned.' }}
        curl={() => curlPost('/api/schedules', wanted)}
        span="c7"
      >
        <WhenFields when={when} zone={zone} errors={errors} onChange={setWhen} onZone={setZone} />
        <hr />
      </JobPanel>
      <Coming cron={asked.cron} zone={asked.zone} />
    </div>
  );
}

export function NewScheduleView() {
  useTitle('New schedule');
  const { kind, params, cron, zone } = useSearch({ from: '/shell/jobs/schedules/new' });
  const navigate = useNavigate({ from: '/jobs/schedules/new' });
  const me = useMe();
  const maySee = useMay('model:read');
  const form = planned(formOf(kind ?? 'score'));
  const known = useKnown();
  if (me && !maySee) return <NotAllowed title="New schedule" what="schedules" />;
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/jobs" search={{}}>
          Jobs
        </Link>
        <span className="crumb hide">/</span>
        <Link className="crumb hide" to="/jobs/schedules">
          Schedules
        </Link>
        <span className="crumb hide">/</span>
        <h1>New schedule</h1>
        <Choice
          label="Kind of job"
          value={form.kind}
          options={JOB_FORMS.map((each) => [each.kind, kindWord(each.kind)] as const)}
          onChange={(next) => void navigate({ search: (old) => ({ cron: old.cron, zone: old.zone, kind: next }) })}
        />
      </div>
      {!me || known === undefined ? (
        <JobPanelComing form={form} span="c7" />
      ) : (
        <Form
          key={form.kind}
          form={suited(form, known)}
          lacking={lackingWords(form, known)}
          given={parametersIn(params)}
          cron={cron ?? NIGHTLY}
          zone={zone ?? me.workspace.zone}
        />
      )}
    </>
  );
}
