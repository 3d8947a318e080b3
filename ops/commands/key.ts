// API keys from the command line: created once, shown once.
import { ROLES } from '#domain/access.ts';
import { dataDirOf, withServer } from '../client.ts';
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
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'create') {
        if (!roles.some((role) => role === values.role))
          throw new UsageError(`--role ${values.role ?? '(missing)'}: one of ${roles.join(', ')}`);
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
      if (verb === 'revoke' && id !== undefined) {
        await client.call('DELETE', `/api/keys/${encodeURIComponent(id)}`);
        print(io, values.json, { id, revoked: true }, () => `${id} is revoked.`);
        return 0;
      }
      throw new UsageError('key create --role ROLE, key list, or key revoke ID');
    });
  },
};
