// Evaluations through the whole program: a classifier on customers it never learned from, versions against each other, value models against what came,
// the card, the artefact as a file, and what is refused.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Comparison } from '#api/model-compare.ts';
import type { ModelFacts } from '#api/model-facts.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import type { EvaluationResult } from '#ops/jobs/evaluate.ts';
import type { TrainResult } from '#ops/jobs/train.ts';
import type { ChurnEvaluation } from '#processors/evaluation/churn.ts';
import type { FeatureReport, FeatureStatistics } from '#processors/evaluation/feature-report.ts';
import type { ValueEvaluation } from '#processors/evaluation/value.ts';
import { fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder } from '../support/program.ts';

type Evaluated<Kind> = EvaluationResult & Kind & { job: string };
const DAY = '2024-01-01';
afterAll(removeFolders);

describe('a classifier of subscribers', () => {
  const folder = temporaryFolder('evaluate');
  const dataDir = join(folder, 'main');
  let program: Program;
  const artefactOf = async (id: string) =>
    (await program.call<{ artefact: Record<string, unknown> & { metrics: ScoreMetrics } }>('GET', `/api/models/${id}`))
      .artefact;
  const model = (verb: string, ...rest: string[]) => run(['model', verb, ...rest, '--data-dir', dataDir]);
  const first = 'subscription_churn_model@1';
  let second = '';

  beforeAll(async () => {
    program = await serve(['--empty', '--currency', 'USD', '--data-dir', dataDir]);
    const table = ['--kind', 'subscription', '--snapshot', DAY, '--currency', 'USD', '--attributes', 'all'];
    const columns = ['--customer', 'customer_id', '--tenure', 'tenure_months:months', '--ended', 'churned=1'];
    const rest = ['--amount', 'monthly_charge', '--name', 'contract'];
    await program.json(['import', fixture('churn.csv'), ...table, ...columns, ...rest]);
    const asked = ['train', 'churn-logistic', '--definition', 'contractual', '--without', 'plan'];
    second = (await program.json<TrainResult>(asked)).id;
  });

  test('held out: ranking and calibration are those the training found on the same customers by another way', async () => {
    const found = await program.json<Evaluated<ChurnEvaluation>>([
      'evaluate',
      '--model',
      `${first.split('@')[0]}@champion`,
    ]);
    const { metrics, naive } = (await artefactOf(first)) as { metrics: ScoreMetrics; naive: unknown };
    expect(found).toMatchObject({ question: 'churn', cutoff: DAY, horizonDays: 30, leakage: { differing: 0 } });
    const [judged] = found.models;
    expect(judged).toMatchObject({ id: first, basis: 'held-out' });
    expect(judged!.metrics.n).toBe(metrics.n);
    for (const name of ['auc', 'aucLower', 'brier', 'logLoss', 'averagePrecision', 'ks'] as const)
      expect(judged!.metrics[name], name).toBeCloseTo(metrics[name]!, 12);
    for (const name of ['calibrationSlope', 'calibrationIntercept'] as const)
      expect(judged!.metrics[name], name).toBeCloseTo(metrics[name]!, 8);
    // Nobody was seen to leave before the one day of the table: everybody at the rate of those learned from, as the training had it.
    const { rate, brier } = naive as { rate: number; brier: number };
    expect(found.naive).toMatchObject({ rateOf: 'learned-from', rate });
    expect(found.naive.brier).toBeCloseTo(brier, 12);
    expect(judged!.againstNaive.brier).toHaveProperty('difference');
    expect(found.rows.leftOut['learned-from']).toBeGreaterThan(3 * found.rows.n);
    expect(found.rivals).toMatchObject([{ name: 'churn-cox', basis: 'divided', metrics: { n: metrics.n } }]);
    // Segments add up to everybody, and so do the customers lost in them.
    for (const { segments } of judged!.segments) {
      expect(segments.reduce((sum, { n }) => sum + n, 0)).toBe(found.rows.n);
      expect(segments.reduce((sum, { n, observed }) => sum + n * observed, 0)).toBeCloseTo(found.rows.lost, 9);
    }
    expect(judged!.segments.map(({ by }) => by)).toContain('plan');
    expect(judged!.importance!.importances[0]!.importance).toBeGreaterThan(0);
    expect(judged!.importance!.measure).toBe('brier');
    expect(judged!.dependence.length).toBeGreaterThan(0);
  });

  test('a Cox model of a table of one day: judged and explained on the fifth that a fit of its kind has not seen', async () => {
    const asked = ['evaluate', '--model', 'subscription_survival_model', '--model', first];
    const found = await program.json<Evaluated<ChurnEvaluation>>(asked);
    const [cox, classifier] = found.models;
    expect([cox, classifier]).toMatchObject([
      { kind: 'churn-cox', basis: 'divided', undefined: {} },
      { kind: 'churn-logistic', basis: 'held-out' },
    ]);
    // The rival is that very fit.
    expect(found.rivals[0]!.metrics!.brier).toBe(cox!.metrics.brier);
    expect(found.rows.leftOut['learned-from']).toBeGreaterThan(3 * found.rows.n);
    // 0.68 with a standard error of 0.04.
    expect(cox!.metrics.auc).toBeGreaterThan(0.5);
    const { measure, loss, rows, importances } = cox!.importance!;
    expect([measure, rows]).toEqual(['integrated-brier', found.rows.n]);
    // All ends were told at once, by the second table: the one day on which the curve can be held against them is the horizon.
    expect(loss).toBeCloseTo(cox!.metrics.brier!, 12);
    expect(importances).toEqual([...importances].sort((a, b) => b.importance - a.importance));
    expect(cox!.dependence[0]!.feature).toBe(importances[0]!.feature);
    for (const { mean } of cox!.dependence) expect(mean.every((p) => p > 0 && p < 1)).toBe(true);
  });

  test('two versions on the same rows: what differs, and how sure the better one is', async () => {
    const found = await program.json<Comparison>(['model', 'compare', first, second]);
    expect(found.why).toBeNull();
    expect(found.paired).toMatchObject({ cutoff: DAY, basis: ['held-out', 'held-out'] });
    const brier = found.paired!.pairs.find(({ metric }) => metric === 'brier')!;
    const [a, b] = [await artefactOf(first), await artefactOf(second)];
    expect(brier.value!.difference).toBeCloseTo(b.metrics.brier! - a.metrics.brier!, 12);
    // It knows less of everybody, so it is worse; how sure that is depends on who falls into the judged fifth.
    expect(brier.value!.difference).toBeGreaterThan(0);
    expect(brier.value!.probabilitySecondBetter).toBeLessThan(0.5);
    const decisions = found.paired!.pairs.filter(({ metric }) => ['eceBeyondChance', 'profit'].includes(metric));
    expect(decisions).toHaveLength(2);
    for (const { value } of decisions) expect(value!.lower).toBeLessThanOrEqual(value!.upper);
    expect(decisions[0]!.value!.standardError).toBeGreaterThan(0);
    expect(decisions[1]!.offer).toEqual({ cost: 1, benefit: 10 });
    expect(found.features.find(({ name }) => name === 'plan')).toMatchObject({
      differs: true,
    });
    const turned = await program.call<Comparison>('GET', `/api/models/compare?versions=${second},${first}`);
    const other = turned.paired!.pairs.find(({ metric }) => metric === 'brier')!;
    expect(other.value!.difference).toBeCloseTo(-brier.value!.difference, 15);
    expect(other.value!.probabilitySecondBetter).toBeCloseTo(1 - brier.value!.probabilitySecondBetter, 12);
    const people = await model('compare', first, second);
    expect([people.code, people.stdout]).toEqual([0, expect.stringMatching(/better than .*brier[\s\S]*\d %/)]);
  });

  test('a profit is told at what an offer costs and brings', async () => {
    const asked = ['evaluate', '--model', first, '--model', second, '--offer-cost', '4', '--offer-benefit', '60'];
    const { models } = await program.json<Evaluated<ChurnEvaluation>>(asked);
    for (const { metrics } of models) expect(metrics.profit!.best.profit).toBeGreaterThan(0);
  });

  test('features: the catalogue, a set held against its definitions over the base, one with its values, an unknown version', async () => {
    const all = await program.json<{ set: object; items: { name: string; version: number; used_by: string[] }[] }>([
      'features',
    ]);
    expect(all.set).toMatchObject({ name: 'customer', version: 1 });
    expect(all.items.find(({ name }) => name === 'plan')!.used_by).toContain(first);
    expect(all.items.filter(({ name }) => name === 'purchase_trend').map(({ version }) => version)).toEqual([1, 2]);
    const report = await program.json<FeatureReport>(['features', 'check']);
    expect(report).toMatchObject({ set: { version: 4 }, findings: [], leakage: { differing: 0 } });
    expect(report.sampled).toBe(report.customers);
    const { statistics } = await program.json<{ statistics: FeatureStatistics }>([
      'features',
      'show',
      'subscription_price',
    ]);
    expect(statistics.n).toBe(report.customers);
    expect(statistics.histogram!.reduce((sum, { count }) => sum + count, 0)).toBe(statistics.n - statistics.nulls);
    const people = await run(['features', 'show', 'plan', '--data-dir', dataDir]);
    expect([people.code, people.stdout]).toEqual([0, expect.stringContaining('read by')]);
    const none = await run(['features', 'show', 'plan@7', '--data-dir', dataDir]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is plan@1')]);
    const unknown = await run([
      'train',
      'churn',
      '--definition',
      'contractual',
      '--features',
      '9',
      '--data-dir',
      dataDir,
    ]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('customer@9')]);
  });

  test('a model of the second set answers beside one of the first', async () => {
    const trained = await program.json<TrainResult>([
      'train',
      'churn',
      '--definition',
      'contractual',
      '--features',
      '2',
    ]);
    const facts = await program.call<ModelFacts>('GET', `/api/models/${trained.id.replace('@', '/versions/')}`);
    expect(facts.feature_set).toEqual({ name: 'customer', version: 2 });
    const compared = await program.json<Comparison>(['model', 'compare', first, trained.id]);
    const auc = compared.paired!.pairs.find(({ metric }) => metric === 'auc')!.value!;
    expect(Math.abs(auc.difference)).toBeLessThan(0.1);
  });

  test('every evaluation of a version is listed, newest first, with who was judged beside it', async () => {
    const path = '/api/models/subscription_churn_model/versions/1/evaluations';
    const { items } = await program.call<{ items: { basis: string; others: string[]; offer: unknown }[] }>('GET', path);
    expect(items).toHaveLength(5);
    expect(items[1]).toMatchObject({ basis: 'held-out', others: [second], offer: { cost: 4, benefit: 60 } });
    expect(items.at(-1)!.others).toEqual([]);
  });

  test('planned by an alias it is asked of the version it means; a run of the plan is that evaluation', async () => {
    const alias = `${first.split('@')[0]}@champion`;
    type Plan = { id: string; kind: string; params: { models: string[] } };
    const plan = await program.json<Plan>([
      'schedule',
      'create',
      '0 5 1 * *',
      'evaluate',
      '--model',
      `${alias},${second}`,
    ]);
    expect(plan).toMatchObject({ kind: 'evaluate', params: { models: [first, second] } });
    const asked = await program.json<{ id: string; kind: string }>(['schedule', 'run', plan.id]);
    expect(asked.kind).toBe('evaluate');
    await program.call('POST', `/api/jobs/${asked.id}/cancel`, {});
    await program.json(['schedule', 'remove', plan.id]);
  });

  test('an artefact from outside is not believed what it says of its own making', async () => {
    const { logistic, ...rest } = (await artefactOf(first)) as unknown as { logistic: { intercept: number } };
    const altered = { ...rest, logistic: { ...logistic, intercept: logistic.intercept + 1e-3 } };
    const { id } = await program.call<{ id: string }>('POST', '/api/models', altered);
    const found = await program.json<Evaluated<ChurnEvaluation>>(['evaluate', '--model', id]);
    expect(found.models.map(({ basis }) => basis)).toEqual(['window-unknown']);
  });

  test('facts, card with its figures, and the artefact whose bytes have the digest', async () => {
    const facts = await program.call<ModelFacts>('GET', '/api/models/subscription_churn_model/versions/1');
    const artefact = await artefactOf(first);
    expect(facts).toMatchObject({ id: first, kind: 'churn-logistic', horizon_days: 30, window: { to: '2024-01-31' } });
    expect(facts.metrics.auc).toBe(artefact.metrics.auc);
    expect(facts.window.seq).toBeGreaterThan(0);
    const out = join(folder, 'card');
    await program.json(['model', 'card', first, '--out', out]);
    const card = readFileSync(join(out, 'card.md'), 'utf8');
    expect(card).toContain(`# Model card: ${first}`);
    expect(card).toContain(facts.digest);
    expect(readFileSync(join(out, 'calibration-and-roc.svg'), 'utf8')).toContain('<svg');
    const file = join(folder, 'model.json');
    const exported = await program.json<{ digest: string }>(['model', 'export', first, '--out', file]);
    expect(exported.digest).toBe(facts.digest);
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(facts.digest);
  });

  test('refused by name: no such version, one that means something else, an artefact that was changed', async () => {
    const none = await run(['evaluate', '--model', 'churn_model@9', '--data-dir', dataDir]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is no model churn_model@9')]);
    const named = await program.request('POST', '/api/jobs/evaluate', {
      body: { models: [`${first.split('@')[0]}@champion`] },
    });
    expect([named.status, named.body.detail]).toEqual([
      422,
      expect.stringContaining(`is ${first} now: ask by version`),
    ]);
    const cut = await run(['evaluate', '--model', first, '--at', '2024-03-01', '--data-dir', dataDir]);
    expect([cut.code, cut.stderr]).toEqual([2, expect.stringContaining('30 days after 2024-03-01 are not over')]);
    const one = await program.request('GET', `/api/models/compare?versions=${first}`);
    expect([one.status, one.body.detail]).toEqual([400, expect.stringContaining('at least two')]);
    const { digest } = await program.call<ModelFacts>('GET', `/api/models/${second.replace('@', '/versions/')}`);
    const stored = join(dataDir, 'artefacts', `${digest}.json`);
    writeFileSync(stored, readFileSync(stored, 'utf8').replace('"seed":47', '"seed":48'));
    const changed = await model('export', second, '--out', join(folder, 'changed.json'));
    expect([changed.code, changed.stderr]).toEqual([2, expect.stringContaining('was changed')]);
    const asked = await program.request('GET', `/api/models/${second.replace('@', '/versions/')}/artefact`);
    expect([asked.status, asked.body.reason]).toEqual([409, 'artefact-damaged']);
    // Nor is it put in force, with or without its gates.
    const inForce = () => program.call('GET', `/api/deployments/${second.split('@')[0]}`);
    const before = await inForce();
    for (const how of [[], ['--yes']]) {
      const forced = await model('deploy', second, ...how);
      expect([forced.code, forced.stderr]).toEqual([2, expect.stringContaining('was changed')]);
    }
    expect((await program.request('POST', `/api/models/${second}/promote`, { body: { reason: 'tried' } })).status).toBe(
      409,
    );
    expect(await inForce()).toEqual(before);
  });
});

describe('value models of the self-made shop', () => {
  const dataDir = join(temporaryFolder('evaluate-value'), 'main');
  let program: Program;
  const END = '2024-09-30';

  beforeAll(async () => {
    program = await serve(['--empty', '--data-dir', dataDir]);
    await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop']);
  });

  test('a version that has seen what came is judged by a fit to what was known, beside its rivals and going on as before', async () => {
    const asked = ['evaluate', '--model', 'clv_model@1', '--at', END, '--horizon', '90d'];
    const found = await program.json<Evaluated<ValueEvaluation>>(asked);
    const [judged] = found.models;
    expect(judged).toMatchObject({ basis: 'refitted', kind: 'clv' });
    expect(found.rivals.map(({ name }) => name)).toEqual(['bg-nbd', 'mbg-nbd', 'pareto-nbd']);
    const { served, naive } = judged!.purchases.models;
    expect(served!.mae).toBeLessThan(naive!.mae!);
    expect(served).toEqual({ ...judged!.purchases.models['bg-nbd'] });
    const people = judged!.segments[0]!.segments.reduce((sum, { n }) => sum + n, 0);
    expect(people).toBe(found.rows.n);
    expect(judged!.spend!.model.pinball.map(({ level }) => level)).toEqual([0.05, 0.5, 0.95]);
    expect(judged!.undefined.importance).toContain('cannot be dealt out apart');
    const { of, curves } = judged!.dependence;
    expect([of, curves.map(({ feature }) => feature)]).toEqual(['spend', expect.arrayContaining(['recency_days'])]);
  });

  test('parameters made outside say so; two versions are compared by error and pinball loss', async () => {
    const model = {
      model: 'clv',
      unit: 'week',
      bgNbd: { r: 0.5, alpha: 4, a: 0.8, b: 2.5 },
      gammaGamma: { p: 6, q: 4, v: 15 },
    };
    const { id } = await program.call<{ id: string }>('POST', '/api/models', model);
    const both = ['--model', 'clv_model@1', '--model', id, '--at', END, '--horizon', '90d'];
    const found = await program.json<Evaluated<ValueEvaluation>>(['evaluate', ...both]);
    expect(found.models.map(({ basis }) => basis)).toEqual(['refitted', 'window-unknown']);
    expect(found.pairs.map(({ metric }) => metric)).toEqual(['mae', 'maeSpend', 'pinball05', 'pinball50', 'pinball95']);
    const mae = found.pairs[0]!.value!;
    expect(mae.second).toBe(found.models[1]!.purchases.models.served!.mae);
    const card = await run(['model', 'card', 'clv_model@1', '--data-dir', dataDir]);
    expect(card.stdout).toMatch(/bgNbd.alpha[\s\S]*tracking|tracking[\s\S]*bgNbd.alpha/);
  });

  test('as a forecast of churn a value model stands in the same rows as any other', async () => {
    const asked = ['evaluate', '--model', 'clv_model@1', '--question', 'churn', '--at', END];
    const { models, definition } = await program.json<Evaluated<ChurnEvaluation>>(asked);
    expect(definition).toMatchObject({ kind: 'non-contractual', horizonDays: 90 });
    expect(models[0]!.metrics.auc).toBeGreaterThan(0.6);
    expect(models[0]!.undefined).toMatchObject({
      importance: expect.stringContaining('purchase model'),
      dependence: expect.stringContaining('judged by value'),
    });
  });
});
