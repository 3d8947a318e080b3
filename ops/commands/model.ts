// Models from the command line: import a parameter file, put a version in force, list.
import { readFileSync } from 'node:fs';
import { ApiError, type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { isLook, look, lookHelp } from './model-look.ts';
import { parseCommand, print, table } from './options.ts';

interface Model {
  id: string;
  version: number;
  kind: string;
  digest: string;
  created_at: string;
  deployed_seq: number | null;
  in_force: boolean;
}

function readModelFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file}: cannot be read (${(cause as Error).message})`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file}: not JSON (${(cause as Error).message})`);
  }
}

/** The finding for which the model was not put in force by itself; null for any other model, and for one that is not there. */
async function refusedFor(client: Client, id: string): Promise<{ code: string; message: string } | null> {
  const { artefact } = await client
    .call<{ artefact: { refused?: { code: string; message: string } | null } }>(
      'GET',
      `/api/models/${encodeURIComponent(id)}`,
    )
    .catch((error: unknown) => {
      // The deployment itself says what is wrong with the id.
      if (error instanceof ApiError && [400, 404].includes(error.status)) return { artefact: {} as { refused?: null } };
      throw error;
    });
  return artefact.refused ?? null;
}

export const model: Command = {
  name: 'model',
  summary: 'import a parameter file, deploy a version, list; compare versions, write a card, export an artefact',
  help: `
axiom47 model import FILE [FILE…] [--data-dir DIR] [--json]
axiom47 model deploy ID [--yes]
axiom47 model list
${lookHelp}

A file is what \`fit --json\` prints, or {"model": "clv", "unit": "week", "bgNbd": {"r", "alpha", "a", "b"}, "gammaGamma": {"p", "q", "v"}};
several files (a purchase model and a money model) make one CLV model. The same file again is the same version.
A model that was not put in force by itself, because the data do not buy as it assumes, is deployed with --yes.

Example: axiom47 model import bg-nbd.json gamma-gamma.json && axiom47 model deploy clv_model@1
`,
  async run(argv, io) {
    if (isLook(argv.find((word) => !word.startsWith('-')))) return look(argv, io);
    const { values, positionals } = parseCommand(argv, { yes: { type: 'boolean' } });
    const [verb, ...rest] = positionals;
    const files = verb === 'import' ? rest.map(readModelFile) : [];
    if (!(verb === 'list' || ((verb === 'import' || verb === 'deploy') && rest.length > 0)))
      throw new UsageError('model import FILE…, model deploy ID, or model list');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'import') {
        const added = await client.call<Model>('POST', '/api/models', files.length === 1 ? files[0] : files);
        const { id, version, digest } = added;
        print(io, values.json, { id, version, digest }, () => `${id}  ${digest}\n\naxiom47 model deploy ${id}`);
        return 0;
      }
      if (verb === 'deploy') {
        const refused = values.yes ? null : await refusedFor(client, rest[0]!);
        if (refused !== null)
          throw new UsageError(
            `${rest[0]} is not put in force (${refused.code}): ${refused.message}. If you want it all the same, say --yes`,
          );
        const deployed = await client
          .call<{ id: string; version: number; digest: string; seq: number }>(
            'POST',
            `/api/models/${encodeURIComponent(rest[0]!)}/deploy`,
          )
          .catch(async (error: unknown) => {
            if (!(error instanceof ApiError && [400, 404].includes(error.status))) throw error;
            const { items } = await client.call<{ items: Model[] }>('GET', '/api/models');
            const ids = items.slice(-10).map((each) => each.id);
            throw new UsageError(
              ids.length === 0
                ? `there is no model ${rest[0]}, nor any other yet (\`axiom47 model list\` shows them); \`axiom47 model import FILE\` brings one`
                : `there is no model ${rest[0]}; there ${ids.length === 1 ? 'is' : 'are'} ${ids.join(', ')} (\`axiom47 model list\` shows them all)`,
            );
          });
        print(io, values.json, deployed, () => `${deployed.id} answers from log position ${deployed.seq} on.`);
        return 0;
      }
      const { items } = await client.call<{ items: Model[] }>('GET', '/api/models');
      print(io, values.json, items, () =>
        items.length === 0
          ? 'No model yet. `axiom47 import FILE` fits one, `axiom47 model import FILE` brings one.'
          : table(
              ['id', 'kind', 'digest', 'created', 'in force'],
              items.map((each) => [
                each.id,
                each.kind,
                each.digest.slice(0, 12),
                each.created_at,
                each.in_force ? `since ${each.deployed_seq}` : '',
              ]),
            ),
      );
      return 0;
    });
  },
};
