// Scores many customers at once, columns in and columns out; NaN where the model does not apply (the guard's refusals are counted by reason).
// Equal histories are computed once: a third of a typical base has bought once and differs in age only.
import { type ClvModel, predictChurn, predictClv, type Refusal } from '#domain/models/clv-model.ts';

export interface ScoreInput {
  /** Repeat purchase days; −1 = not a customer. */
  frequency: Float64Array;
  recencyDays: Float64Array;
  ageDays: Float64Array;
  moneyDays: Float64Array;
  /** Mean net money of those days, major units of the reporting currency; NaN = without a rate. */
  monetaryValue: Float64Array;
  /** 1 = the first purchase may lie before the data begin. */
  leftTruncated: Uint8Array;
  /** 1 = judged by the contract, not by purchases. */
  contractual: Uint8Array;
}

export interface ScoreColumns {
  pChurn: Float64Array;
  pAlive: Float64Array;
  clvMean: Float64Array;
  clvP05: Float64Array;
  clvP50: Float64Array;
  clvP95: Float64Array;
  expectedPurchases: Float64Array;
  /** How many customers were refused, by the guard's reason. */
  refused: Partial<Record<Refusal['reason'], number>>;
}

export interface ScoreHorizons {
  churnDays: number;
  clvMonths: number;
  discountMonthly: number;
}

export function scoreColumns(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): ScoreColumns {
  const n = input.frequency.length;
  const column = () => new Float64Array(n).fill(Number.NaN);
  const out: ScoreColumns = {
    pChurn: column(),
    pAlive: column(),
    clvMean: column(),
    clvP05: column(),
    clvP50: column(),
    clvP95: column(),
    expectedPurchases: column(),
    refused: {},
  };
  const seen = new Map<string, number>();
  /** Of rows that were computed: the guard's reason, so that their twins count too. */
  const refusals = new Map<number, Refusal['reason']>();
  const refuse = (reason: Refusal['reason']) => {
    out.refused[reason] = (out.refused[reason] ?? 0) + 1;
  };
  for (let i = 0; i < n; i++) {
    const frequency = input.frequency[i]!;
    const money = input.monetaryValue[i]!;
    if (frequency < 0) {
      refuse('not-a-customer');
      continue;
    }
    const key = `${frequency}|${input.recencyDays[i]}|${input.ageDays[i]}|${input.moneyDays[i]}|${money}|${input.leftTruncated[i]}|${input.contractual[i]}`;
    const twin = seen.get(key);
    if (twin !== undefined) {
      for (const name of COLUMNS) out[name][i] = out[name][twin]!;
      const reason = refusals.get(twin);
      if (reason !== undefined) refuse(reason);
      continue;
    }
    seen.set(key, i);
    const history = {
      frequency,
      recency: input.recencyDays[i]!,
      T: input.ageDays[i]!,
      moneyDays: input.moneyDays[i]!,
      monetaryValue: Number.isNaN(money) ? null : money,
      withoutRate: Number.isNaN(money),
      leftTruncated: input.leftTruncated[i] === 1,
      contractual: input.contractual[i] === 1,
    };
    const churn = predictChurn(model, history, horizons.churnDays);
    if (!churn.ok) {
      refusals.set(i, churn.reason.reason);
      refuse(churn.reason.reason);
      continue;
    }
    out.pChurn[i] = churn.value.pChurn;
    out.pAlive[i] = churn.value.pAlive;
    const clv = predictClv(model, history, { months: horizons.clvMonths, discountMonthly: horizons.discountMonthly });
    if (!clv.ok) {
      refusals.set(i, clv.reason.reason);
      refuse(clv.reason.reason);
      out.expectedPurchases[i] = churn.value.expectedPurchases;
      continue;
    }
    out.clvMean[i] = clv.value.clvMean;
    [out.clvP05[i], out.clvP50[i], out.clvP95[i]] = clv.value.quantiles as [number, number, number];
    out.expectedPurchases[i] = clv.value.expectedPurchases;
  }
  return out;
}

const COLUMNS = ['pChurn', 'pAlive', 'clvMean', 'clvP05', 'clvP50', 'clvP95', 'expectedPurchases'] as const;
