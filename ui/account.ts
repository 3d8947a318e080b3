// Who is looking, and signing out.
import { useQuery } from '@tanstack/react-query';
import { api, done } from './client.ts';
import { feed } from './live.ts';
import { meQuery, queryClient } from './queries.ts';

export type Permission = NonNullable<ReturnType<typeof useMe>>['permissions'][number];
export const useMe = () => useQuery(meQuery).data;

export function useMay(permission: Permission): boolean {
  return useMe()?.permissions.includes(permission) ?? false;
}

/** After signing in or out nothing that was read under other rights may stay. */
export async function rightsChanged(): Promise<void> {
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== 'me' });
  await queryClient.refetchQueries({ queryKey: ['me'] });
  feed.start();
}

export async function signOut(): Promise<void> {
  await done(api.api.logout.$post());
  await rightsChanged();
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
