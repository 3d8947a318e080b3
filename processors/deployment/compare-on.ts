// Two versions of one model scored side by side on the same customers, columns of the purchases or ledgers of the subscribers: what a version in
// shadow or canary is judged by. Each customer is scored by both, nobody is told.
import { definitionOf } from '#domain/churn-definition.ts';
import { type Comparison, compareVersions, type VersionScores } from '#domain/deployment-comparison.ts';
import { type ChurnModel, predictChurnBy } from '#domain/models/churn-model.ts';
import { type ClvModel, type CustomerHistory, expectClv, predictChurn } from '#domain/models/clv-model.ts';
import { ratesOf } from '#domain/rates.ts';
import type { ChurnColumnsRequest } from '../scoring/churn-columns.ts';
import type { ScoreHorizons, ScoreInput } from '../scoring/score-columns.ts';

export type ComparisonRequest =
  | { kind: 'clv'; active: ClvModel; candidate: ClvModel; input: ScoreInput; horizons: ScoreHorizons }
  | ({ kind: 'churn'; active: ChurnModel; candidate: ChurnModel } & Omit<ChurnColumnsRequest, 'model'>);

export function compareOn(request: ComparisonRequest): Comparison {
  return request.kind === 'clv' ? comparePurchases(request) : compareLedgers(request);
}

function comparePurchases({ active, candidate, input, horizons }: Extract<ComparisonRequest, { kind: 'clv' }>) {
  const customers: CustomerHistory[] = [];
  for (const [i, frequency] of input.frequency.entries()) {
    if (frequency < 0) continue;
    const money = input.monetaryValue[i]!;
    customers.push({
      frequency,
      recency: input.recencyDays[i]!,
      T: input.ageDays[i]!,
      moneyDays: input.moneyDays[i]!,
      monetaryValue: Number.isNaN(money) ? null : money,
      withoutRate: Number.isNaN(money),
      leftTruncated: input.leftTruncated[i] === 1,
      contractual: input.contractual[i] === 1,
    });
  }
  const { churnDays, clvMonths, discountMonthly } = horizons;
  const by = (model: ClvModel) =>
    scored(customers, model.gammaGamma !== undefined, (customer) => {
      const churn = predictChurn(model, customer, churnDays);
      if (!churn.ok) return null;
      const value = expectClv(model, customer, { months: clvMonths, discountMonthly });
      return { pChurn: churn.value.pChurn, value: value.ok ? value.value.clvMean : null };
    });
  return compareVersions(by(active), by(candidate));
}

function compareLedgers(request: Extract<ComparisonRequest, { kind: 'churn' }>) {
  const { active, candidate, definitions, entries, leftTruncated, day } = request;
  const rates = ratesOf(request.reportingCurrency, request.rates);
  const customers = entries.flatMap((each, i) =>
    !(each.erased || each.anonymous) && definitionOf(definitions, each, day).kind === active.definition.kind
      ? [{ entries: each, context: { rates, leftTruncated: leftTruncated[i] === 1 } }]
      : [],
  );
  const by = (model: ChurnModel) =>
    scored(customers, false, (customer) => {
      const answer = predictChurnBy(model, customer.entries, day, customer.context);
      return answer.ok ? { pChurn: answer.value.pChurn, value: null } : null;
    });
  return compareVersions(by(active), by(candidate));
}

const isProbability = (p: number): boolean => p >= 0 && p <= 1;

/** @param score null: refused. The faster of two passes is the time a score takes: in the first one the kernel is still being compiled. */
function scored<Customer>(
  customers: readonly Customer[],
  hasValue: boolean,
  score: (customer: Customer) => { pChurn: number; value: number | null } | null,
): VersionScores {
  const pChurn = new Float64Array(customers.length);
  const value = hasValue ? new Float64Array(customers.length) : null;
  let broken = 0;
  let ms = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < 2; pass++) {
    broken = 0;
    const begun = performance.now();
    for (const [i, customer] of customers.entries()) {
      pChurn[i] = Number.NaN;
      if (value) value[i] = Number.NaN;
      try {
        const said = score(customer);
        if (said === null) continue;
        const whole = isProbability(said.pChurn) && (said.value === null || Number.isFinite(said.value));
        if (!whole) broken++;
        else {
          pChurn[i] = said.pChurn;
          if (value && said.value !== null) value[i] = said.value;
        }
      } catch {
        // What a kernel throws is no answer either: counted, and seen by the rule of broken scores.
        broken++;
      }
    }
    ms = Math.min(ms, performance.now() - begun);
  }
  return { pChurn, value, broken, ms };
}
