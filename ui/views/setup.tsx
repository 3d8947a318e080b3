// The one-time link the server prints while there is no Administrator: choose an address and a password, and be signed in.
import { Link, useSearch } from '@tanstack/react-router';
import { useMe } from '../account.ts';
import { answer, api } from '../client.ts';
import { State } from '../components/states.tsx';
import { useTitle } from '../hooks.ts';
import { Alone, CredentialsForm } from './credentials.tsx';

export function SetupView() {
  useTitle('First set-up');
  const { token } = useSearch({ from: '/setup' });
  const me = useMe();
  if (me && !me.needs_setup)
    return (
      <Alone title="Set-up is done" lead="There is an Administrator already.">
        <Link className="ctl pri wide" to="/login">
          Sign in
        </Link>
      </Alone>
    );
  if (!token)
    return (
      <Alone title="First set-up" lead="This page needs the token of the set-up link.">
        <State icon="link" title="Open the whole link">
          <p>
            The server prints it when it starts: <span className="mono">/setup?token=…</span>. It works once and for 30
            minutes; start the server again for a new one.
          </p>
        </State>
      </Alone>
    );
  return (
    <Alone
      title="First set-up"
      lead={`Create the first Administrator of ${me?.workspace.name ?? 'this workspace'}. There is no default account.`}
    >
      <CredentialsForm
        submit="Create Administrator"
        newPassword
        hint={<p className="t3 s12">At least 12 characters; a few unrelated words do well.</p>}
        send={async ({ email, password }) => {
          await answer(api.api.setup.$post({ json: { token, email, password } }));
          // Replaced, so that the token does not stay in the history of the tab.
          location.replace('/');
        }}
      />
    </Alone>
  );
}
