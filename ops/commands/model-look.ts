// What is known of models: several side by side, a card, the artefact as a file.
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Comparison } from '#api/model-compare.ts';
import type { ModelCard } from '#api/model-deps.ts';
import type { ModelFacts } from '#api/model-facts.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import { replaceFile } from '../engines/durable-file.ts';
import { reasonOf } from '../engines/engine-error.ts';
import { doJob } from '../jobs/watch.ts';
import { checkWritable } from '../writable.ts';
import { type Io, UsageError } from './command.ts';
import { describePairs } from './evaluate-model.ts';
import { parseCommand, print, table } from './options.ts';
import { versionOf } from './version-of.ts';

export const lookHelp = `axiom47 model compare ID ID [ID …] [--at DATE]     what differs, and who is better on the same rows (asks for an evaluation when there is none)
axiom47 model card ID [--out DIR]                  the model card; with --out as Markdown with its figures
axiom47 model export ID --out FILE                 the artefact, its SHA-256 checked`;

const VERBS = { compare: compareThem, card: showCard, export: exportIt } as const;
export const isLook = (verb: string | undefined): verb is keyof typeof VERBS => verb !== undefined && verb in VERBS;

export async function look(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseCommand(argv, { at: { type: 'string' }, out: { type: 'string' } });
  const [verb, ...ids] = positionals;
  if (!isLook(verb)) throw new UsageError('model compare ID ID, model card ID, or model export ID --out FILE');
  const wrong = ids.find((id) => !/^[^@/]+(@[a-z0-9]+)?$/.test(id));
  if (wrong !== undefined)
    throw new UsageError(`${wrong} is no version: name@number or name@alias, as \`axiom47 model list\` shows them`);
  if (verb === 'compare' ? ids.length < 2 : ids.length !== 1)
    throw new UsageError(
      verb === 'compare' ? 'model compare needs at least two versions' : `model ${verb} needs one version`,
    );
  if (verb === 'export' && values.out === undefined) throw new UsageError('model export needs --out FILE');
  if (verb === 'card' && values.out !== undefined) makeFolder(values.out);
  if (verb === 'export') checkWritable(values.out!);
  return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
    const versions = await Promise.all(ids.map((id) => versionOf(client, id)));
    return await VERBS[verb](client, versions, values, io);
  });
}

interface Values {
  at?: string | undefined;
  out?: string | undefined;
  json?: boolean | undefined;
}

const pathOf = (id: string): string => {
  const at = id.lastIndexOf('@');
  return `/api/models/${encodeURIComponent(id.slice(0, at))}/versions/${id.slice(at + 1)}`;
};

async function compareThem(client: Client, ids: string[], { at, json }: Values, io: Io): Promise<number> {
  const path = `/api/models/compare?versions=${encodeURIComponent(ids.join(','))}`;
  let found = await client.call<Comparison>('GET', path);
  if (found.paired === null || (at !== undefined && found.paired.cutoff !== at)) {
    const ended = await doJob<object>(client, 'evaluate', { models: ids, ...(at !== undefined && { at }) }, io);
    if (ended.result === null) {
      // Side by side all the same, if not judged: why not was said.
      if (ended.code === 2) print(io, json, found, () => describe({ ...found, why: null }));
      return ended.code;
    }
    found = await client.call<Comparison>('GET', path);
  }
  print(io, json, found, () => describe(found));
  return 0;
}

function describe({ versions, parameters, metrics, features, paired, why }: Comparison): string {
  const ids = versions.map(({ id }) => id);
  const shown = (value: number | null) =>
    value === null ? '–' : Number.isInteger(value) ? String(value) : value.toPrecision(5);
  const differing = parameters.filter(({ differs }) => differs);
  const read = features.filter(({ differs }) => differs);
  return [
    table(
      ['', ...ids],
      [
        ['kind', ...versions.map(({ kind }) => kind)],
        ['learned from', ...versions.map(({ window }) => `${window.from ?? '…'} to ${window.to ?? '…'}`)],
        ['features', ...versions.map(({ feature_set: set }) => (set ? `${set.name}@${set.version}` : '–'))],
        ['program', ...versions.map(({ code }) => code ?? '–')],
        ...metrics.map(({ name, values }) => [name.replaceAll('_', ' '), ...values.map(shown)]),
      ],
    ),
    '',
    differing.length === 0
      ? 'No parameter differs.'
      : table(
          ['parameter', ...ids],
          differing.map(({ name, values }) => [name, ...values.map(shown)]),
        ),
    ...(read.length === 0
      ? []
      : [
          '',
          table(
            ['reads (version)', ...ids],
            read.map(({ name, values }) => [name, ...values.map((value) => (value === 0 ? 'yes' : shown(value)))]),
          ),
        ]),
    '',
    paired === null
      ? (why ?? '')
      : [
          describePairs(
            paired.pairs as Parameters<typeof describePairs>[0],
            new Map(ids.map((id, i) => [id, paired.basis[i]!])),
          ),
          `judged: ${ids.map((id, i) => `${id} ${paired.basis[i]}`).join(', ')}`,
          `${paired.rows.toLocaleString('en-US')} customers as known on ${paired.cutoff}, judged by what came until ${paired.until}`,
        ].join('\n'),
  ].join('\n');
}

async function showCard(client: Client, [id]: string[], { out, json }: Values, io: Io): Promise<number> {
  const card = await client.call<ModelCard>('GET', `${pathOf(id!)}/card`);
  if (out === undefined) {
    print(io, json, card, () => card.markdown.trimEnd());
    return 0;
  }
  const files = [
    { name: 'card.md', text: card.markdown },
    ...card.figures.map(({ name, svg }) => ({ name, text: svg })),
  ];
  for (const { name, text } of files) writeFileSync(join(out, name), text);
  const paths = files.map(({ name }) => join(out, name));
  print(io, json, { id, files: paths }, () => paths.join('\n'));
  return 0;
}

/** Level by level: where a file system answers that the parent is missing whatever is made (/proc), Node's recursive mkdir tries for ever. */
function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  try {
    for (const folder of missing) mkdirSync(folder);
    if (!statSync(path).isDirectory()) throw new Error('it is a file');
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--out ${path}: a folder to write to cannot be had there (${reasonOf(error)}); name another`);
  }
}

async function exportIt(client: Client, [id]: string[], { out, json }: Values, io: Io): Promise<number> {
  const { digest } = await client.call<ModelFacts>('GET', pathOf(id!));
  const chunks: Uint8Array[] = [];
  for await (const chunk of await client.read(`${pathOf(id!)}/artefact`)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== digest)
    throw new UsageError(
      `the artefact of ${id} arrived with SHA-256 ${found}, not ${digest}: nothing was written; ask again`,
    );
  replaceFile(out!, bytes.toString('utf8'), 0o644);
  print(io, json, { id, file: out, digest, bytes: bytes.length }, () => `${out}  ${digest}`);
  return 0;
}
