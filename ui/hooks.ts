// Small hooks that several pages share.
import { useEffect, useRef, useState } from 'react';
import { useLive } from './live.ts';

export interface Size {
  width: number;
  height: number;
}
/** The room an element has, 0 × 0 until it is known: charts lay out again instead of being scaled. */
export function useSize<E extends HTMLElement>(): [ref: (element: E | null) => void, size: Size] {
  const [element, setElement] = useState<E | null>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: Math.floor(entry.contentRect.width), height: Math.floor(entry.contentRect.height) });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, size];
}

/** Calls `refresh` when the log has grown, at most every `everyMs`; the last growth is never missed. */
export function useOnAdvance(refresh: () => void, everyMs: number, enabled = true): void {
  const seq = useLive().counters?.seq;
  const seen = useRef(seq);
  const lastAt = useRef(0);
  const latest = useRef(refresh);
  latest.current = refresh;
  useEffect(() => {
    if (seq === undefined || seq === seen.current) return;
    const first = seen.current === undefined;
    seen.current = seq;
    // The first message only says where the log stands.
    if (first || !enabled) return;
    const wait = Math.max(0, lastAt.current + everyMs - Date.now());
    const timer = setTimeout(() => {
      lastAt.current = Date.now();
      latest.current();
    }, wait);
    return () => clearTimeout(timer);
  }, [seq, everyMs, enabled]);
}

export function useDebounced<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** The wall clock, looked at again so often. */
export function useNow(everyMs: number, enabled = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!enabled) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, enabled]);
  return now;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Axiom47`;
  }, [title]);
}

/** Is the key meant for a field rather than for the page? */
export function inField(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return target !== null && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable);
}
