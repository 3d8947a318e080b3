// Who is looking, and signing out.
import { useQuery } from '@tanstack/react-query';
import { api, done } from './client.ts';
import { feed } from './live.ts';
import { meQuery } from './queries.ts';

export type Permission = NonNullable<ReturnType<typeof useMe>>['permissions'][number];
export const useMe = () => useQuery(meQuery).data;

export function useMay(permission: Permission): boolean {
  return useMe()?.permissions.includes(permission) ?? false;
}

/** Signing in and out load the page anew: nothing that was read under other rights stays in memory. */
export async function signOut(): Promise<void> {
  // The stream ends with the session; reopened by itself it would be refused.
  feed.stop();
  await done(api.api.logout.$post());
  location.reload();
}

const ROLE_WORDS: Record<string, string> = {
  anonymous: 'Visitor',
  analyst: 'Analyst',
  'data-engineer': 'Data engineer',
  'ml-engineer': 'ML engineer',
  product: 'Product manager',
  admin: 'Administrator',
};
export const roleWord = (role: string): string => ROLE_WORDS[role] ?? role;

/** Only an address within this console may be gone to after signing in. */
export const safeNext = (next: string | undefined): string => (next && /^\/(?![/\\])/.test(next) ? next : '/');
