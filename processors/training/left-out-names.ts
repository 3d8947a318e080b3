// Names the model must not know: one that names nothing leaves nothing out, and the leak it was meant to shut would stay open in silence.

import { ATTRIBUTE, FEATURE_SET, featureSet } from '#domain/churn-features.ts';
import { nearestColumn } from '#domain/column-names.ts';
import { ok, type Result } from '#domain/result.ts';
import type { Ledgers } from './churn-rows.ts';
import type { TrainingPlan } from './plan.ts';
import { type Refusal, refusal } from './refusal.ts';

/** Of a long list the first; a source may send a thousand attributes. */
const LISTED = 50;

/** Refuses the first name of `without` that is neither a feature of the plan's set nor an attribute anybody has, with the nearest and all there are. */
export function checkWithout(
  { without, featureSet: version }: Pick<TrainingPlan, 'without' | 'featureSet'>,
  ledgers: Pick<Ledgers, 'customers'>,
): Result<null, Refusal> {
  const features = featureSet(version)?.features.map(({ name }) => name) ?? [];
  const open = without.filter((name) => !features.includes(name));
  if (open.length === 0) return ok(null);
  const attributes = attributesOf(ledgers);
  const unknown = open.find((name) => !attributes.has(name));
  if (unknown === undefined) return ok(null);
  const names = [...features, ...[...attributes].sort()];
  const nearest = nearestName(unknown, names);
  const listed = names.slice(0, LISTED).join(', ');
  const rest = names.length > LISTED ? `, and ${names.length - LISTED} more` : '';
  return refusal(
    'unknown-feature',
    `without names ${unknown}, which is no feature of ${FEATURE_SET.name}@${version} and no attribute in the data, so nothing would be left out${nearest === null ? '.' : `; did you mean ${nearest}?`} There are ${listed}${rest}`,
  );
}

function attributesOf(ledgers: Pick<Ledgers, 'customers'>): Set<string> {
  const names = new Set<string>();
  for (const { attributes } of ledgers.customers()) for (const { name } of attributes) names.add(ATTRIBUTE + name);
  return names;
}

/** By the name alone: whoever forgets the prefix means the attribute. */
function nearestName(wanted: string, names: readonly string[]): string | null {
  const bare = (name: string) => (name.startsWith(ATTRIBUTE) ? name.slice(ATTRIBUTE.length) : name);
  // An attribute may be called as a feature is: of such a pair what was said of it decides.
  const [own, other] = [names.filter((name) => name.startsWith(ATTRIBUTE) === wanted.startsWith(ATTRIBUTE)), names];
  for (const among of [own, other]) {
    const found = nearestColumn(bare(wanted), among.map(bare));
    if (found !== null) return among.find((name) => bare(name) === found) ?? null;
  }
  return null;
}
