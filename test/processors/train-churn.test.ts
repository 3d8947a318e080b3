// Churn models from rows whose law is known: what is learned must be what was put in, and what cannot be learned is refused by name.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import type { FeatureRow } from '#domain/churn-features.ts';
import { predictFromFeatures } from '#domain/models/churn-model.ts';
import { createRandom } from '#domain/numerics/random.ts';
import type { Result } from '#domain/result.ts';
import type { ChurnRows, SurvivalRows } from '#processors/training/churn-rows.ts';
import type { Refusal } from '#processors/training/refusal.ts';
import { partOf, trainCox, trainLogistic } from '#processors/training/train-churn.ts';

const sidOf = (n: number): string => createHash('sha256').update(`customer ${n}`).digest('hex').slice(0, 32);
const sigma = (eta: number) => 1 / (1 + Math.exp(-eta));
const randomOf = (seed: number) => {
  const { uniform } = createRandom(seed);
  return uniform;
};
const PLANS = ['monthly', 'yearly'] as const;

/** log-odds of leaving = −0.5 − 0.02 · tenure + 1.2 · [monthly]; `colour` says nothing. */
const logOddsOf = (tenure: number, plan: string): number => -0.5 - 0.02 * tenure + (plan === 'monthly' ? 1.2 : 0);

function simulated(customers: number, days: readonly number[], seed = 47): ChurnRows {
  const random = randomOf(seed);
  const rows: ChurnRows = { features: [], label: [], day: [], customer: [] };
  for (let n = 0; n < customers; n++)
    for (const day of days) {
      const tenure = Math.floor(random() * 120);
      const plan = PLANS[random() < 0.5 ? 0 : 1]!;
      const colour = ['red', 'green', 'blue'][Math.floor(random() * 3)]!;
      rows.features.push({
        subscription_tenure_days: tenure,
        plan,
        'attribute:colour': random() < 0.05 ? null : colour,
        'attribute:id': `u-${n}`,
        'attribute:country': 'PT',
      });
      rows.label.push(random() < sigma(logOddsOf(tenure, plan)) ? 1 : 0);
      rows.day.push(day);
      rows.customer.push(sidOf(n));
    }
  return rows;
}
const trained = <T>(answer: Result<T, Refusal>): T => {
  if (!answer.ok) throw new Error(answer.reason.message);
  return answer.value;
};
const reordered = (rows: ChurnRows, seed: number): ChurnRows => {
  const random = randomOf(seed);
  const order = rows.label.map((_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at);
  const pick = <T>(list: readonly T[]): T[] => order.map(({ i }) => list[i]!);
  return { features: pick(rows.features), label: pick(rows.label), day: pick(rows.day), customer: pick(rows.customer) };
};

describe('the classifier', () => {
  const days = [100, 130, 160];
  const rows = simulated(3_000, days);
  const answer = trained(trainLogistic(DEFAULT_CONTRACTUAL, rows));

  test('learns the law it was shown: its odds, calibrated, better than the rate of everybody', () => {
    const score = (row: FeatureRow): number => {
      const said = predictFromFeatures(answer.model, row);
      if (!said.ok) throw new Error(said.reason.message);
      return said.value.pChurn;
    };
    for (const [tenure, plan] of [
      [10, 'monthly'],
      [60, 'monthly'],
      [10, 'yearly'],
      [100, 'yearly'],
    ] as const) {
      const known = { subscription_tenure_days: tenure, plan, 'attribute:colour': 'red' };
      expect(Math.abs(score(known) - sigma(logOddsOf(tenure, plan)))).toBeLessThan(0.05);
    }
    const { metrics, naive } = answer;
    // Some 600 customers are judged, so one slope has a standard error of about 0.15, and the mean of four half of that.
    const slopes = [1, 2, 3].map(
      (seed) => trained(trainLogistic(DEFAULT_CONTRACTUAL, simulated(3_000, days, seed))).metrics!.calibrationSlope!,
    );
    const mean = [...slopes, metrics!.calibrationSlope!].reduce((sum, slope) => sum + slope / 4, 0);
    expect(Math.abs(mean - 1)).toBeLessThan(0.2);
    expect(metrics!.brier).toBeLessThan(naive!.brier);
    expect(metrics!.auc).toBeGreaterThan(0.68);
    expect(answer.lambda).toBeGreaterThan(0);
  });

  test('is judged at the last cut-off, on customers and at a moment it was not fitted to', () => {
    const shares = { train: 0, calibrate: 0, test: 0 };
    for (let n = 0; n < 3_000; n++) shares[partOf(sidOf(n))]++;
    expect(shares.train / 3_000).toBeCloseTo(0.6, 1);
    expect(answer.cutoffs).toEqual(days);
    expect(answer.rows.train.n).toBe(shares.train * 2);
    expect(answer.rows.calibrate.n).toBe(shares.calibrate);
    expect(answer.rows.test.n).toBe(shares.test);
    // What the last cut-off's training customers did reaches nothing: their labels turned round, the model is the same.
    const turned = {
      ...rows,
      label: rows.label.map((label, i) =>
        rows.day[i] === 160 && partOf(rows.customer[i]!) === 'train' ? 1 - label : label,
      ),
    };
    expect(trained(trainLogistic(DEFAULT_CONTRACTUAL, turned)).model).toEqual(answer.model);
    // What the judged did reaches the verdict alone.
    const judged = rows.label.map((label, i) => (partOf(rows.customer[i]!) === 'test' ? 1 - label : label));
    const other = trained(trainLogistic(DEFAULT_CONTRACTUAL, { ...rows, label: judged }));
    expect(other.model).toEqual(answer.model);
    expect(other.metrics!.auc).toBeLessThan(0.5);
  });

  test('names what it left out: texts of a thousand values, and what never varies', () => {
    const [{ message } = { message: '' }] = answer.diagnostics.filter(({ code }) => code === 'features-left-out');
    expect(message).toContain('attribute:id (3000 different texts)');
    expect(message).toContain('attribute:country (never varies)');
    expect(answer.model.logistic.encoding.map(({ column }) => column)).toEqual([
      'subscription_tenure_days',
      'plan',
      'attribute:colour',
    ]);
  });

  test('features nobody has (channels where no order names one) change nothing but the list of what was left out', () => {
    const few = simulated(1_500, [100]);
    const nulls = { channels_365d: null, top_channel_share: null, channel_changed: null, last_channel: null };
    const wider = { ...few, features: few.features.map((row) => ({ ...row, ...nulls })) };
    const [set3, set4] = [
      trained(trainLogistic(DEFAULT_CONTRACTUAL, few, { features: 3 })),
      trained(trainLogistic(DEFAULT_CONTRACTUAL, wider, { features: 4 })),
    ];
    expect(set4.model).toEqual({ ...set3.model, featureSet: { name: 'customer', version: 4 } });
    const rest = ({ diagnostics }: typeof set3) => diagnostics.filter(({ code }) => code !== 'features-left-out');
    expect(rest(set4)).toEqual(rest(set3));
    const left = set4.diagnostics.find(({ code }) => code === 'features-left-out')!.message;
    for (const name in nulls) expect(left).toContain(`${name} (never known)`);
  });

  test('the same rows in another order: the same choices and, sums being rounded in their order, coefficients equal to 1e-9', () => {
    const other = trained(trainLogistic(DEFAULT_CONTRACTUAL, reordered(rows, 8)));
    expect(other.rows).toEqual(answer.rows);
    expect(other.model.logistic.encoding).toEqual(answer.model.logistic.encoding);
    expect(other.lambda! / answer.lambda!).toBeCloseTo(1, 9);
    for (const [j, { coef }] of answer.model.logistic.coefficients.entries())
      expect(Math.abs(other.model.logistic.coefficients[j]!.coef - coef)).toBeLessThan(1e-9);
    // The same order is the same bits: what makes a second training the same version.
    expect(trained(trainLogistic(DEFAULT_CONTRACTUAL, simulated(3_000, days)))).toEqual(answer);
  });

  test('refuses too few customers, one outcome alone, and no rows at all, saying which part lacks what', () => {
    const refused = (given: ChurnRows) => {
      const no = trainLogistic(DEFAULT_CONTRACTUAL, given);
      return no.ok ? 'trained' : `${no.reason.code}: ${no.reason.message}`;
    };
    const few = refused(simulated(60, [100]));
    expect(few).toMatch(/^too-little-data: the \w+ rows hold \d+ lost and \d+ kept customers; at least 25/);
    const [, lost, missing] = /hold (\d+) lost.* (\d+) lost (?:and \d+ kept )?are missing/.exec(few)!;
    expect(Number(lost) + Number(missing)).toBe(25);
    expect(few).toMatch(/or a longer horizon \(axiom47 churn define contractual --horizon 60d\)$/);
    expect(refused({ ...rows, label: rows.label.map(() => 1) })).toMatch(
      /^one-class: the train rows hold \d+ lost and 0 kept .* 25 kept are missing/,
    );
    expect(refused({ features: [], label: [], day: [], customer: [] })).toMatch(
      /^too-little-data: no customer was eligible/,
    );
  });

  test('refuses a column that knows the outcome, naming it without its values', () => {
    const knows = rows.features.map((row, i) => ({ ...row, 'attribute:reason': rows.label[i] === 1 ? 'moved' : 'no' }));
    const no = trainLogistic(DEFAULT_CONTRACTUAL, { ...rows, features: knows });
    expect(no).toMatchObject({ ok: false, reason: { code: 'separation' } });
    expect(!no.ok && no.reason.message).toMatch(/foremost attribute:reason, .*name it in without/);
    expect(!no.ok && no.reason.message).not.toMatch(/moved/);
    const without = trained(
      trainLogistic(DEFAULT_CONTRACTUAL, { ...rows, features: knows }, { without: ['attribute:reason'] }),
    );
    expect(without.model.logistic).toEqual(answer.model.logistic);
  });

  test('refuses two attributes that say the same, naming the pair; leaves out one of its own that repeats another', () => {
    const twice = rows.features.map((row) => ({
      ...row,
      'attribute:euro': Number(row.subscription_tenure_days) * 3 + (row.plan === 'monthly' ? 1 : 0),
      'attribute:cent': Number(row.subscription_tenure_days) * 300 + (row.plan === 'monthly' ? 100 : 0) + 7,
    }));
    const no = trainLogistic(DEFAULT_CONTRACTUAL, { ...rows, features: twice });
    expect(no).toMatchObject({
      ok: false,
      reason: {
        code: 'collinearity',
        message: expect.stringMatching(/^attribute:euro and attribute:cent say exactly the same/),
      },
    });
    const own = rows.features.map((row) => ({ ...row, 'attribute:tenure': Number(row.subscription_tenure_days) / 7 }));
    const kept = trained(trainLogistic(DEFAULT_CONTRACTUAL, { ...rows, features: own }));
    expect(kept.model.logistic).toEqual(answer.model.logistic);
    expect(kept.diagnostics[0]!.message).toContain('attribute:tenure (says the same as subscription_tenure_days)');
  });

  test('another seed learns from others and is judged on the same; the losses along the path are those the penalty was chosen by', () => {
    const other = trained(trainLogistic(DEFAULT_CONTRACTUAL, rows, { seed: 1 }));
    expect(other.rows.test).toEqual(answer.rows.test);
    expect(other.model).not.toEqual(answer.model);
    const sids = Array.from({ length: 3_000 }, (_, n) => sidOf(n));
    for (const seed of [1, 2, 3]) {
      const moved = sids.filter((sid) => partOf(sid) !== partOf(sid, seed));
      expect(moved.some((sid) => [partOf(sid), partOf(sid, seed)].includes('test'))).toBe(false);
      // Two calibrating fifths, at least three quarters of them different.
      expect(moved.length).toBeGreaterThan(600);
      expect(sids.filter((sid) => partOf(sid, seed) === 'calibrate').length / 3_000).toBeCloseTo(0.2, 1);
    }
    const least = answer.path.reduce((best, each) => (each.loss < best.loss ? each : best));
    expect(least.lambda).toBe(answer.lambda);
    expect(answer.path).toHaveLength(20);
  });
});

describe('Cox', () => {
  /** Monthly plans end three times as often; everybody is watched for at most 300 days. */
  function contracts(n: number, seed = 9): SurvivalRows {
    const random = randomOf(seed);
    const rows: SurvivalRows = { features: [], entry: [], duration: [], eventObserved: [], customer: [] };
    for (let i = 0; i < n; i++) {
      const plan = PLANS[random() < 0.5 ? 0 : 1]!;
      const price = 10 + Math.floor(random() * 50);
      const life = Math.ceil((-Math.log(1 - random()) * 200) / (plan === 'monthly' ? 3 : 1));
      const duration = Math.min(life, 50 + Math.floor(random() * 250));
      rows.features.push({
        plan,
        subscription_price: price,
        'attribute:charged in total': price * duration,
        'attribute:seats': Math.floor(random() * 5),
      });
      rows.entry.push(0);
      rows.duration.push(duration);
      rows.eventObserved.push(life <= duration ? 1 : 0);
      rows.customer.push(sidOf(i));
    }
    return rows;
  }

  test('what moves with the time under contract is left out by name, and the hazard ratio that was put in comes out', () => {
    const { model, diagnostics, concordance, rows } = trained(trainCox(DEFAULT_CONTRACTUAL, contracts(2_000), 400));
    const [{ message } = { message: '' }] = diagnostics.filter(({ code }) => code === 'features-left-out');
    expect(message).toMatch(
      /attribute:charged in total \(moves with the time under contract, rank correlation 0\.\d\d\)/,
    );
    expect(message).not.toContain('subscription_price');
    expect(model.encoding.map(({ column }) => column)).toEqual(['plan', 'subscription_price', 'attribute:seats']);
    const yearly = model.cox.coefficients.find(({ name }) => name.startsWith('plan'))!.coef!;
    // ln(1/3) = −1.10; 2,000 contracts leave a standard error of some 0.06.
    expect(Math.abs(yearly - Math.log(1 / 3))).toBeLessThan(0.25);
    expect(Math.abs(model.cox.coefficients.find(({ name }) => name === 'subscription_price')!.coef!)).toBeLessThan(
      0.01,
    );
    expect(concordance).toBeGreaterThan(0.55);
    expect(rows.train.n).toBe(2_000);
    expect(model.followUpDays).toBeLessThanOrEqual(300);
  });

  test('refuses too few ends, and contracts that nothing tells apart', () => {
    const some = contracts(400);
    const none = trainCox(DEFAULT_CONTRACTUAL, { ...some, eventObserved: some.eventObserved.map(() => 0) }, 400);
    expect(none).toEqual({
      ok: false,
      reason: {
        code: 'too-little-data',
        message: '0 subscriptions have ended; at least 25 are needed, 25 more',
      },
    });
    const bare = trainCox(DEFAULT_CONTRACTUAL, { ...some, features: some.features.map(() => ({ plan: 'pro' })) }, 400);
    expect(bare).toMatchObject({
      ok: false,
      reason: { message: expect.stringContaining('nothing is known of subscriptions') },
    });
    const far = trainCox({ ...DEFAULT_CONTRACTUAL, horizonDays: 400 }, some, 400);
    expect(far).toMatchObject({ ok: false, reason: { code: 'horizon-too-long' } });
    // Only what counts time is known: the same.
    const counted = some.features.map((_, i) => ({ 'attribute:logins': some.duration[i]! * 2 }));
    expect(trainCox(DEFAULT_CONTRACTUAL, { ...some, features: counted }, 400).ok).toBe(false);
  });
});
