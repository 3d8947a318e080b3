// Sign in, and back to where one was.
import { Link, useSearch } from '@tanstack/react-router';
import { safeNext, useMe } from '../account.ts';
import { answer, api } from '../client.ts';
import { useTitle } from '../hooks.ts';
import { Alone, CredentialsForm } from './credentials.tsx';

export function LoginView() {
  useTitle('Sign in');
  const { next } = useSearch({ from: '/login' });
  const me = useMe();
  return (
    <Alone
      title="Sign in"
      lead={
        me?.needs_setup
          ? 'There is no Administrator yet. Open the set-up link that the server printed when it started.'
          : `Workspace ${me?.workspace.name ?? ''}`
      }
    >
      <CredentialsForm
        submit="Sign in"
        newPassword={false}
        send={async (credentials) => {
          await answer(api.api.login.$post({ json: credentials }));
          location.assign(safeNext(next));
        }}
      />
      <p className="t3 s12">
        {me?.workspace.demo ? 'The demo’s totals are open to everybody: ' : 'Without an account: '}
        <Link className="acc" to="/">
          home
        </Link>
        ,{' '}
        <a className="acc" href="/docs">
          API documentation
        </a>
      </p>
    </Alone>
  );
}
