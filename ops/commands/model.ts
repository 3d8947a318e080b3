// Models from the command line: import a parameter file, list; what is done with versions is in model-deploy.ts and model-look.ts.
import { readFileSync } from 'node:fs';
import { dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { deployHelp, deployment, isDeployment } from './model-deploy.ts';
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
  stage: string;
  percent: number | null;
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

export const model: Command = {
  name: 'model',
  summary:
    'import a parameter file, deploy, try and roll back versions, list; compare versions, write a card, export an artefact',
  help: `
axiom47 model import FILE [FILE…] [--data-dir DIR] [--json]
axiom47 model list
${deployHelp}
${lookHelp}

A file is what \`fit --json\` prints, or {"model": "clv", "unit": "week", "bgNbd": {"r", "alpha", "a", "b"}, "gammaGamma": {"p", "q", "v"}};
several files (a purchase model and a money model) make one CLV model. The same file again is the same version.
An ID is NAME@VERSION, or NAME with champion (production, the active one), challenger, shadow, canary or latest behind the @.
Before a version answers anybody it is judged by rules (\`model rules\`): what is not passed, or not known, is refused with exit code 2, and --yes
approves it. After a deployment it is watched, and taken back by itself when it goes too far from what answered before.

Example: axiom47 model import bg-nbd.json gamma-gamma.json && axiom47 model deploy clv_model@1
         axiom47 model canary clv_model@latest --percent 10 --reason 'September retraining' && axiom47 model promote clv_model@canary
         axiom47 model rollback clv_model --reason 'scores look wrong'
`,
  async run(argv, io) {
    const asked = argv.find((word) => !word.startsWith('-'));
    if (isLook(asked)) return look(argv, io);
    if (isDeployment(asked)) return deployment(argv, io);
    const { values, positionals } = parseCommand(argv, {});
    const [verb, ...rest] = positionals;
    const files = verb === 'import' ? rest.map(readModelFile) : [];
    if (!(verb === 'list' || (verb === 'import' && rest.length > 0)))
      throw new UsageError('model import FILE…, model deploy ID, or model list; `axiom47 model --help` shows them all');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'import') {
        const added = await client.call<Model>('POST', '/api/models', files.length === 1 ? files[0] : files);
        const { id, version, digest } = added;
        print(io, values.json, { id, version, digest }, () => `${id}  ${digest}\n\naxiom47 model deploy ${id}`);
        return 0;
      }
      const { items } = await client.call<{ items: Model[] }>('GET', '/api/models');
      print(io, values.json, items, () =>
        items.length === 0
          ? 'No model yet. `axiom47 import FILE` fits one, `axiom47 model import FILE` brings one.'
          : table(
              ['id', 'stage', 'kind', 'digest', 'created', 'in force'],
              items.map((each) => [
                each.id,
                each.percent === null ? each.stage : `${each.stage} ${each.percent} %`,
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
