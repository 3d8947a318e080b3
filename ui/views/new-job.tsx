// Asking for a job: fields with defaults that make sense, kept in the address; for a training what it would find, before it is asked for. Every press
// carries a key, so that pressing twice asks once.
import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { Action } from '../components/action.tsx';
import { JobPanel, JobPanelComing } from '../components/jobs/job-panel.tsx';
import { TrainingCheckView } from '../components/jobs/training-check.tsx';
import { Choice, Panel } from '../components/panel.tsx';
import { NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { curlPost } from '../curl.ts';
import { useDebounced, useTitle } from '../hooks.ts';
import { formOf, JOB_FORMS, type JobForm, type Values } from '../job-forms.ts';
import type { TrainingCheck } from '../job-results.ts';
import { bodyOf, initialValues, parametersIn } from '../job-values.ts';
import { kindWord } from '../job-words.ts';
import { newKey, startJob } from '../jobs.ts';
import { commanding } from '../patience.ts';
import { lackingWords, suited, useKnown } from '../people.ts';

const ADDRESS_MS = 300;

function DryRun({ body }: { body: Record<string, unknown> }) {
  const asked = JSON.stringify(body);
  const check = useMutation({
    ...commanding,
    mutationFn: async () => {
      const { deploy: _, ...rest } = body;
      const found = await startJob('train', { ...rest, dry_run: true }, newKey());
      if (found.job !== null) throw new Error('a dry run was answered as a job');
      return { asked, check: found.answer as TrainingCheck };
    },
  });
  const { mutate } = check;
  useEffect(() => mutate(), [mutate]);
  const stale = check.data !== undefined && check.data.asked !== asked;
  return (
    <div className="stack" aria-busy={check.isPending}>
      {(stale || check.isError) && (
        <div className="recheck">
          {stale && !check.isPending && <Note>What is below was asked with other parameters.</Note>}
          <Action needs="model:write" icon="retry" busy={check.isPending} onClick={() => mutate()}>
            {check.isPending ? 'Looking…' : 'Check again'}
          </Action>
        </div>
      )}
      {check.isError && !check.isPending ? (
        <section className="panel" aria-label="What it would find">
          <State icon="warning" bad title="A training would be refused">
            <p>{check.error.message}</p>
          </State>
        </section>
      ) : check.data ? (
        <div className={stale || check.isPending ? 'stack dimmed' : 'stack'}>
          <TrainingCheckView check={check.data.check} />
        </div>
      ) : (
        <Panel title="What it would find" unit="the log is read, nothing is written">
          <Skeleton rows={9} />
        </Panel>
      )}
    </div>
  );
}

function Form(props: { form: JobForm; lacking: string | null; given: Record<string, unknown> | null }) {
  const { form } = props;
  const [values, setValues] = useState<Values>(() => initialValues(form, props.given));
  const navigate = useNavigate({ from: '/jobs/new' });
  const body = bodyOf(form, values);
  const text = JSON.stringify(body);
  const settled = useDebounced(text, ADDRESS_MS);
  useEffect(() => {
    void navigate({ search: { kind: form.kind, params: settled }, replace: true });
  }, [settled, form.kind, navigate]);
  // One key for one body: another body is another question.
  const key = useRef({ text, key: newKey() });
  if (key.current.text !== text) key.current = { text, key: newKey() };
  const ask = useMutation({
    ...commanding,
    mutationFn: () => startJob(form.kind, body, key.current.key),
    onSuccess: (found) => {
      if (found.job) void navigate({ to: '/jobs/$id', params: { id: found.job.id }, search: {} });
    },
  });
  const mayAsk = useMay(form.needs);
  const span = form.kind === 'train' ? 'c5' : 'c7';
  return (
    <div className="grid">
      <JobPanel
        form={form}
        lacking={props.lacking}
        values={values}
        onChange={setValues}
        error={ask.error}
        busy={ask.isPending}
        onSubmit={() => ask.mutate()}
        words={{ name: 'New job', submit: form.submit, busy: 'Asking…', failed: 'Not asked for.' }}
        curl={() => curlPost(`/api/jobs/${form.kind}`, body)}
        span={span}
      />
      {form.kind === 'train' && (
        <div className="c7">
          {mayAsk ? (
            <DryRun body={body} />
          ) : (
            <section className="panel" aria-label="What it would find">
              <State icon="lock" title="What a training would find needs model:write">
                <p>An ML engineer or an Administrator sees here what is missing, before anything is started.</p>
              </State>
            </section>
          )}
        </div>
      )}
    </div>
  );
}

export function NewJobView() {
  useTitle('New job');
  const { kind, params } = useSearch({ from: '/shell/jobs/new' });
  const navigate = useNavigate({ from: '/jobs/new' });
  const me = useMe();
  const maySee = useMay('model:read');
  const form = formOf(kind);
  const known = useKnown();
  if (me && !maySee) return <NotAllowed title="New job" what="jobs" />;
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/jobs">
          Jobs
        </Link>
        <span className="crumb hide">/</span>
        <h1>New job</h1>
        <Choice
          label="Kind of job"
          value={form.kind}
          options={JOB_FORMS.map((each) => [each.kind, kindWord(each.kind)] as const)}
          onChange={(next) => void navigate({ search: { kind: next } })}
        />
      </div>
      {known === undefined ? (
        <JobPanelComing form={form} span="c7" />
      ) : (
        <Form
          key={form.kind}
          form={suited(form, known)}
          lacking={lackingWords(form, known)}
          given={parametersIn(params)}
        />
      )}
    </>
  );
}
