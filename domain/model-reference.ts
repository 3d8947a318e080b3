// How a version of a model is named wherever one is asked for: `clv_model@3`, or by what it is at the moment, `clv_model@champion`.
import { type Model, stageOf } from './model.ts';
import { ok, type Result, refuse } from './result.ts';

/** production and champion: the active version. challenger: named by hand, else the canary. latest: the newest that is not retired. */
export const ALIASES = ['champion', 'production', 'challenger', 'shadow', 'canary', 'latest'] as const;
export type Alias = (typeof ALIASES)[number];

export function aliasesOf(model: Model): Record<Alias, number | null> {
  const { deployed, canary, shadow, challenger, versions } = model;
  return {
    champion: deployed,
    production: deployed,
    challenger: challenger ?? canary?.version ?? null,
    shadow,
    canary: canary?.version ?? null,
    latest: versions.findLast(({ retired }) => !retired)?.version ?? null,
  };
}

const EMPTY: Record<Alias, string> = {
  champion: 'no version of it is active',
  production: 'no version of it is active',
  challenger: 'no version of it is in canary or was named the challenger',
  shadow: 'no version of it is in shadow',
  canary: 'no version of it is in canary',
  latest: 'every version of it is retired',
};

export interface Named {
  name: string;
  version: number;
}

/** @param reference `name@version`, `name@alias`, or `name`, which is the active version. */
export function resolveReference(reference: string, models: ReadonlyMap<string, Model>): Result<Named, string> {
  const [name = '', token = 'champion', ...rest] = reference.split('@');
  const model = models.get(name);
  if (!model || rest.length > 0)
    return refuse(
      models.size === 0
        ? `there is no model ${reference}, nor any other yet (\`axiom47 model list\` shows them); \`axiom47 model import FILE\` brings one`
        : `there is no model ${reference}; there ${models.size === 1 ? 'is' : 'are'} ${[...models.keys()].join(', ')}, each as NAME@VERSION or NAME@ALIAS (\`axiom47 model list\` shows them all)`,
    );
  const alias = ALIASES.find((each) => each === token);
  if (alias) {
    const version = aliasesOf(model)[alias];
    return version === null ? refuse(`there is no ${name}@${alias}: ${EMPTY[alias]}`) : ok({ name, version });
  }
  const version = /^[1-9]\d{0,8}$/.test(token) ? Number(token) : 0;
  if (model.versions[version - 1]) return ok({ name, version });
  const { length } = model.versions;
  return refuse(
    `there is no model ${reference}; ${name} has version${length === 1 ? ' 1' : `s 1 to ${length}`}, and the aliases ${ALIASES.join(', ')} (\`axiom47 model list\` shows them all)`,
  );
}

/** Aliases that mean this version now. */
export const aliasesFor = (model: Model, version: number): Alias[] =>
  ALIASES.filter(
    (alias) => aliasesOf(model)[alias] === version && (alias !== 'canary' || stageOf(model, version) === 'canary'),
  );
