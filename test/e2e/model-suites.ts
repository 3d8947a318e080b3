// A file of purchases through the whole program, held to published and peer values: summaries, fits, deployed parameters, and the holdout
// figures from `as_of` alone. Written once, run on the files beside the repository and on the fixtures inside it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BgNbdGolden, CalibrationGolden, ClvGolden, Mle } from '../domain/models/golden-suites.ts';
import { expectAllClose, expectClose } from '../support/close.ts';
import { accuracy, dayOf, purchasesOf } from '../support/histories.ts';
import type { Program } from '../support/program.ts';

const ITEMS = 1_000;

export interface Churn {
  customer_id: string;
  p_churn: number;
  p_alive: number;
  expected_purchases: number;
  basis: string;
  features: { frequency: number; recency_days: number; T_days: number };
}
export interface Clv {
  customer_id: string;
  clv_mean: number;
  clv_p05: number;
  clv_p50: number;
  clv_p95: number;
  p_zero_spend: number;
  p_alive: number;
  features: { frequency: number; monetary_value: number | null };
}
type Question = { customer_id: string } | { summary: Record<string, number> };

/** Predictions of any number of questions, in requests of at most 1,000. */
export async function ask<T>(
  program: Program,
  kind: 'churn' | 'clv',
  questions: Question[],
  options: object,
): Promise<T[]> {
  const answers: T[] = [];
  for (let from = 0; from < questions.length; from += ITEMS) {
    const items = questions.slice(from, from + ITEMS);
    const answer = await program.call<{ items: T[] }>('POST', `/api/predict/${kind}`, { items, ...options });
    answers.push(...answer.items);
  }
  return answers;
}
export const byId = (ids: readonly string[]): Question[] => ids.map((id) => ({ customer_id: id }));

/** Repeat purchase days with money and their cents, by customer: what the money columns must be. */
export function repeatMoney(file: string, customer: string, until: string) {
  const money = new Map<string, { first: number; days: Map<number, number> }>();
  for (const { customer: id, day, micros } of purchasesOf(file, { customer, date: 'date', amount: 'amount' })) {
    if (day > dayOf(until)) continue;
    const own = money.get(id) ?? { first: day, days: new Map<number, number>() };
    own.first = Math.min(own.first, day);
    own.days.set(day, (own.days.get(day) ?? 0) + Math.round(micros / 10_000));
    money.set(id, own);
  }
  return new Map(
    [...money].map(([id, { first, days }]) => {
      const repeats = [...days].filter(([day, cents]) => day !== first && cents > 0);
      return [id, { days: repeats.length, cents: repeats.reduce((sum, [, cents]) => sum + cents, 0) }];
    }),
  );
}

export interface Fitted {
  params: Record<string, number>;
  logLikelihood: number;
  standardErrors: Record<string, number>;
  converged: boolean;
}
export function expectFitted(fitted: Fitted, mle: Omit<Mle, 'se'> & { se?: Mle['se'] }): void {
  expectAllClose(fitted.params, mle.params, 1e-6, 'params');
  expectClose(fitted.logLikelihood, mle.log_likelihood, 1e-9, 'log-likelihood');
  if (mle.se) expectAllClose(fitted.standardErrors, mle.se, 1e-5, 'standard error');
  expect(fitted.converged).toBe(true);
}

/** Imports a CLV model file and puts it in force, from the command line. */
export async function deploy(program: Program, folder: string, model: object): Promise<{ id: string }> {
  const file = join(folder, `model-${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(file, JSON.stringify({ model: 'clv', unit: 'week', ...model }));
  const { id } = await program.json<{ id: string }>(['model', 'import', file]);
  return await program.json<{ id: string }>(['model', 'deploy', id, '--yes']);
}

/** A deployed golden answers by summary as the golden does. @param horizonDays up to which the API answers. */
export async function expectGoldenAnswers(program: Program, bgNbd: BgNbdGolden, clv: ClvGolden): Promise<void> {
  const summaries = bgNbd.customers.map(({ x, t_x, T }) => ({ summary: { frequency: x, recency: t_x, T } }));
  for (const weeks of [13, 52]) {
    const answers = await ask<Churn>(program, 'churn', summaries, { horizon_days: weeks * 7 });
    for (const [i, { x, mle }] of bgNbd.customers.entries()) {
      expectClose(answers[i]!.p_alive, mle.p_alive, 1e-10, `P(alive) of x = ${x}`);
      const expected = mle.expected[String(weeks)];
      if (expected !== undefined)
        expectClose(answers[i]!.expected_purchases, expected, 1e-10, `purchases in ${weeks} weeks of x = ${x}`);
    }
  }
  const counts = await Promise.all(
    bgNbd.predictive_counts_mle.map(({ x, t_x, T, t }) =>
      program.call<Churn>('POST', '/api/predict/churn', {
        summary: { frequency: x, recency: t_x, T },
        horizon_days: t * 7,
      }),
    ),
  );
  for (const [i, { x, pmf }] of bgNbd.predictive_counts_mle.entries())
    expectClose(counts[i]!.p_churn, pmf[0]!, 1e-10, `P(no purchase) of x = ${x}`);
  await expectValues(
    program,
    clv,
    clv.customers.map(({ x, t_x, T, zbar }) => ({
      summary: { frequency: x, recency: t_x, T, ...(x > 0 ? { monetary_value: zbar } : {}) },
    })),
    {},
  );
}

/** Values of the golden's customers, however they are asked for. */
export async function expectValues(
  program: Program,
  golden: ClvGolden,
  questions: Question[],
  options: object,
): Promise<void> {
  const year = await ask<Clv>(program, 'clv', questions, { months: 12, discount_monthly: 0.01, ...options });
  const weeks = await ask<Clv>(program, 'clv', questions, { horizon_days: 364, ...options });
  for (const [i, { x, clv, spend_52w }] of golden.customers.entries()) {
    expectClose(year[i]!.clv_mean, clv, 1e-9, `CLV of x = ${x}`);
    const { p_zero_spend, clv_p05, clv_p50, clv_p95 } = weeks[i]!;
    expectClose(p_zero_spend, spend_52w.p_zero, 1e-9, `P(no spend) of x = ${x}`);
    for (const [level, value] of [
      ['0.05', clv_p05],
      ['0.5', clv_p50],
      ['0.95', clv_p95],
    ] as const)
      expectClose(value, spend_52w.quantiles[level]!, 1e-6, `p${level} of x = ${x}`);
  }
}

export interface HoldoutCase {
  program: Program;
  golden: CalibrationGolden;
  ids: string[];
  calibrationEnd: string;
  end: string;
}

/** What was predicted at the end of calibration against what came: two questions about the same customers, at two moments. */
export function holdoutSuite(source: string, load: () => HoldoutCase): void {
  test(`the holdout figures of ${source} come from as_of alone`, async () => {
    const { program, golden, ids, calibrationEnd, end } = load();
    const horizon_days = dayOf(end) - dayOf(calibrationEnd);
    expect(horizon_days / 7).toBe(golden.duration_holdout_weeks);
    const [then, later] = await Promise.all([
      ask<Churn>(program, 'churn', byId(ids), { as_of: { at: calibrationEnd }, horizon_days }),
      ask<Churn>(program, 'churn', byId(ids), { as_of: { at: end } }),
    ]);
    expect(then.every((answer) => answer.basis === 'history')).toBe(true);
    const x = then.map((answer) => answer.features.frequency);
    const predicted = Float64Array.from(then, (answer) => answer.expected_purchases);
    const actual = Float64Array.from(later, (answer, i) => answer.features.frequency - x[i]!);
    expectAllClose(accuracy(predicted, actual), golden.metrics_bgnbd, 1e-6, 'BG/NBD');
    for (const { id, holdout, predicted: expected, ...history } of golden.first_rows) {
      const i = ids.indexOf(String(id));
      expect(then[i]!.features.frequency).toBe(history.x);
      expectClose(then[i]!.features.recency_days / 7, history.t_x, 1e-12);
      expectClose(then[i]!.features.T_days / 7, history.T, 1e-12);
      expect(actual[i]).toBe(holdout);
      expectClose(predicted[i], expected, 1e-6, `customer ${id}`);
    }
    for (const { x: frequency, n, actual_mean, predicted_mean } of golden.by_frequency) {
      const rows = [...x.keys()].filter((i) => (frequency === '7+' ? x[i]! >= 7 : x[i] === frequency));
      const mean = (values: Float64Array) => rows.reduce((sum, i) => sum + values[i]!, 0) / rows.length;
      expect(rows).toHaveLength(n);
      expectClose(mean(actual), actual_mean, 1e-9, `came, x = ${frequency}`);
      expectClose(mean(predicted), predicted_mean, 1e-6, `predicted, x = ${frequency}`);
    }
  });
}
