// The gates before a version answers anybody, as data: what is measured, how far it may go, and how far while it is watched afterwards. Every rule is
// judged to {value, limit, passed, why, what to do}; what is not known does not pass, and what does not apply says so.
import { z } from 'zod';

export const RULES = {
  'fit-findings': {
    says: 'no finding of the fit that keeps a model from answering',
    limit: 0,
    watch: null,
    needsActive: false,
  },
  'taken-back': { says: 'times the program itself took this version back', limit: 0, watch: null, needsActive: false },
  'calibration-slope': {
    says: 'distance of the calibration slope from 1 beyond three standard errors, on held-out customers; the whole of it where the slope is 0 or less',
    limit: 0.25,
    watch: null,
    needsActive: false,
  },
  'brier-without-skill': {
    says: 'Brier score as a share of that of the rate of the judged customers, said of everybody; from 1 on it knows nothing of who leaves',
    limit: 0.999,
    watch: null,
    needsActive: false,
  },
  'brier-worse': {
    says: 'Brier score above that of the active version, whole where chance does not explain it, else 0',
    limit: 0.01,
    watch: null,
    needsActive: true,
  },
  'calibration-error-worse': {
    says: 'expected calibration error above that of the active version (on the same customers: of both beyond what chance gives), whole where chance does not explain it, else 0',
    limit: 0.03,
    watch: null,
    needsActive: true,
  },
  'discrimination-worse': {
    says: 'AUC (of a survival model: concordance) below that of the active version, whole where chance does not explain it, else 0',
    limit: 0.02,
    watch: null,
    needsActive: true,
  },
  'profit-lower': {
    says: 'share of the active version’s profit lost, when everybody above cost / benefit gets the offer',
    limit: 0.05,
    watch: null,
    needsActive: true,
  },
  'scoring-time': { says: 'µs a score, on this base', limit: 1_000, watch: 5_000, needsActive: false },
  'broken-scores': { says: 'scores that failed or are no number', limit: 0, watch: 0, needsActive: false },
  'refused-more': {
    says: 'share of the customers the active version answers that this one refuses',
    limit: 0.01,
    watch: 0.1,
    needsActive: true,
  },
  'score-difference': {
    says: 'mean absolute difference of P(churn) from the active version',
    limit: 0.1,
    watch: 0.25,
    needsActive: true,
  },
  'score-shift': {
    says: 'PSI of P(churn) against the active version, beyond what chance gives; 0 while scores differ by less than 0.05 on average',
    limit: 0.5,
    watch: null,
    needsActive: true,
  },
  'value-difference': {
    says: 'mean absolute difference of lifetime value from the active version, as a share of its mean',
    limit: 0.5,
    watch: 2,
    needsActive: true,
  },
  'value-level': {
    says: '|ln| of the total lifetime value over that by the active version, on the same customers: 0.69 is twice as much or half, 1.1 thrice or a third',
    limit: Math.LN2,
    watch: Math.log(3),
    needsActive: true,
  },
  'value-shift': {
    says: 'PSI of lifetime value against the active version, beyond what chance gives; 0 while values differ by less than a tenth on average',
    limit: 0.5,
    watch: null,
    needsActive: true,
  },
  'rank-disagreement': {
    says: '1 − Spearman’s rank correlation of P(churn) with the active version',
    limit: 0.5,
    watch: 1,
    needsActive: true,
  },
  'band-changes': {
    says: 'share of customers in another churn band than by the active version',
    limit: 0.5,
    watch: 0.8,
    needsActive: true,
  },
  'shadow-minutes': {
    says: 'minutes still missing in shadow or canary; as many as `least`',
    limit: 0,
    watch: null,
    needsActive: true,
  },
  'shadow-scores': {
    says: 'scores still missing in shadow or canary; as many as `least`',
    limit: 0,
    watch: null,
    needsActive: true,
  },
} as const satisfies Record<string, { says: string; limit: number; watch: number | null; needsActive: boolean }>;

export type RuleName = keyof typeof RULES;
export const RULE_NAMES = Object.keys(RULES) as [RuleName, ...RuleName[]];
export const ruleName = z.enum(RULE_NAMES);

/** What differs from the defaults. A limit of null: the rule is off. */
export const ruleSettings = z.strictObject({
  rules: z
    .partialRecord(
      ruleName,
      z.strictObject({ limit: z.number().nullable().optional(), watch: z.number().nullable().optional() }),
    )
    .optional(),
  /** Of `profit-lower`: what an offer costs, and what reaching one who would have left is worth; only their ratio matters. */
  offer: z.strictObject({ cost: z.number().positive(), benefit: z.number().positive() }).optional(),
  /** Of `shadow-minutes` and `shadow-scores`. */
  least: z
    .strictObject({ minutes: z.number().min(0).optional(), scores: z.number().int().min(0).optional() })
    .optional(),
});
export type RuleSettings = z.infer<typeof ruleSettings>;

export interface RulesInForce {
  rules: Record<RuleName, { limit: number | null; watch: number | null }>;
  offer: { cost: number; benefit: number };
  least: { minutes: number; scores: number };
}

export function rulesInForce({ rules = {}, offer, least }: RuleSettings): RulesInForce {
  const of = (name: RuleName) => {
    const own = rules[name];
    const { limit, watch } = RULES[name];
    return {
      limit: own?.limit === undefined ? limit : own.limit,
      watch: own?.watch === undefined ? watch : own.watch,
    };
  };
  return {
    rules: Object.fromEntries(RULE_NAMES.map((name) => [name, of(name)])) as RulesInForce['rules'],
    offer: offer ?? { cost: 1, benefit: 10 },
    least: { minutes: least?.minutes ?? 0, scores: least?.scores ?? 0 },
  };
}

/** Only what differs from the defaults: what is as by default follows them when they change. */
export function ownSettings({ rules = {}, offer, least }: RuleSettings): RuleSettings {
  const byDefault = rulesInForce({});
  const own = RULE_NAMES.flatMap((name) => {
    const { limit, watch } = rules[name] ?? {};
    const kept = {
      ...(limit !== undefined && limit !== byDefault.rules[name].limit && { limit }),
      ...(watch !== undefined && watch !== byDefault.rules[name].watch && { watch }),
    };
    return Object.keys(kept).length === 0 ? [] : [[name, kept] as const];
  });
  const { minutes = 0, scores = 0 } = least ?? {};
  const waits = {
    ...(minutes !== byDefault.least.minutes && { minutes }),
    ...(scores !== byDefault.least.scores && { scores }),
  };
  const offers = offer && (offer.cost !== byDefault.offer.cost || offer.benefit !== byDefault.offer.benefit);
  return {
    ...(own.length > 0 && { rules: Object.fromEntries(own) }),
    ...(offers && { offer }),
    ...(Object.keys(waits).length > 0 && { least: waits }),
  };
}

/** As the log keeps it. */
export const gateVerdict = z.object({
  rule: ruleName,
  value: z.number().nullable(),
  limit: z.number().nullable(),
  passed: z.boolean().nullable(),
});

export interface GateResult {
  rule: RuleName;
  /** null: not known, or not applicable. */
  value: number | null;
  /** At most so much; null: the rule is off. */
  limit: number | null;
  /** null: not known, which does not let it pass. */
  passed: boolean | null;
  /** False: says nothing about this version (`passed` is true), `why` says for what reason. */
  applicable: boolean;
  why: string;
  /** What to do; null when it is passed. */
  todo: string | null;
}
