// The rules before a version answers, as they are typed: what is typed, what of it differs from the defaults (only that is kept), and what cannot be
// read. An empty field is the default; a rule that is off has none.
import type { RuleName, RuleSettings } from '#domain/deployment-rules.ts';
import type { Deployment } from './models.ts';

export type Rules = Deployment['rules'];
/** As typed; null: off. */
export type Bound = string | null;
export interface Draft {
  rules: Readonly<Record<string, { limit: Bound; watch: Bound }>>;
  offer: { cost: string; benefit: string };
  least: { minutes: string; scores: string };
}

const typed = (value: number | null): Bound => (value === null ? null : String(value));
export function draftOf({ rules, offer, least }: Pick<Rules, 'rules' | 'offer' | 'least'>): Draft {
  return {
    rules: Object.fromEntries(
      Object.entries(rules).map(([name, { limit, watch }]) => [name, { limit: typed(limit), watch: typed(watch) }]),
    ),
    offer: { cost: String(offer.cost), benefit: String(offer.benefit) },
    least: { minutes: String(least.minutes), scores: String(least.scores) },
  };
}
export const defaultDraft = (rules: Rules): Draft =>
  draftOf({
    ...rules.default,
    rules: Object.fromEntries(
      Object.entries(rules.rules).map(([name, { says, default: own }]) => [name, { says, ...own, default: own }]),
    ),
  });

/** @returns what differs from the defaults, and the fields that hold no number of their kind, as `score-shift limit` or `offer cost`. */
export function settingsOf(
  draft: Draft,
  { rules, default: byDefault }: Rules,
): { settings: RuleSettings; bad: string[] } {
  const bad: string[] = [];
  const read = (
    text: Bound,
    fallback: number | null,
    name: string,
    fits: (value: number) => boolean,
  ): number | null => {
    if (text === null) return null;
    if (text.trim() === '') return fallback;
    const value = Number(text);
    if (Number.isFinite(value) && fits(value)) return value;
    bad.push(name);
    return fallback;
  };
  const any = () => true;
  const own = Object.entries(rules).flatMap(([name, { default: of }]) => {
    const { limit, watch } = draft.rules[name]!;
    const now = {
      limit: read(limit, of.limit, `${name} limit`, any),
      watch: read(watch, of.watch, `${name} watch`, any),
    };
    const differing = Object.fromEntries(
      (['limit', 'watch'] as const).filter((each) => now[each] !== of[each]).map((each) => [each, now[each]]),
    );
    return Object.keys(differing).length === 0 ? [] : [[name as RuleName, differing] as const];
  });
  const { offer, least } = byDefault;
  const positive = (value: number) => value > 0;
  const natural = (value: number) => Number.isInteger(value) && value >= 0;
  const cost = read(draft.offer.cost, offer.cost, 'offer cost', positive)!;
  const benefit = read(draft.offer.benefit, offer.benefit, 'offer benefit', positive)!;
  const minutes = read(draft.least.minutes, least.minutes, 'least minutes', (value) => value >= 0)!;
  const scores = read(draft.least.scores, least.scores, 'least scores', natural)!;
  const waits = { ...(minutes !== least.minutes && { minutes }), ...(scores !== least.scores && { scores }) };
  return {
    settings: {
      ...(own.length > 0 && { rules: Object.fromEntries(own) }),
      ...((cost !== offer.cost || benefit !== offer.benefit) && { offer: { cost, benefit } }),
      ...(Object.keys(waits).length > 0 && { least: waits }),
    },
    bad,
  };
}

/** How many settings differ from the defaults. */
export const countOf = ({ rules = {}, offer, least = {} }: RuleSettings | Rules['settings']): number =>
  Object.values(rules).reduce((sum, of) => sum + Object.keys(of ?? {}).length, 0) +
  (offer ? 1 : 0) +
  Object.keys(least).length;

/** `score-shift` → Score shift. */
export const ruleWord = (name: string): string => {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
