// What a lifetime value is made of: being alive, buying while alive, and spending per purchase; and what sets it apart from the average customer.
import { ok, type Result } from '../../result.ts';
import {
  type ClvModel,
  type ClvOptions,
  type CustomerHistory,
  posteriorOf,
  predictClv,
  type Refusal,
} from '../clv-model.ts';
import { DAYS_PER_MONTH } from '../duration.ts';
import { discountedPurchases } from '../lifetime-value.ts';

/** value = pAlive · purchasesWhileAlive · spendPerPurchase. */
export interface ValueFactors {
  /** P(alive) at the moment of the prediction. */
  pAlive: number;
  /** Expected purchases over the horizon given alive now, discounted as the value is. */
  purchasesWhileAlive: number;
  /** Expected amount of one purchase. */
  spendPerPurchase: number;
}

export const productOf = ({ pAlive, purchasesWhileAlive, spendPerPurchase }: ValueFactors): number =>
  pAlive * purchasesWhileAlive * spendPerPurchase;

/** The factors of `clvMean`; refuses as `predictClv` does. */
export function valueFactors(
  model: ClvModel,
  customer: CustomerHistory,
  options: ClvOptions = {},
): Result<ValueFactors, Refusal> {
  const answer = predictClv(model, customer, { ...options, levels: [] });
  if (!answer.ok) return answer;
  const { pAlive, horizonDays, discountMonthly, discounting, expectedSpendPerPurchase } = answer.value;
  const perUnit = model.unit === 'week' ? 7 : 1;
  // Not clvMean / pAlive: P(alive) underflows for customers long gone.
  const alive = { ...posteriorOf(model, customer), pAlive: 1 };
  return ok({
    pAlive,
    purchasesWhileAlive: discountedPurchases(
      alive,
      horizonDays / perUnit,
      DAYS_PER_MONTH / perUnit,
      discountMonthly,
      discounting,
    ),
    spendPerPurchase: expectedSpendPerPurchase,
  });
}

/**
 * The average customer of a population: factors whose product is the mean value exactly. P(alive) is the plain mean, purchases the mean of those
 * alive, spend the mean of the purchases expected.
 *
 * @returns undefined for nobody, or where nobody is alive or buys.
 */
export function averageFactors(customers: Iterable<ValueFactors & { weight?: number }>): ValueFactors | undefined {
  let [people, alive, purchases, value] = [0, 0, 0, 0];
  for (const { weight = 1, ...factors } of customers) {
    people += weight;
    alive += weight * factors.pAlive;
    purchases += weight * factors.pAlive * factors.purchasesWhileAlive;
    value += weight * productOf(factors);
  }
  if (!(people > 0 && alive > 0 && purchases > 0)) return undefined;
  return { pAlive: alive / people, purchasesWhileAlive: purchases / alive, spendPerPurchase: value / purchases };
}

export interface ValueSplit {
  value: number;
  /** Value of the reference customer. */
  reference: number;
  /** What each factor adds to the reference, in money; they add up to value − reference. */
  contributions: ValueFactors;
}

/**
 * The difference of two values by the Shapley value of the three factors: the mean, over all six orders of exchanging one factor after the other,
 * of what each exchange adds. For a product of three, with own a, b, c and reference A, B, C:
 * φₐ = (a − A)·((bc + BC)/3 + (bC + Bc)/6).
 */
export function splitValue(own: ValueFactors, reference: ValueFactors): ValueSplit {
  const share = (a: number, A: number, [b, B]: [number, number], [c, C]: [number, number]) =>
    (a - A) * ((b * c + B * C) / 3 + (b * C + B * c) / 6);
  const alive: [number, number] = [own.pAlive, reference.pAlive];
  const purchases: [number, number] = [own.purchasesWhileAlive, reference.purchasesWhileAlive];
  const spend: [number, number] = [own.spendPerPurchase, reference.spendPerPurchase];
  return {
    value: productOf(own),
    reference: productOf(reference),
    contributions: {
      pAlive: share(...alive, purchases, spend),
      purchasesWhileAlive: share(...purchases, alive, spend),
      spendPerPurchase: share(...spend, alive, purchases),
    },
  };
}
