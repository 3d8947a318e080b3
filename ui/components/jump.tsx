// Search and jump: customers by the beginning of their id (asked of the server), and pages. Arrows choose, Enter goes.
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useMay } from '../account.ts';
import { useDebounced } from '../hooks.ts';
import { matchesQuery } from '../queries.ts';
import { rail } from '../views/catalogue.ts';
import { Dialog } from './dialog.tsx';
import { Icon, type IconName } from './icon.tsx';
import { isBand, Risk } from './risk.tsx';

interface Target {
  key: string;
  icon: IconName;
  words: string;
  band: string | null;
  group: 'Customers' | 'Pages';
  go: () => void;
}

export function JumpDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const navigate = useNavigate();
  const maySearch = useMay('customer:read');
  const q = useDebounced(text.trim(), 120);
  const matches = useQuery({ ...matchesQuery(q), enabled: maySearch && q !== '' });
  const customers: Target[] = (q === '' ? [] : (matches.data?.items ?? [])).map((item) => ({
    key: item.ref,
    icon: 'customers',
    words: item.customer_id,
    band: item.band,
    group: 'Customers',
    // The pseudonym, not the id: addresses end up in histories and logs.
    go: () => void navigate({ to: '/customers/$ref', params: { ref: item.ref } }),
  }));
  const pages: Target[] = rail
    .filter((entry) => entry.title.toLowerCase().includes(text.trim().toLowerCase()))
    .map((entry) => ({
      key: entry.to,
      icon: entry.icon,
      words: entry.title,
      band: null,
      group: 'Pages',
      go: () => void navigate({ to: entry.to }),
    }));
  const targets = [...customers, ...pages];
  const at = Math.min(chosen, targets.length - 1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question begins at the top.
  useEffect(() => setChosen(0), [q]);
  const take = (target: Target | undefined) => {
    if (!target) return;
    onClose();
    target.go();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'ArrowDown') setChosen(Math.min(at + 1, targets.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(at - 1, 0));
    else if (event.key === 'Enter') take(targets[at]);
    else return;
    event.preventDefault();
  };
  const none =
    q !== '' && maySearch && matches.isSuccess && !matches.isFetching && customers.length === 0
      ? `No customer id begins with ${q}.`
      : !maySearch && text !== ''
        ? 'Sign in to search customers.'
        : null;
  return (
    <Dialog label="Search or jump" className="pal" onClose={onClose}>
      <div className="pin">
        <Icon name="search" />
        <input
          autoFocus
          role="combobox"
          aria-label="Customer id or page"
          aria-expanded="true"
          aria-controls="jump-list"
          aria-activedescendant={targets[at] ? `jump-${at}` : undefined}
          placeholder="Customer id or page"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <kbd>esc</kbd>
      </div>
      <div id="jump-list" role="listbox" aria-label="Matches">
        {targets.map((target, index) => (
          <div key={target.key} role="presentation">
            {target.group !== targets[index - 1]?.group && <div className="ph">{target.group}</div>}
            {/* biome-ignore lint/a11y/useKeyWithClickEvents: arrows and Enter in the field do the same. */}
            <div
              id={`jump-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className={index === at ? 'pr on' : 'pr'}
              onPointerMove={() => setChosen(index)}
              onClick={() => take(target)}
            >
              <Icon name={target.icon} />
              <span className={target.group === 'Customers' ? 'mono' : undefined}>{target.words}</span>
              {isBand(target.band) && <Risk band={target.band} />}
            </div>
          </div>
        ))}
      </div>
      {none && (
        <p className="pnone" role="status">
          {none}
        </p>
      )}
    </Dialog>
  );
}
