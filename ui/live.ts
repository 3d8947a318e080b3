// One server-sent stream per tab. The browser resumes it by itself with Last-Event-ID; what it gives up on (a refusal, a server that is gone)
// is tried again with growing pauses. Pages read the counters through `useLive`.
import { useSyncExternalStore } from 'react';

export interface Counters {
  customers: number;
  orders: number;
  events: number;
  seq: number;
  at: string | null;
  events_per_second: number;
}
export type LiveState = 'live' | 'reconnecting' | 'paused';
export interface Live {
  state: LiveState;
  counters: Counters | null;
  /** Changes when another model comes into force. */
  model: string | null;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export interface Feed {
  subscribe(listener: () => void): () => void;
  snapshot(): Live;
  /** Told of each job that moves. */
  onJob(listener: (job: unknown) => void): () => void;
  /** Opens the stream (anew: after signing in or out it carries other rights), unless the reader paused it. */
  start(): void;
  stop(): void;
  pause(): void;
  resume(): void;
}

/** @param open makes an EventSource; tests hand over their own. */
export function createFeed(open: () => EventSource): Feed {
  let live: Live = { state: 'reconnecting', counters: null, model: null };
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let pause = FIRST_PAUSE_MS;
  const listeners = new Set<() => void>();
  const jobListeners = new Set<(job: unknown) => void>();

  const set = (change: Partial<Live>) => {
    live = { ...live, ...change };
    for (const listener of listeners) listener();
  };
  function close() {
    source?.close();
    source = null;
    if (timer) clearTimeout(timer);
    timer = null;
  }
  function connect() {
    close();
    const stream = open();
    source = stream;
    stream.addEventListener('open', () => {
      pause = FIRST_PAUSE_MS;
      set({ state: 'live' });
    });
    stream.addEventListener('counters', (message) => {
      set({ state: 'live', counters: JSON.parse((message as MessageEvent<string>).data) as Counters });
    });
    stream.addEventListener('model', (message) => {
      const { id, seq } = JSON.parse((message as MessageEvent<string>).data) as { id: string; seq: number };
      set({ model: `${id}@${seq}` });
    });
    stream.addEventListener('job', (message) => {
      const job: unknown = JSON.parse((message as MessageEvent<string>).data);
      for (const listener of jobListeners) listener(job);
    });
    stream.addEventListener('error', () => {
      set({ state: 'reconnecting' });
      // CONNECTING: the browser comes back by itself, with Last-Event-ID. CLOSED: it was refused; that is up to us.
      if (stream.readyState !== 2 || source !== stream) return;
      timer = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    });
  }
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => live,
    onJob(listener) {
      jobListeners.add(listener);
      return () => jobListeners.delete(listener);
    },
    start() {
      if (live.state === 'paused') return;
      set({ state: 'reconnecting' });
      connect();
    },
    stop: close,
    pause() {
      close();
      set({ state: 'paused' });
    },
    resume() {
      set({ state: 'reconnecting' });
      connect();
    },
  };
}

export const feed = createFeed(() => new EventSource('/api/stream'));
export const useLive = (): Live => useSyncExternalStore(feed.subscribe, feed.snapshot);
