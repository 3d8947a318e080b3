// Search, the as-of moment, whether the page is live, theme, and who is looking.
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { roleWord, signOut, useMe } from '../account.ts';
import { asOf, day, position, time } from '../format.ts';
import { feed, useLive } from '../live.ts';
import { nextTheme, setTheme, useTheme } from '../theme.ts';
import { Icon } from './icon.tsx';

/** The moment every figure of the page was read at; solid when it is a past one, and then a way back to the present. */
function AsOfChip() {
  const { counters } = useLive();
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const navigate = useNavigate();
  const { as_of: past } = useSearch({ strict: false });
  const { ref } = useParams({ strict: false });
  if (past && ref)
    return (
      <button
        type="button"
        className="as-of past"
        title="This page is read as it was then. Back to the present."
        onClick={() => void navigate({ to: '/customers/$ref', params: { ref }, search: {} })}
      >
        as of {/^\d{4}-\d\d-\d\d$/.test(past) ? day(past) : /^\d+$/.test(past) ? position(Number(past)) : past}
        <Icon name="close" small />
      </button>
    );
  if (!counters) return null;
  return (
    <span
      className="as-of"
      data-seq={counters.seq}
      title={`Everything up to event pack ${counters.seq} is counted; ${counters.at === null ? 'the log is empty' : `the log’s clock stands at ${time(counters.at, zone)} (${zone})`}`}
    >
      <span>
        <span className="wide">as of </span>
        {asOf(counters.seq, counters.at, zone)}
      </span>
    </span>
  );
}

const LIVE = {
  live: ['Live', '', 'Figures follow the log. Click to pause.'],
  reconnecting: ['Reconnecting', ' re', 'The stream was interrupted and resumes by itself. Click to pause.'],
  paused: ['Paused', ' pa', 'Figures stand still. Click to go on.'],
} as const;

function LiveBadge() {
  const { state } = useLive();
  const past = useSearch({ strict: false }).as_of !== undefined;
  const [word, tone, title] = past ? LIVE.paused : LIVE[state];
  return (
    <button
      type="button"
      className={`live${tone}`}
      title={past ? 'The page shows a past moment.' : title}
      disabled={past}
      onClick={() => (state === 'paused' ? feed.resume() : feed.pause())}
    >
      <i />
      <span className="word" aria-live="polite">
        {word}
      </span>
    </button>
  );
}

const THEME_ICON = { system: 'theme', light: 'sun', dark: 'moon' } as const;

export function TopBar(props: { mayWatch: boolean; onJump: () => void; onShortcuts: () => void }) {
  const me = useMe();
  const theme = useTheme();
  return (
    <header className="bar">
      <Link className="brandm" to="/" aria-label="Axiom47, home">
        <span className="tile" aria-hidden="true">
          <u>47</u>
          <i>A</i>
        </span>
      </Link>
      <button type="button" className="ctl search hide" onClick={props.onJump}>
        <Icon name="search" small />
        Search or jump to…<kbd>/</kbd>
      </button>
      <span className="sp" />
      {props.mayWatch && <AsOfChip />}
      {props.mayWatch && <LiveBadge />}
      <button
        type="button"
        className="ctl icon hide"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={props.onShortcuts}
      >
        <Icon name="keyboard" />
      </button>
      <button
        type="button"
        className="ctl icon"
        aria-label={`Theme: ${theme}`}
        title={`Theme: ${theme}`}
        onClick={() => setTheme(nextTheme(theme))}
      >
        <Icon name={THEME_ICON[theme]} />
      </button>
      {me &&
        (me.user ? (
          <button
            type="button"
            className="ctl"
            title={`${me.user.email}, ${roleWord(me.role)}`}
            onClick={() => void signOut()}
          >
            Sign out
          </button>
        ) : (
          <Link className="ctl" to="/login" search={{ next: location.pathname + location.search }}>
            Sign in
          </Link>
        ))}
    </header>
  );
}
