// The roots every page hangs on, and how the address carries a page's state: plain `?q=…&sort=…`, so that it can be read, typed and shared.
import { createRootRoute, createRoute } from '@tanstack/react-router';

export const rootRoute = createRootRoute();
/** Pages with rail and top bar; those without (sign-in, first set-up) hang on the root. */
export const shellRoute = createRoute({ getParentRoute: () => rootRoute, id: 'shell' });

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}
export function stringifySearch(search: Record<string, unknown>): string {
  const known = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(known.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}
/** A parameter as text, absent when empty. */
export const textOf = (value: unknown): string | undefined =>
  (typeof value === 'string' || typeof value === 'number') && String(value).trim() !== '' ? String(value) : undefined;
