// The form that sign-in and first set-up share: address, password, and refusals beside the field they are about.
import { type FormEvent, type ReactNode, useState } from 'react';
import { Refused } from '../client.ts';
import { Note } from '../components/states.tsx';

export interface Credentials {
  email: string;
  password: string;
}

function fieldError(error: Error | null, name: string): string | null {
  if (!(error instanceof Refused)) return null;
  return error.fields.find((field) => field.pointer === `/${name}`)?.detail ?? null;
}

export function CredentialsForm(props: {
  submit: string;
  newPassword: boolean;
  hint?: ReactNode;
  send: (credentials: Credentials) => Promise<void>;
}) {
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    props
      .send({ email: String(form.get('email')), password: String(form.get('password')) })
      .catch((refusal: unknown) => setError(refusal instanceof Error ? refusal : new Error(String(refusal))))
      .finally(() => setBusy(false));
  };
  const wait = error instanceof Refused && error.retryAfter ? ` Try again in ${error.retryAfter} s.` : '';
  const inField = fieldError(error, 'email') ?? fieldError(error, 'password');
  return (
    <form className="fields" onSubmit={onSubmit}>
      <label>
        <span>E-mail</span>
        <input
          name="email"
          type="email"
          autoComplete="username"
          required
          maxLength={254}
          aria-invalid={fieldError(error, 'email') !== null}
        />
      </label>
      {fieldError(error, 'email') && <p className="ferr">{fieldError(error, 'email')}</p>}
      <label>
        <span>Password</span>
        <input
          name="password"
          type="password"
          autoComplete={props.newPassword ? 'new-password' : 'current-password'}
          required
          maxLength={1024}
          aria-invalid={fieldError(error, 'password') !== null}
        />
      </label>
      {fieldError(error, 'password') && <p className="ferr">{fieldError(error, 'password')}</p>}
      {props.hint}
      <div role="alert">
        {error && (!inField || wait !== '') && (
          <Note tone="warn">
            <b>{error instanceof Refused ? error.title : 'This failed'}:</b> {error.message}.{wait}
          </Note>
        )}
      </div>
      <button type="submit" className="ctl pri wide" disabled={busy}>
        {busy ? 'One moment…' : props.submit}
      </button>
    </form>
  );
}

export function Alone({ title, lead, children }: { title: string; lead: ReactNode; children: ReactNode }) {
  return (
    <main className="alone" id="main">
      <section className="panel card">
        <span className="tile big" aria-hidden="true">
          <u>47</u>
          <i>A</i>
        </span>
        <h1>{title}</h1>
        <p className="t2">{lead}</p>
        {children}
      </section>
    </main>
  );
}
