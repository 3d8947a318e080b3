// One line above the page while the server does not answer: what it said, that it is asked again by itself, and a way to ask now. What was read
// before stays on the page; what was never read stays grey.
import { useCallback, useRef, useSyncExternalStore } from 'react';
import { type Waiting, waitingOf } from '../patience.ts';
import { queryClient } from '../queries.ts';
import { Icon } from './icon.tsx';

const same = (a: Waiting | null, b: Waiting | null) => a?.said === b?.said && a?.tries === b?.tries;

function useWaiting(): Waiting | null {
  const last = useRef<Waiting | null>(null);
  const subscribe = useCallback((listener: () => void) => {
    const stop = [queryClient.getQueryCache().subscribe(listener), queryClient.getMutationCache().subscribe(listener)];
    return () => stop.forEach((each) => void each());
  }, []);
  const read = () => {
    const now = waitingOf(
      queryClient
        .getQueryCache()
        .getAll()
        .map(({ state }) => state),
      queryClient
        .getMutationCache()
        .getAll()
        .map(({ state }) => state),
    );
    // The same object for the same state, as React asks of a store.
    if (!same(last.current, now)) last.current = now;
    return last.current;
  };
  return useSyncExternalStore(subscribe, read, read);
}

/** Those that wait between two tries begin anew, without the rest of their pause. */
async function askNow(): Promise<void> {
  const stuck = queryClient.getQueryCache().findAll({ predicate: ({ state }) => state.fetchFailureCount > 0 });
  const predicate = (query: (typeof stuck)[number]) => stuck.includes(query);
  await queryClient.cancelQueries({ predicate });
  await queryClient.refetchQueries({ type: 'active', predicate });
}

export function WaitingLine() {
  const waiting = useWaiting();
  return (
    <div role="status">
      {waiting && (
        <div className="note warn waiting">
          <Icon name="warning" small />
          <span>
            <b>{waiting.said.title}.</b> It is asked again by itself, with growing pauses
            {waiting.tries > 1 && ` (${waiting.tries} times so far)`}; figures that are shown are from before.{' '}
            <span className="t3">{waiting.said.message}</span>
          </span>
          <button type="button" className="ctl" onClick={() => void askNow()}>
            Ask now
          </button>
        </div>
      )}
    </div>
  );
}
