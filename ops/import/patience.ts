// An import of hours must not end because the keyring was away for seconds: what was refused for that is sent again, the same bytes.
import { ApiError } from '../client.ts';

/** Nothing of such a request was stored. */
const PASSING: ReadonlySet<unknown> = new Set(['keyring-unavailable', 'rate-limited']);
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** In all, before the import gives up. */
const PATIENCE_MS = 5 * 60_000;

export interface Patience {
  say(text: string): void;
  pause(ms: number): Promise<unknown>;
}

/** @throws the last refusal after five minutes of them; any other error at once. */
export async function patiently<T>(work: () => Promise<T>, { say, pause }: Patience): Promise<T> {
  let waited = 0;
  for (let next = FIRST_PAUSE_MS; ; next = Math.min(LONGEST_PAUSE_MS, next * 2))
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError) || !PASSING.has(error.problem.reason) || waited >= PATIENCE_MS) throw error;
      if (waited === 0) say(`${error.message}; waiting, then going on …\n`);
      await pause(next);
      waited += next;
    }
}
