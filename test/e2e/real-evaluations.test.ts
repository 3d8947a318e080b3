// Real customers, judged by what they did: Telco's classifier evaluated and explained, lifetime value on CDNOW at three cut-offs beside
// every rival and going on as before, and the grocery shop that buys otherwise than the model assumes. AXIOM47_TEST_TRACE=1 prints the figures.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelFacts } from '#api/model-facts.ts';
import type { EvaluationResult } from '#ops/jobs/evaluate.ts';
import type { ChurnEvaluation } from '#processors/evaluation/churn.ts';
import type { ValueEvaluation } from '#processors/evaluation/value.ts';
import { type Program, removeFolders, serve, temporaryFolder } from '../support/program.ts';
import { describeShared, sharedPath } from '../support/shared.ts';

afterAll(removeFolders);
const tell = (text: string) => {
  if (process.env.AXIOM47_TEST_TRACE) process.stderr.write(`${text}\n`);
};
const figure = (value: number | null | undefined) =>
  value === null || value === undefined ? '–' : value.toPrecision(4);

describeShared('Telco, 7,043 subscribers (IBM), evaluated', ['data/telco_churn.csv'], () => {
  let program: Program;
  beforeAll(async () => {
    program = await serve(['--empty', '--currency', 'USD', '--data-dir', join(temporaryFolder('telco'), 'main')]);
    const table = [
      '--kind',
      'subscription',
      '--snapshot',
      '2024-01-01',
      '--amount',
      'MonthlyCharges',
      '--name',
      'Contract',
    ];
    const columns = [
      '--customer',
      'customerID',
      '--tenure',
      'tenure:months',
      '--ended',
      'Churn=Yes',
      '--attributes',
      'all',
    ];
    await program.json(['import', sharedPath('data/telco_churn.csv'), ...table, ...columns]);
  });

  test('on a fifth of them it never saw: order and calibration within the sampling error of the golden split, the contract foremost', async () => {
    const asked = ['evaluate', '--model', 'subscription_churn_model@1', '--segment', 'plan'];
    const { models, rivals, naive, rows } = await program.json<EvaluationResult & ChurnEvaluation>(asked);
    const { metrics, importance, dependence, segments, basis } = models[0]!;
    tell(
      `Telco held out ${rows.n}: AUC ${figure(metrics.auc)} (${figure(metrics.aucLower)}–${figure(metrics.aucUpper)}), Brier ${figure(metrics.brier)}, slope ${figure(metrics.calibrationSlope)}, intercept ${figure(metrics.calibrationIntercept)}; Cox ${figure(rivals[0]!.metrics?.auc)}; rate of before ${figure(naive.brier)}; ${importance!.importances
        .slice(0, 4)
        .map(({ feature, importance: rise }) => `${feature} ${rise.toFixed(4)}`)
        .join(', ')}`,
    );
    expect(basis).toBe('held-out');
    // logistic_telco.json: AUC .8356, Brier .1400 on its own split.
    expect(metrics.aucLower!).toBeLessThan(0.8356 + 0.02);
    expect(metrics.aucUpper!).toBeGreaterThan(0.8356 - 0.02);
    expect(Math.abs(metrics.brier! - 0.14)).toBeLessThan(0.025);
    expect(Math.abs(metrics.calibrationSlope! - 1)).toBeLessThan(5 * metrics.calibrationSlopeSe!);
    expect(metrics.reliability!.reduce((sum, { n }) => sum + n, 0)).toBe(rows.n);
    expect(segments[0]!.segments.map(({ segment }) => segment)).toEqual(['Month-to-month', 'One year', 'Two year']);
    const lost = segments[0]!.segments.map(({ observed }) => observed);
    expect(lost).toEqual([...lost].sort((a, b) => b - a));
    expect(importance!.importances[0]!.importance).toBeGreaterThan(0.001);
    expect(dependence[0]!.feature).toBe(importance!.importances[0]!.feature);
  });
});

const SHOPS = [
  [
    'CDNOW, a tenth',
    'data/cdnow_sample_transactions.csv',
    'USD',
    ['1997-09-30', '1997-12-31', '1998-03-31'],
    ['--customer', 'customer_id', '--time', 'date', '--amount', 'amount'],
  ],
] as const;
for (const [title, file, currency, days, columns] of SHOPS)
  describeShared(`${title}: lifetime value at three cut-offs`, [file], () => {
    let program: Program;
    beforeAll(async () => {
      program = await serve(['--empty', '--currency', currency, '--data-dir', join(temporaryFolder('value'), 'main')]);
      await program.json(['import', sharedPath(file), '--currency', currency, ...columns]);
    }, 400_000);
    test.each(days)(
      'fitted to what was known on %s: every purchase model and going on as before, by MAE and Gini',
      async (day) => {
        const asked = ['evaluate', '--model', 'clv_model@1', '--at', day, '--horizon', '90d'];
        const { models, rivals, rows, leakage } = await program.json<EvaluationResult & ValueEvaluation>(asked);
        const { purchases, spend, tracking, basis } = models[0]!;
        const beside: [string, typeof purchases.models.served, (typeof rivals)[0]['spend']][] = [
          ...rivals.map(({ name, purchases: p, spend: s }): [string, typeof purchases.models.served, typeof s] => [
            name,
            p ?? undefined,
            s,
          ]),
          ['naive', purchases.models.naive, spend!.naive],
        ];
        for (const [name, p, s] of beside)
          tell(
            `${title} ${day}, ${rows.n} customers, ${name}: purchases error ${figure(p?.totalError)} MAE ${figure(p?.mae)} Gini ${figure(p?.concentration?.normalised)}; spend error ${figure(s?.totalError)} MAE ${figure(s?.mae)} Gini ${figure(s?.concentration?.normalised)}`,
          );
        expect([basis, leakage.differing]).toEqual(['refitted', 0]);
        expect(rivals.map(({ name }) => name)).toEqual(['bg-nbd', 'mbg-nbd', 'pareto-nbd']);
        const naive = purchases.models.naive!;
        expect(purchases.models.served!.mae!).toBeLessThan(naive.mae!);
        // Who is worth more is told better than by chance, and by no rival much better.
        for (const rival of rivals) {
          expect(rival.purchases!.concentration!.normalised).toBeGreaterThan(0.2);
          expect(rival.spend!.concentration!.normalised).toBeGreaterThan(0.2);
          expect(rival.spend!.mae!).toBeLessThan(1.5 * spend!.model.mae!);
        }
        expect(tracking.actual.at(-1)).toBeGreaterThan(0);
      },
      240_000,
    );
  });

describeShared('the grocery shop', ['data/grocery_transactions.csv'], () => {
  test('is flagged by the platform itself, in the facts and on the card', async () => {
    const program = await serve([
      '--empty',
      '--currency',
      'EUR',
      '--data-dir',
      join(temporaryFolder('grocery'), 'main'),
    ]);
    const columns = ['--customer', 'cust', '--time', 'date', '--amount', 'none', '--currency', 'EUR'];
    await program.json(['import', sharedPath('data/grocery_transactions.csv'), ...columns]);
    const { diagnostics, metrics } = await program.call<ModelFacts>('GET', '/api/models/clv_model/versions/1');
    tell(
      `grocery: ${diagnostics.map(({ code }) => code).join(', ')}; held-out quarter ${figure(metrics.holdout_error)}`,
    );
    expect(diagnostics.map(({ code }) => code)).toContain('holdout-error');
    expect(Math.abs(metrics.holdout_error!)).toBeGreaterThan(0.1);
    const { markdown } = await program.call<{ markdown: string }>('GET', '/api/models/clv_model/versions/1/card');
    expect(markdown).toContain('Findings when it was made');
  }, 240_000);
});
