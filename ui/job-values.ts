// The fields of a job as they are typed, and the body the API takes. A blank field is left out, so that the platform's own default stands.
import type { Field, JobForm, Values } from './job-forms.ts';

const blank = (field: Field): string | boolean => field.initial ?? (field.kind === 'check' ? false : '');
/** @param given parameters of an earlier job of this kind. */
export function initialValues({ fields }: JobForm, given: Readonly<Record<string, unknown>> | null): Values {
  return Object.fromEntries(
    fields.map((field) => {
      if (given === null) return [field.name, blank(field)];
      const value = given[field.name];
      if (field.kind === 'check') return [field.name, value === true];
      // What was not asked of that job says nothing of what it would have been.
      if (field.when && !field.when(given as Values)) return [field.name, blank(field)];
      if (value === undefined || value === null) return [field.name, field.absent ?? ''];
      return [field.name, Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? '' : String(value)];
    }),
  );
}

/** The body of the request: what is asked, and nothing that was left blank. */
export function bodyOf({ fields }: JobForm, values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const value = values[field.name];
    if (field.when && !field.when(values)) continue;
    if (field.kind === 'check') body[field.name] = value === true;
    else if (typeof value !== 'string' || value.trim() === '') continue;
    else if (field.kind === 'number') body[field.name] = Number(value);
    else if (field.kind === 'list')
      body[field.name] = value
        .split(',')
        .map((each) => each.trim())
        .filter(Boolean);
    else body[field.name] = value.trim();
  }
  return body;
}

/** Parameters as an address carries them; what is no object is ignored. */
export function parametersIn(text: string | undefined): Record<string, unknown> | null {
  if (!text) return null;
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
