// The first (or another) user from the command line, for machines without a browser.
import { ROLES } from '#domain/access.ts';
import { dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

const roles = ROLES.filter((role) => role !== 'anonymous');

async function firstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0]!.replace(/\r$/, '');
}

export const admin: Command = {
  name: 'admin',
  summary: 'create a user without a browser',
  help: `
axiom47 admin create --email E --password-stdin [--role admin] [--data-dir DIR] [--json]

Roles: ${roles.join(', ')}. The password is read from standard input, so that it stands in no process list or history; 12 characters at least.

Example: printf '%s' "$PASSWORD" | axiom47 admin create --email ops@example.org --password-stdin
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      email: { type: 'string' },
      'password-stdin': { type: 'boolean' },
      role: { type: 'string', default: 'admin' },
    });
    if (positionals[0] !== 'create' || values.email === undefined || !values['password-stdin'])
      throw new UsageError('admin create --email E --password-stdin');
    if (!roles.some((role) => role === values.role))
      throw new UsageError(`--role ${values.role}: one of ${roles.join(', ')}`);
    const password = await firstLine();
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const user = await client.call<{ id: string; email: string; role: string }>('POST', '/api/users', {
        email: values.email,
        password,
        role: values.role,
      });
      print(io, values.json, { user }, () => `${user.email} may sign in as ${user.role}.`);
      return 0;
    });
  },
};
