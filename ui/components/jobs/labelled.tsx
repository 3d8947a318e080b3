// A field with its label, and below it what is wrong with it, else a hint.
import { type ReactNode, useId } from 'react';

/** What a field is described by for readers by ear. */
export interface Described {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean;
}

export function Hint({ id, hint, error }: { id: string; hint?: ReactNode; error?: string | undefined }) {
  const said = error ?? hint;
  return said ? (
    <small id={`${id}-hint`} className={error ? 'ferr' : 't3'}>
      {said}
    </small>
  ) : null;
}

export function useDescribed(said: ReactNode, error: string | undefined): Described {
  const id = useId();
  return { id, 'aria-describedby': (error ?? said) ? `${id}-hint` : undefined, 'aria-invalid': error !== undefined };
}

export function Labelled(props: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (described: Described) => ReactNode;
}) {
  const described = useDescribed(props.hint, props.error);
  return (
    <div className="frow">
      <label htmlFor={described.id}>{props.label}</label>
      {props.children(described)}
      <Hint id={described.id} hint={props.hint} error={props.error} />
    </div>
  );
}
