// Live counters for every open console: one look at the columns a second, however many are watching, and none when nobody is.
import type { Deps } from './deps.ts';
import { inForceOf } from './predict/as-of.ts';
import type { Predictions } from './predict/service.ts';

export interface Counters {
  customers: number;
  orders: number;
  events: number;
  seq: number;
  at: string | null;
  events_per_second: number;
}
export interface LiveMessage {
  /** `<start>-<n>`: lets a console that reconnects go on where it was. */
  id: string;
  event: 'counters' | 'model';
  data: unknown;
}

const TICK_MS = 250;
/** Messages kept for those who come back. */
const KEPT = 100;

export function createLiveFeed(deps: Deps, predictions: Predictions) {
  const start = Math.floor(deps.now()).toString(36);
  const kept: LiveMessage[] = [];
  const listeners = new Set<(message: LiveMessage) => void>();
  let number = 0;
  let timer: NodeJS.Timeout | null = null;
  let shown = '';
  let model: string | null = null;

  async function counters(): Promise<Counters> {
    const moment = predictions.now();
    const { customers, orders, events } = deps.columns.state();
    const { eventsPerSecond } = await deps.gateway.status();
    return { customers, orders, events, seq: moment.seq, at: moment.atText, events_per_second: eventsPerSecond };
  }
  function send(event: LiveMessage['event'], data: unknown): LiveMessage {
    const message = { id: `${start}-${++number}`, event, data };
    kept.push(message);
    if (kept.length > KEPT) kept.shift();
    for (const listener of listeners) listener(message);
    return message;
  }
  async function tick(): Promise<void> {
    const now = await counters();
    const text = JSON.stringify(now);
    if (text !== shown) {
      shown = text;
      send('counters', now);
    }
    const serving = inForceOf(deps.deployedModels(), Number.POSITIVE_INFINITY);
    const name = serving ? `${serving.id}@${serving.deployedSeq}` : null;
    if (serving && name !== model) {
      if (model !== null) send('model', { id: serving.id, version: serving.version, seq: serving.deployedSeq });
      model = name;
    }
  }
  const run = () => {
    tick().catch((error: unknown) => deps.log.warn({ error: String(error) }, 'live counters are late'));
  };

  return {
    counters,
    /** What somebody who last saw `lastId` has missed; null when that is too long ago (or another start): begin anew. */
    since(lastId: string | undefined): LiveMessage[] | null {
      if (lastId === undefined) return null;
      const at = kept.findIndex((message) => message.id === lastId);
      if (at >= 0) return kept.slice(at + 1);
      return lastId === `${start}-${number}` ? [] : null;
    },
    /** An id for a snapshot sent outside the feed: the last message it includes. */
    position: (): string => `${start}-${number}`,
    listen(listener: (message: LiveMessage) => void): () => void {
      listeners.add(listener);
      timer ??= setInterval(run, TICK_MS).unref();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && timer) {
          clearInterval(timer);
          timer = null;
        }
      };
    },
  };
}
export type LiveFeed = ReturnType<typeof createLiveFeed>;
