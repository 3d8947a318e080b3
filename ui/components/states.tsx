// The states a panel can be in when it has no figures: loading (same size), empty (why, and what next), failed (what, and the trace to quote),
// not allowed (who may). A blank without a reason is never shown.
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMe } from '../account.ts';
import { Refused } from '../client.ts';
import { CopyButton } from './copy.tsx';
import { Icon, type IconName } from './icon.tsx';

export function State(props: {
  icon: IconName;
  bad?: boolean;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className="state">
      <span className={props.bad ? 'si bad' : 'si'}>
        <Icon name={props.icon} />
      </span>
      <h2>{props.title}</h2>
      {props.children}
      {props.actions && <div className="sa">{props.actions}</div>}
    </div>
  );
}

export function SignInState({ what }: { what: string }) {
  return (
    <State
      icon="lock"
      title={`Sign in to see ${what}`}
      actions={
        <Link className="ctl pri" to="/login" search={{ next: location.pathname + location.search }}>
          Sign in
        </Link>
      }
    >
      <p>Without an account only the demo’s totals are shown, and nothing of anybody.</p>
    </State>
  );
}

export function ErrorState({ error, retry }: { error: Error; retry?: (() => void) | undefined }) {
  const refused = error instanceof Refused ? error : null;
  if (refused?.status === 401) return <SignInState what="this" />;
  if (refused?.status === 403)
    return (
      <State icon="lock" title="Your role may not see this">
        <p>{refused.message}</p>
      </State>
    );
  return (
    <div role="alert">
      <State
        icon="warning"
        bad
        title={refused?.title ?? 'This could not be shown'}
        actions={
          <>
            {retry && (
              <button type="button" className="ctl" onClick={retry}>
                <Icon name="retry" small />
                Retry
              </button>
            )}
            {refused?.traceId && <CopyButton text={refused.traceId} label="Copy trace id" ghost />}
          </>
        }
      >
        <p className="mono">{refused ? `${refused.status || 'no answer'} ${refused.reason}` : error.name}</p>
        <p>{error.message}</p>
      </State>
    </div>
  );
}

/** In place of a page whose reader may not see it, or has not said who they are. @param what as in `jobs`, `this job`. */
export function NotAllowed({ title, what, things = what }: { title: string; what: string; things?: string }) {
  const me = useMe();
  return (
    <section className="panel" aria-label={title}>
      {me?.user ? <ErrorState error={new Error(`Your role may not see ${things}.`)} /> : <SignInState what={what} />}
    </section>
  );
}

/** What was asked for and not done, and why. */
export function Failed({ lead, children }: { lead: string; children: ReactNode }) {
  return (
    <div role="alert">
      <Note tone="warn">
        <b>{lead}</b> {children}
      </Note>
    </div>
  );
}

/** Grey shapes of the size of what will stand there. */
export function Skeleton({ height, rows }: { height?: number; rows?: number }) {
  if (rows !== undefined)
    return (
      <div className="sk" role="status" aria-label="Loading">
        {Array.from({ length: rows }, (_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: grey rows have no identity.
          <i key={index} style={{ width: `${90 - ((index * 17) % 40)}%` }} />
        ))}
      </div>
    );
  return (
    <div className="sk" role="status" aria-label="Loading">
      <i style={{ height }} />
    </div>
  );
}

export function Note({ tone, children }: { tone?: 'warn'; children: ReactNode }) {
  return (
    <div className={tone ? `note ${tone}` : 'note'} role="note">
      <Icon name={tone === 'warn' ? 'warning' : 'info'} small />
      <span>{children}</span>
    </div>
  );
}
