// The panel in which a job is asked for or planned: what it does, what of it cannot be had here, its fields, what was refused, and the same as curl.
import type { FormEvent, ReactNode } from 'react';
import type { JobForm, Values } from '../../job-forms.ts';
import { kindWord } from '../../job-words.ts';
import { Action } from '../action.tsx';
import { CopyButton } from '../copy.tsx';
import { Panel } from '../panel.tsx';
import { Failed } from '../states.tsx';
import { fieldErrors, JobFields } from './job-fields.tsx';

export function JobPanel(props: {
  form: JobForm;
  /** What cannot be asked for, and why. */
  lacking: string | null;
  values: Values;
  onChange: (next: (old: Values) => Values) => void;
  /** Of what was asked for last. */
  error: Error | null;
  /** At fields, beside those of `error`. */
  errors?: Readonly<Record<string, string>>;
  busy: boolean;
  onSubmit: () => void;
  words: { name: string; submit: string; busy: string; failed: string };
  curl: () => string;
  span: 'c5' | 'c7';
  /** Before the fields of the kind. */
  children?: ReactNode;
}) {
  const { form, words, error, busy } = props;
  const refused = fieldErrors(error);
  const errors = { ...props.errors, ...refused };
  // What no field can say stands below them all.
  const told = errors[''] ?? (error && Object.keys(refused).length === 0 ? error.message : null);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) props.onSubmit();
  };
  return (
    <Panel title={kindWord(form.kind)} span={props.span} className="formpanel">
      <p className="lead">{form.lead}</p>
      {props.lacking && <p className="lead lacking">{props.lacking}</p>}
      <form className="jobform" onSubmit={onSubmit} noValidate aria-label={`${words.name}: ${kindWord(form.kind)}`}>
        {props.children}
        <JobFields
          form={form}
          values={props.values}
          errors={errors}
          onChange={(name, value) => props.onChange((old) => ({ ...old, [name]: value }))}
        />
        {told && <Failed lead={words.failed}>{told}</Failed>}
        <div className="acts">
          <Action needs={form.needs} submit primary busy={busy}>
            {busy ? words.busy : words.submit}
          </Action>
          <CopyButton text={props.curl} label="Copy as curl" ghost />
        </div>
      </form>
    </Panel>
  );
}

/** While it is not known yet who there is. */
export function JobPanelComing({ form, span }: { form: JobForm; span: 'c5' | 'c7' }) {
  return (
    <div className="grid">
      <Panel title={kindWord(form.kind)} span={span} className="formpanel">
        <p className="lead">{form.lead}</p>
      </Panel>
    </div>
  );
}
