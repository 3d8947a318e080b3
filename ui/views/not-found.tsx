// An address the console does not have: said as that, with the pages there are.
import { Link } from '@tanstack/react-router';
import { Icon } from '../components/icon.tsx';
import { State } from '../components/states.tsx';
import { useTitle } from '../hooks.ts';
import { rail } from './catalogue.ts';

/** Between rail and top bar. */
export function NotFoundState() {
  useTitle('No such page');
  return (
    <>
      <h1 className="sr">No such page</h1>
      <State
        icon="empty"
        title="There is no such page"
        actions={
          <>
            {rail.map(({ to, title, icon }) => (
              <Link key={to} className={to === '/' ? 'ctl pri' : 'ctl'} to={to}>
                <Icon name={icon} small />
                {title}
              </Link>
            ))}
            <a className="ctl" href="/docs">
              API
            </a>
          </>
        }
      >
        <p className="mono">{location.pathname}</p>
        <p>Perhaps the address was cut short, or what it named is gone.</p>
      </State>
    </>
  );
}

/** By itself. */
export function NotFoundView() {
  return (
    <main className="alone">
      <div>
        <NotFoundState />
      </div>
    </main>
  );
}
