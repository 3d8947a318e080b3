import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFeed } from '#ui/live.ts';

/** An EventSource whose server is the test. */
class Source extends EventTarget {
  readyState = 0;
  closed = false;
  close() {
    this.closed = true;
    this.readyState = 2;
  }
  say(event: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(data) }));
  }
  opened() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }
  fail(readyState: 0 | 2) {
    this.readyState = readyState;
    this.dispatchEvent(new Event('error'));
  }
}
const counters = { customers: 10, orders: 20, events: 30, seq: 4, at: '2026-11-20T14:02:11Z', events_per_second: 1 };

let made: Source[] = [];
const feedOf = () => {
  made = [];
  return createFeed(() => {
    const source = new Source();
    made.push(source);
    return source as unknown as EventSource;
  });
};
beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('opens one stream, and tells listeners what it says', () => {
  const feed = feedOf();
  let told = 0;
  feed.subscribe(() => told++);
  expect(made).toHaveLength(0);
  feed.start();
  made[0]!.opened();
  made[0]!.say('counters', counters);
  expect(feed.snapshot()).toMatchObject({ state: 'live', counters });
  expect(told).toBeGreaterThan(1);
  made[0]!.say('model', { id: 'clv@2', version: 2, seq: 9 });
  expect(feed.snapshot().model).toBe('clv@2@9');
});

test('an interruption the browser mends itself keeps the stream, so that Last-Event-ID resumes it', () => {
  const feed = feedOf();
  feed.start();
  made[0]!.opened();
  made[0]!.fail(0);
  expect(feed.snapshot().state).toBe('reconnecting');
  vi.advanceTimersByTime(60_000);
  expect(made).toHaveLength(1);
  made[0]!.opened();
  expect(feed.snapshot().state).toBe('live');
});

test('a refused stream is opened anew, with growing pauses', () => {
  const feed = feedOf();
  feed.start();
  made[0]!.fail(2);
  vi.advanceTimersByTime(499);
  expect(made).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(made).toHaveLength(2);
  made[1]!.fail(2);
  vi.advanceTimersByTime(999);
  expect(made).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(made).toHaveLength(3);
});

test('pausing closes the stream and keeps the figures; going on opens it again', () => {
  const feed = feedOf();
  feed.start();
  made[0]!.opened();
  made[0]!.say('counters', counters);
  feed.pause();
  expect(made[0]!.closed).toBe(true);
  expect(feed.snapshot()).toMatchObject({ state: 'paused', counters });
  feed.start();
  expect(made).toHaveLength(1);
  feed.resume();
  expect(made).toHaveLength(2);
});
