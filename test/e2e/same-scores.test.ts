// The JSON of a model scores the same in Node, in a worker and in a real browser: classifiers over both sets of features, Cox, and the value models.
// Needs Debian's chromium (AXIOM47_CHROMIUM names another one); without it the browser's part is skipped and says so.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL, hasChurned } from '#domain/churn-definition.ts';
import { FEATURE_SETS, featureRow } from '#domain/churn-features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { createRates } from '#domain/rates.ts';
import { type ChurnRows, createRows, survivalRows } from '#processors/training/churn-rows.ts';
import { trainCox, trainLogistic } from '#processors/training/train-churn.ts';
import { scoreAnywhere } from '../support/score-anywhere.ts';

const browser = process.env.AXIOM47_CHROMIUM ?? '/usr/bin/chromium';
const without = existsSync(browser) ? '' : ` (skipped: no chromium at ${browser}; set AXIOM47_CHROMIUM)`;
const CUSTOMERS = 1_500;
const DAY = 700;
const context = { rates: createRates('EUR') };

/** Buyers of different rates who leave at different times, one in three also under contract. */
function simulated(): CustomerEntries[] {
  const random = createRandom(47);
  const key = () =>
    Math.floor(random.uniform() * 2 ** 32)
      .toString(16)
      .padStart(16, '0');
  return Array.from({ length: CUSTOMERS }, (_, i): CustomerEntries => {
    const [birth, rate, life] = [
      Math.floor(random.uniform() * 500),
      0.005 + 0.05 * random.uniform() ** 2,
      200 + 900 * random.uniform(),
    ];
    const days = new Set([birth]);
    for (let day = birth; day < Math.min(DAY + 100, birth + life); ) {
      day += 1 + Math.floor(-Math.log(1 - random.uniform()) / rate);
      if (day < birth + life && day <= DAY + 100) days.add(day);
    }
    const orders = [...days].map((day) => ({
      key: key(),
      day,
      minor: 500 + Math.floor(9_000 * random.uniform()),
      currency: 'EUR',
      revision: 0,
      // Half of the customers come by one channel, the others by two.
      channel: i % 2 === 0 || random.uniform() < 0.6 ? 'web' : 'store',
    }));
    const subscription = key();
    const price = 900 + 100 * Math.floor(20 * random.uniform());
    const mark = (day: number, step: 'started' | 'renewed' | 'cancelled') => ({
      key: subscription,
      day,
      step,
      plan: price > 1_900 ? 'pro' : 'basic',
      minor: price,
      currency: 'EUR',
      revision: 0,
    });
    const ends = birth + Math.floor((price > 1_900 ? 900 : 400) * random.uniform());
    return {
      sid:
        Math.floor(random.uniform() * 2 ** 32)
          .toString(16)
          .padStart(8, '0') +
        Math.floor(random.uniform() * 2 ** 32)
          .toString(16)
          .padStart(8, '0') +
        key(),
      linked: [],
      erased: false,
      anonymous: false,
      seq: i + 1,
      orders,
      refunds: i % 7 === 0 ? [{ ...orders[0]!, key: key(), day: birth + 3, orderKey: orders[0]!.key }] : [],
      activities: Array.from({ length: i % 5 }, (_, k) => ({
        day: birth + 40 * k,
        kind: k % 2 ? 'visit' : 'support_ticket',
        count: 1 + k,
      })),
      subscriptions: i % 3 === 0 ? [mark(birth, 'started'), ...(ends < DAY ? [mark(ends, 'cancelled')] : [])] : [],
      consents: [],
      attributes: [],
    };
  });
}

const upTo = (each: CustomerEntries, day: number): CustomerEntries => ({
  ...each,
  orders: each.orders.filter((order) => order.day <= day),
  activities: each.activities.filter((activity) => activity.day <= day),
});

function trained(customers: readonly CustomerEntries[]): object[] {
  const buyers = customers.filter(({ subscriptions }) => subscriptions.length === 0);
  const classifiers = FEATURE_SETS.map(({ version }) => {
    const rows: ChurnRows = createRows();
    for (const entries of buyers) {
      rows.features.push(featureRow(upTo(entries, DAY), DAY, context, version));
      rows.label.push(hasChurned(DEFAULT_CHURN, entries, DAY) ? 1 : 0);
      rows.day.push(DAY);
      rows.customer.push(entries.sid);
    }
    const found = trainLogistic(DEFAULT_CHURN, rows, { features: version });
    if (!found.ok) throw new Error(found.reason.message);
    return found.value.model;
  });
  const isotonic = structuredClone(classifiers[0]!);
  isotonic.logistic.calibration = { method: 'isotonic', x: [-3, -1, 0.5, 2], y: [0.05, 0.2, 0.7, 0.95] };
  const ledgers = { customers: () => customers, context, isLeftTruncated: () => false };
  const cox = trainCox(DEFAULT_CONTRACTUAL, survivalRows(DEFAULT_CONTRACTUAL, DAY, ledgers), DAY);
  if (!cox.ok) throw new Error(cox.reason.message);
  // Fader, Hardie & Lee (2005) on CDNOW, and Fader & Hardie's Gamma-Gamma.
  const gammaGamma = { p: 6.25, q: 3.744, v: 15.444 };
  const clv = { model: 'clv', unit: 'week', gammaGamma };
  return [
    ...classifiers,
    isotonic,
    cox.value.model,
    { ...clv, bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 } },
    { ...clv, mbgNbd: { r: 0.525, alpha: 6.183, a: 0.891, b: 1.614 } },
    { ...clv, paretoNbd: { r: 0.553, alpha: 10.58, s: 0.606, beta: 11.656 } },
  ];
}

const customers = simulated();
const models = trained(customers);
const question = JSON.stringify({
  models,
  ledgers: customers.slice(0, 300).map((each) => upTo(each, DAY)),
  day: DAY,
});
const here = scoreAnywhere(question);

function expectSame(there: (number | null)[][]): void {
  expect(there.map((each) => each.length)).toEqual(here.map((each) => each.length));
  let worst = 0;
  here.forEach((scores, m) => {
    scores.forEach((score, i) => {
      const other = there[m]![i]!;
      expect(other === null, `model ${m}, score ${i}`).toBe(score === null);
      if (score !== null && other !== null)
        worst = Math.max(worst, Math.abs(other - score) / Math.max(1, Math.abs(score)));
    });
  });
  expect(worst).toBeLessThanOrEqual(1e-12);
}

test('every model answers most of the customers, and they differ', () => {
  // By what they buy is one of the things the last classifier tells them apart by.
  expect(JSON.stringify(models[FEATURE_SETS.length - 1])).toMatch(/"last_channel=web","coef":-?[1-9.0]*[1-9]/);
  // One classifier a set of features, a Cox model and four of purchases.
  expect(here).toHaveLength(FEATURE_SETS.length + 5);
  for (const scores of here) {
    const told = scores.filter((score) => score !== null);
    expect(told.length).toBeGreaterThan(50);
    // A Cox model tells plans, prices and ages apart; an isotonic one flattens the ends.
    expect(new Set(told).size).toBeGreaterThan(20);
    expect(told.every((score) => Number.isFinite(score))).toBe(true);
  }
});

test('in a worker, bit for bit', async () => {
  const worker = new Worker(new URL('../support/score-anywhere-process.ts', import.meta.url), { workerData: question });
  const [there] = (await once(worker, 'message')) as [(number | null)[][]];
  await worker.terminate();
  expect(there).toEqual(here);
});

test.skipIf(without !== '')(`in a real browser, within 1e-12${without}`, async () => {
  const entry = fileURLToPath(new URL('../support/score-anywhere.ts', import.meta.url));
  const built = await build({
    configFile: false,
    root: fileURLToPath(new URL('../..', import.meta.url)),
    logLevel: 'silent',
    build: {
      write: false,
      target: 'es2024',
      lib: { entry, formats: ['iife'], name: 'anywhere', fileName: 'anywhere' },
    },
  });
  const [bundle] = [built].flat().flatMap((each) => ('output' in each ? each.output : []));
  if (bundle?.type !== 'chunk') throw new Error('vite made no bundle');
  const chrome = await chromium.launch({ executablePath: browser, headless: true, args: ['--no-sandbox'] });
  try {
    const page = await chrome.newPage();
    await page.setContent('<!doctype html><title>scores</title>');
    await page.addScriptTag({ content: bundle.code });
    const there = await page.evaluate(
      (text) =>
        (globalThis as unknown as { anywhere: { scoreAnywhere: typeof scoreAnywhere } }).anywhere.scoreAnywhere(text),
      question,
    );
    expectSame(there);
  } finally {
    await chrome.close();
  }
});
