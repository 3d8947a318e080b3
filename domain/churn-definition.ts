// What churn means here: over which horizon, of whom, and when a customer counts as gone (facts §9). One definition a kind of business;
// a customer who has a subscription belongs to the contractual one, everybody else to the other.
import { z } from 'zod';
import type { Decider, EventOf } from './decider.ts';
import type { CustomerEntries } from './ledger.ts';
import { boughtWithin, type CustomerLedger } from './ledger-columns.ts';
import { ok, type Result, refuse } from './result.ts';
import { subscriptionIntervals } from './subscriptions.ts';

export const CHURN_KINDS = ['non-contractual', 'contractual'] as const;

export const churnDefinitionSchema = z.object({
  kind: z.enum(CHURN_KINDS),
  horizonDays: z.int().min(1).max(3653),
  /** contractual: a subscription that goes on within so many days after its end was not given up. */
  graceDays: z.int().min(0).max(366),
  /** non-contractual: only customers whose last purchase is at most so many days old are asked about; null = everybody who ever bought. */
  activeWithinDays: z.int().min(1).max(3653).nullable(),
});
export type ChurnDefinition = z.infer<typeof churnDefinitionSchema>;
const FIELDS = Object.keys(churnDefinitionSchema.shape) as (keyof ChurnDefinition)[];

/** Until somebody defines it: 90 days without a purchase, asked of everybody. There is no contractual one without subscriptions. */
export const DEFAULT_CHURN: ChurnDefinition = {
  kind: 'non-contractual',
  horizonDays: 90,
  graceDays: 0,
  activeWithinDays: null,
};
export const DEFAULT_CONTRACTUAL: ChurnDefinition = {
  kind: 'contractual',
  horizonDays: 30,
  graceDays: 0,
  activeWithinDays: null,
};

export const events = {
  /** From the barrier with this event's CTL sequence on, customers of the kind are judged so. */
  'churn.defined': { version: 1, data: churnDefinitionSchema },
} as const;
export type ChurnEvent = EventOf<typeof events>;
export type ChurnCommand = { type: 'DefineChurn'; definition: ChurnDefinition };
export type ChurnReason = 'other-kind' | 'grace-without-contract' | 'activity-with-contract';

/** The aggregate's id is the kind. */
export const churnDefinition: Decider<ChurnDefinition | null, ChurnCommand, ChurnEvent, ChurnReason> = {
  aggregate: 'churn',
  events,
  initial: null,
  evolve: (_state, event) => event.data,
  decide({ definition: wanted }, state): Result<ChurnEvent[], ChurnReason> {
    if (state !== null && state.kind !== wanted.kind) return refuse('other-kind');
    if (wanted.kind === 'non-contractual' && wanted.graceDays !== 0) return refuse('grace-without-contract');
    if (wanted.kind === 'contractual' && wanted.activeWithinDays !== null) return refuse('activity-with-contract');
    const same = state !== null && FIELDS.every((field) => state[field] === wanted[field]);
    return ok(same ? [] : [{ type: 'churn.defined', data: wanted }]);
  },
};

type Definitions = readonly ChurnDefinition[];

/** The definition a customer belongs to on a day; contractual wherever a subscription has begun by then and such a definition is in force. */
export function definitionOf(definitions: Definitions, entries: CustomerEntries, day: number): ChurnDefinition {
  const contractual = definitions.find(({ kind }) => kind === 'contractual');
  if (contractual && entries.subscriptions.some((entry) => entry.day <= day)) return contractual;
  return definitions.find(({ kind }) => kind === 'non-contractual') ?? DEFAULT_CHURN;
}

/** May the question be asked of this customer on that day? contractual: a subscription is open. Otherwise: has bought, recently enough. */
export function isEligible(definition: ChurnDefinition, ledger: CustomerLedger, day: number): boolean {
  if (ledger.erased || ledger.anonymous) return false;
  if (definition.kind === 'contractual') return isActive(ledger, day);
  return boughtWithin(ledger, day - (definition.activeWithinDays ?? Number.POSITIVE_INFINITY), day);
}

/**
 * Whether a customer eligible on `day` was lost within (day, day + horizon]. Nothing after day + horizon + grace is looked at, so the answer is
 * settled once the log has reached that day.
 */
export function hasChurned(definition: ChurnDefinition, ledger: CustomerLedger, day: number): boolean {
  const end = day + definition.horizonDays;
  if (definition.kind === 'non-contractual') return !boughtWithin(ledger, day + 1, end);
  return lostAfter(definition, ledger, day) !== null;
}

/** Days from `day`, on which the contract ran, to its end; null: none within the horizon. Settled as `hasChurned`. */
export function lostAfter(
  { horizonDays, graceDays }: ChurnDefinition,
  ledger: Pick<CustomerLedger, 'subscriptions'>,
  day: number,
): number | null {
  const running = spells(ledger, day + horizonDays + graceDays, graceDays).find(
    (spell) => spell.startDay <= day && (spell.endDay === null || spell.endDay > day),
  );
  const after = (running?.endDay ?? Number.POSITIVE_INFINITY) - day;
  return after <= horizonDays ? after : null;
}

type Subscriber = Pick<CustomerLedger, 'subscriptions'>;

export interface Spell {
  startDay: number;
  /** First day without any subscription; null = still running, or ended too lately to tell. */
  endDay: number | null;
}

/**
 * Times under contract as known on `day`, ascending: overlapping subscriptions, and those taken up again within the grace, are one. An end is one
 * only when the grace after it has passed.
 */
export function spells({ subscriptions }: Subscriber, day: number, graceDays: number): Spell[] {
  const found: Spell[] = [];
  for (const { startDay, endDay } of subscriptionIntervals(subscriptions, day)) {
    const last = found.at(-1);
    if (last && (last.endDay === null || startDay <= last.endDay + graceDays)) {
      if (last.endDay !== null && (endDay === null || endDay > last.endDay)) last.endDay = endDay;
    } else found.push({ startDay, endDay });
  }
  for (const spell of found) if (spell.endDay !== null && spell.endDay + graceDays > day) spell.endDay = null;
  return found;
}

/** The last cut-off whose labels are settled on `today`. `latenessDays`: what may still arrive late. */
export const lastSettledDay = (
  { horizonDays, graceDays }: ChurnDefinition,
  today: number,
  latenessDays: number,
): number => today - horizonDays - graceDays - latenessDays;

/** A subscription is open on that day; the day it ends on is the first without it. */
const isActive = ({ subscriptions }: Subscriber, day: number): boolean =>
  subscriptionIntervals(subscriptions, day).some(({ startDay, endDay }) => startDay <= day && endDay === null);
