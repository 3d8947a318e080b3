// Rail, top bar and the page between them; keys that work everywhere.
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { roleWord, useMe } from '../account.ts';
import { count } from '../format.ts';
import { inField } from '../hooks.ts';
import { useJobsLive } from '../jobs.ts';
import { feed, useLive } from '../live.ts';
import { queryClient } from '../queries.ts';
import { type RailEntry, rail } from '../views/catalogue.ts';
import { Icon } from './icon.tsx';
import { JumpDialog } from './jump.tsx';
import { ShortcutsDialog } from './shortcuts.tsx';
import { TopBar } from './top-bar.tsx';
import { WaitingLine } from './waiting.tsx';

const GROUPS = ['see', 'act', 'build', 'govern'] as const;
const SECOND_KEY_MS = 1_200;

function Brand() {
  return (
    <span className="tile" aria-hidden="true">
      <u>47</u>
      <i>A</i>
    </span>
  );
}

function RailLink({ entry, customers }: { entry: RailEntry; customers: number | undefined }) {
  return (
    <Link
      to={entry.to}
      activeOptions={{ exact: entry.to === '/' }}
      activeProps={{ 'aria-current': 'page' }}
      title={`${entry.title} (g ${entry.key})`}
      aria-label={entry.title}
    >
      <Icon name={entry.icon} />
      <span className="lb">{entry.title}</span>
      {entry.to === '/customers' && customers !== undefined && <span className="n">{count(customers)}</span>}
    </Link>
  );
}

function Rail() {
  const me = useMe();
  const { counters } = useLive();
  const workspace = me?.workspace;
  return (
    <nav className="rail" aria-label="Main">
      <Link className="brand" to="/" aria-label="Axiom47, home">
        <Brand />
        <span className="lb">Axiom47</span>
      </Link>
      {workspace && (
        <div className="ws" title={`Workspace ${workspace.name}`}>
          <span className="m">{workspace.name}</span>
          <small>{workspace.demo ? 'demo' : workspace.reporting_currency}</small>
        </div>
      )}
      {GROUPS.map((group) => rail.filter((entry) => entry.group === group))
        .filter((entries) => entries.length > 0)
        .map((entries) => (
          <div className="nav" key={entries[0]!.group}>
            {entries.map((entry) => (
              <RailLink key={entry.to} entry={entry} customers={counters?.customers} />
            ))}
          </div>
        ))}
      {me && (
        <footer>
          <span className="ava" aria-hidden="true">
            {(me.user?.email ?? 'Visitor').slice(0, 2).toUpperCase()}
          </span>
          <span className="lb who">
            <span className="m">{me.user?.email ?? 'Not signed in'}</span>
            <br />
            <span className="t3 s11">{roleWord(me.role)}</span>
          </span>
        </footer>
      )}
    </nav>
  );
}

function BottomBar({ onJump }: { onJump: () => void }) {
  return (
    <nav className="mtabs" aria-label="Main">
      {rail.map((entry) => (
        <Link
          key={entry.to}
          to={entry.to}
          activeOptions={{ exact: entry.to === '/' }}
          activeProps={{ 'aria-current': 'page' }}
        >
          <Icon name={entry.icon} />
          {entry.title}
        </Link>
      ))}
      <button type="button" onClick={onJump}>
        <Icon name="search" />
        Search
      </button>
    </nav>
  );
}

/** `/` and ⌘K search, `g` and a letter goes to a page, `?` lists the keys. */
function useKeys(open: { jump: () => void; shortcuts: () => void }) {
  const navigate = useNavigate();
  useEffect(() => {
    let goAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (document.querySelector('dialog[open]')) return;
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        open.jump();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || inField(event)) return;
      const target = Date.now() - goAt < SECOND_KEY_MS ? rail.find((entry) => entry.key === event.key) : undefined;
      goAt = event.key === 'g' ? Date.now() : 0;
      if (target) void navigate({ to: target.to });
      else if (event.key === '/') {
        event.preventDefault();
        open.jump();
      } else if (event.key === '?') open.shortcuts();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [navigate, open]);
}

export function Shell() {
  const [dialog, setDialog] = useState<'jump' | 'shortcuts' | null>(null);
  const [open] = useState(() => ({ jump: () => setDialog('jump'), shortcuts: () => setDialog('shortcuts') }));
  useKeys(open);
  const me = useMe();
  const mayWatch = me?.permissions.includes('demo:read') ?? false;
  useEffect(() => {
    if (!mayWatch) return;
    feed.start();
    return () => feed.stop();
  }, [mayWatch]);
  useJobsLive();
  const { model } = useLive();
  useEffect(() => {
    // Another model in force: every prediction on the page is another one.
    if (model !== null) void queryClient.invalidateQueries();
  }, [model]);
  const close = () => setDialog(null);
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <div className="app">
        <Rail />
        <div className="page">
          <TopBar mayWatch={mayWatch} onJump={open.jump} onShortcuts={open.shortcuts} />
          <main id="main" tabIndex={-1}>
            <WaitingLine />
            <Outlet />
          </main>
        </div>
        <BottomBar onJump={open.jump} />
      </div>
      {dialog === 'jump' && <JumpDialog onClose={close} />}
      {dialog === 'shortcuts' && <ShortcutsDialog onClose={close} />}
    </>
  );
}
