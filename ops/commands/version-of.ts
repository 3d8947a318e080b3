// Which version of a model a name@alias means.
import { ApiError, type Client } from '../client.ts';
import { UsageError } from './command.ts';

/** What an alias means now; a version by its number is taken at its word. */
export async function versionOf(client: Client, id: string): Promise<string> {
  if (/@\d+$/.test(id)) return id;
  try {
    return (await client.call<{ id: string }>('GET', `/api/models/${encodeURIComponent(id)}`)).id;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) throw new UsageError(error.message);
    throw error;
  }
}
