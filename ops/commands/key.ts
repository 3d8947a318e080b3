// API keys from the command line: created once, shown once.
import { ROLES } from '#domain/access.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Key {
  id: string;
  key?: string;
  name: string | null;
  role: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

const roles = ROLES.filter((role) => role !== 'anonymous');

export const key: Command = {
  name: 'key',
  summary: 'create, list or revoke API keys',
  help: `
axiom47 key create --role ROLE [--name N] [--expires 90d] [--data-dir DIR] [--json]
axiom47 key list [--json]
axiom47 key revoke ID

Roles: ${roles.join(', ')}. The key is shown once; send it as "Authorization: Bearer ax_…".

Example: axiom47 key create --role analyst --name notebook --expires 90d
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      role: { type: 'string' },
      name: { type: 'string' },
      expires: { type: 'string' },
    });
    const [verb, id] = positionals;
    if (!(verb === 'create' || verb === 'list' || (verb === 'revoke' && id !== undefined)))
      throw new UsageError('key create --role ROLE, key list, or key revoke ID');
    if (verb === 'create') {
      if (!roles.some((role) => role === values.role))
        throw new UsageError(`--role ${values.role ?? '(missing)'}: one of ${roles.join(', ')}`);
      if (values.expires !== undefined && !/^[1-9]\d{0,3}d$/.test(values.expires))
        throw new UsageError(`--expires ${values.expires}: a number of days, as in 90d`);
      if (values.name !== undefined && !(values.name.trim().length >= 1 && values.name.trim().length <= 100))
        throw new UsageError('--name: 1 to 100 characters');
    }
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'create') {
        const created = await client.call<Key>('POST', '/api/keys', {
          role: values.role,
          ...(values.name === undefined ? {} : { name: values.name }),
          ...(values.expires === undefined ? {} : { expires: values.expires }),
        });
        print(io, values.json, created, () => `${created.key}\n\nShown once; role ${created.role}, id ${created.id}.`);
        return 0;
      }
      if (verb === 'list') {
        const { items } = await client.call<{ items: Key[] }>('GET', '/api/keys');
        print(io, values.json, items, () =>
          table(
            ['id', 'role', 'name', 'expires', 'revoked'],
            items.map((each) => [each.id, each.role, each.name, each.expiresAt, each.revokedAt]),
          ),
        );
        return 0;
      }
      await client.call('DELETE', `/api/keys/${encodeURIComponent(id!)}`).catch((error: unknown) => {
        throw error instanceof ApiError && [400, 404].includes(error.status)
          ? new UsageError(`there is no key ${id}; \`axiom47 key list\` shows their ids`)
          : error;
      });
      print(io, values.json, { id, revoked: true }, () => `${id} is revoked.`);
      return 0;
    });
  },
};
