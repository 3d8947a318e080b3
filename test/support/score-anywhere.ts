// Scores customers by the JSON of models, wherever it runs: bundled for a browser, in a worker, in Node. Used by test/e2e/same-scores.test.ts.

import { features } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { parseChurnModel, predictChurnBy } from '#domain/models/churn-model.ts';
import { predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { createRates } from '#domain/rates.ts';

/** JSON in, numbers out: one list a model, null where it refuses. */
export function scoreAnywhere(text: string): (number | null)[][] {
  const { models, ledgers, day } = JSON.parse(text) as {
    models: { model: string }[];
    ledgers: CustomerEntries[];
    day: number;
  };
  const context = { rates: createRates('EUR'), leftTruncated: false };
  return models.map((file) => {
    if (file.model !== 'clv') {
      const model = parseChurnModel(file);
      if (!model.ok) throw new Error(model.reason);
      return ledgers.flatMap((entries) => {
        const said = predictChurnBy(model.value, entries, day, context);
        return said.ok ? [said.value.pChurn, said.value.pChurnRaw, said.value.contributions.score] : [null, null, null];
      });
    }
    const model = parseClvModel(file);
    if (!model.ok) throw new Error(model.reason);
    return ledgers.flatMap((entries) => {
      const known = features(entries, day, context);
      const history = {
        frequency: known.frequency,
        recency: known.recencyDays,
        T: known.ageDays,
        monetaryValue: known.moneyDays > 0 ? known.moneyMinor / known.moneyDays / 100 : null,
        moneyDays: known.moneyDays,
      };
      const [churn, clv] = [predictChurn(model.value, history, 90), predictClv(model.value, history)];
      if (!churn.ok || !clv.ok) return [null];
      const { pChurn, pAlive, expectedPurchases } = churn.value;
      return [pChurn, pAlive, expectedPurchases, clv.value.clvMean, clv.value.pZeroSpend, ...clv.value.quantiles];
    });
  });
}
