// The catalogue of features and the sets models are trained on. A set is a list of features, each at one version; sets do not change either: what is
// added or means something new makes the next set, and a model reads by the set it was trained on.
import { FIRST_FEATURES } from './feature-catalogue-1.ts';
import { SECOND_FEATURES } from './feature-catalogue-2.ts';
import { THIRD_FEATURES } from './feature-catalogue-3.ts';
import { FOURTH_FEATURES } from './feature-catalogue-4.ts';
import { type FeatureDefinition, type FeatureRow, type FeatureValue, knownOf } from './feature-definition.ts';
import type { FeatureContext } from './features.ts';
import type { CustomerLedger } from './ledger-columns.ts';
import { type Result, refuse } from './result.ts';

export type { FeatureRow, FeatureValue } from './feature-definition.ts';

/** Every definition there is or was. */
export const CATALOGUE: readonly FeatureDefinition[] = [
  ...FIRST_FEATURES,
  ...SECOND_FEATURES,
  ...THIRD_FEATURES,
  ...FOURTH_FEATURES,
];

export interface FeatureSet {
  name: 'customer';
  version: number;
  /** In the order they stand in a model; attributes follow as `attribute:NAME`. */
  features: readonly FeatureDefinition[];
}

const customer = (version: number, features: readonly FeatureDefinition[]): FeatureSet => ({
  name: 'customer',
  version,
  features,
});
/** A set with what came after it; of a name the later definition. */
const and = (before: readonly FeatureDefinition[], added: readonly FeatureDefinition[]) => [
  ...before.filter(({ name }) => !added.some((each) => each.name === name)),
  ...added,
];
const SECOND = and(FIRST_FEATURES, SECOND_FEATURES);
const THIRD = and(SECOND, THIRD_FEATURES);
export const FEATURE_SETS: readonly FeatureSet[] = [
  customer(1, FIRST_FEATURES),
  customer(2, SECOND),
  customer(3, THIRD),
  customer(4, and(THIRD, FOURTH_FEATURES)),
];
/**
 * What a training reads unless told otherwise: the few. On the self-made shop of the tests, where buying is BG/NBD, the second set is worse at both
 * cut-offs (AUC .711 → .710 and .780 → .727, Brier .137 → .139 and .119 → .135); `model compare` says what it is worth elsewhere.
 */
const CURRENT = FEATURE_SETS[0]!;
export const FEATURE_SET = { name: CURRENT.name, version: CURRENT.version } as const;
export const FEATURES = CURRENT.features;

export const featureSet = (version: number): FeatureSet | null =>
  FEATURE_SETS.find((set) => set.version === version) ?? null;

/** `name@version`. */
export const pinOf = ({ name, version }: Pick<FeatureDefinition, 'name' | 'version'>): string => `${name}@${version}`;

/** Whether every `name@version` is in the set; refuses with the first that is not, and what there is. */
export function checkPins({ name, version, features }: FeatureSet, pins: readonly string[]): Result<null, string> {
  const there = new Set(features.map(pinOf));
  const wrong = pins.find((pin) => !there.has(pin));
  if (wrong === undefined) return { ok: true, value: null };
  const known = CATALOGUE.filter((each) => each.name === wrong.slice(0, wrong.lastIndexOf('@'))).map(pinOf);
  return refuse(
    `the feature ${wrong} is not in the set ${name}@${version}; ${known.length === 0 ? 'no feature has that name' : `there is ${known.join(', ')}`}`,
  );
}

export const ATTRIBUTE = 'attribute:';

/**
 * Everything known on `day`, by name: the features of the set, then the attributes. A boolean attribute is 'true' or 'false'.
 *
 * @throws RangeError for a set there is not.
 */
export function featureRow(
  ledger: CustomerLedger,
  day: number,
  context: FeatureContext,
  version: number = FEATURE_SET.version,
): FeatureRow {
  const set = featureSet(version);
  if (set === null) throw new RangeError(`there is no feature set customer@${version}`);
  const known = knownOf(ledger, day, context);
  const row: Record<string, FeatureValue> = {};
  for (const feature of set.features) row[feature.name] = feature.of(known);
  for (const [name, value] of Object.entries(known.features.attributes))
    row[ATTRIBUTE + name] = typeof value === 'boolean' ? String(value) : value;
  return row;
}
