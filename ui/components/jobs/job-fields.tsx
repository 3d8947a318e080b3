// The fields of a kind of job. A refusal of the API stands at the field it is about.
import { useQuery } from '@tanstack/react-query';
import { useMay } from '../../account.ts';
import { Refused } from '../../client.ts';
import type { Field, JobForm, Option, Values } from '../../job-forms.ts';
import { modelsQuery } from '../../models.ts';
import { whoMay } from '../action.tsx';
import { Icon } from '../icon.tsx';
import { Hint, Labelled, useDescribed } from './labelled.tsx';

/** Which field a refusal speaks of; of a plan's parameters as of a job's. */
export function fieldErrors(error: Error | null): Record<string, string> {
  if (!(error instanceof Refused)) return {};
  return Object.fromEntries(
    error.fields.map(({ pointer, detail }) => [pointer.replace(/^\/params(?=\/)/, '').split('/')[1] ?? '', detail]),
  );
}

function useOptions(field: Field): readonly Option[] {
  const models = useQuery({ ...modelsQuery, enabled: field.options === 'models' });
  if (field.options !== 'models') return field.options ?? [];
  return [
    ['', 'what is in force'],
    ...(models.data?.items ?? []).map(({ id, in_force }) => [id, in_force ? `${id}, in force` : id] as const),
  ];
}

function Input(props: {
  field: Field;
  value: string | boolean;
  error: string | undefined;
  onChange: (value: string | boolean) => void;
}) {
  const { field, value } = props;
  const allowed = useMay(field.needs ?? 'model:read');
  const locked = field.needs !== undefined && !allowed;
  const options = useOptions(field);
  const said = locked && field.needs ? `Needs ${field.needs}: ${whoMay(field.needs)}` : field.hint;
  const described = useDescribed(said, props.error);
  if (field.kind === 'check')
    return (
      <div className="fcheck">
        <input
          {...described}
          type="checkbox"
          checked={value === true}
          disabled={locked}
          onChange={(event) => props.onChange(event.target.checked)}
        />
        <label htmlFor={described.id}>
          {locked && <Icon name="lock" small />}
          {field.label}
        </label>
        <Hint id={described.id} hint={said} error={props.error} />
      </div>
    );
  return (
    <Labelled label={field.label} hint={said} error={props.error}>
      {(own) =>
        field.kind === 'select' ? (
          <select {...own} value={String(value)} onChange={(event) => props.onChange(event.target.value)}>
            {options.map(([option, word]) => (
              <option key={option} value={option} disabled={field.off?.includes(option) ?? false}>
                {word}
              </option>
            ))}
          </select>
        ) : (
          <input
            {...own}
            type={field.kind === 'list' ? 'text' : field.kind}
            value={String(value)}
            maxLength={2000}
            {...(field.kind === 'number' && {
              inputMode: 'decimal' as const,
              min: field.least,
              max: field.most,
              step: field.step ?? 1,
            })}
            onChange={(event) => props.onChange(event.target.value)}
          />
        )
      }
    </Labelled>
  );
}

export function JobFields(props: {
  form: JobForm;
  values: Values;
  errors: Readonly<Record<string, string>>;
  onChange: (name: string, value: string | boolean) => void;
}) {
  const { form, values } = props;
  const asked = form.fields.filter(({ when }) => !when || when(values));
  const draw = (field: Field) => (
    <Input
      key={field.name}
      field={field}
      value={values[field.name] ?? ''}
      error={props.errors[field.name]}
      onChange={(value) => props.onChange(field.name, value)}
    />
  );
  const more = asked.filter((field) => field.more);
  return (
    <>
      {asked.filter((field) => !field.more && field.kind !== 'check').map(draw)}
      {more.length > 0 && (
        <details className="more" open={more.some(({ name }) => props.errors[name])}>
          <summary>More</summary>
          {more.map(draw)}
        </details>
      )}
      {asked.filter((field) => !field.more && field.kind === 'check').map(draw)}
    </>
  );
}
