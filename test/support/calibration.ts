// Are the predictive distributions right? What came in a held-out span against what was forecast at its start, by how often a customer had
// bought: the share that bought at all, the mean, P(S ≤ p95), and the randomised PIT. Used by the tests, by the benchmark, and for the page
// ops/calibration.md.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { countPmf, expectedFuture } from '#domain/models/future-purchases.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import { randomisedPit, uniformity } from '#domain/models/pit.ts';
import { type Purchase, purchasePeriods } from '#domain/models/rfm.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { dayOf, purchasesOf } from './histories.ts';

/** One customer at the end of calibration, and what then came. Times in weeks, money in the file's currency. */
export interface Followed {
  frequency: number;
  recency: number;
  T: number;
  /** Repeat days with money, and the mean of those. */
  moneyDays: number;
  monetaryValue: number;
  purchases: number;
  spend: number;
}

export interface Laws {
  purchases: bgNbd.BgNbdParams;
  /** Absent: the number of purchases is judged instead of the money. */
  money?: gammaGamma.GammaGammaParams;
}

/** Histories until the end of `cut`, and what came in (cut, end]. Both days since 1970-01-01. */
export function follow(purchases: Iterable<Purchase>, cut: number, end: number): Followed[] {
  const customers: Followed[] = [];
  for (const days of purchasePeriods(purchases, 'day', end).values()) {
    const first = Math.min(...days.keys());
    if (first > cut) continue;
    const row = {
      frequency: 0,
      recency: 0,
      T: (cut - first) / 7,
      moneyDays: 0,
      monetaryValue: 0,
      purchases: 0,
      spend: 0,
    };
    for (const [day, micros] of days) {
      if (day > cut) {
        row.purchases++;
        row.spend += micros / 1e6;
      } else if (day > first) {
        row.frequency++;
        row.recency = Math.max(row.recency, (day - first) / 7);
        if (micros > 0) row.moneyDays++;
        row.monetaryValue += Math.max(0, micros) / 1e6;
      }
    }
    row.monetaryValue /= Math.max(1, row.moneyDays);
    customers.push(row);
  }
  return customers;
}

/** BG/NBD, and Gamma-Gamma where there is money, of the calibration part. */
export function fitLaws(customers: readonly Followed[], withMoney: boolean): Laws {
  const of = (field: keyof Followed) => Float64Array.from(customers, (row) => row[field]);
  const purchases = bgNbd.fit({ frequency: of('frequency'), recency: of('recency'), T: of('T') });
  if (!purchases.ok) throw new Error(purchases.message);
  if (!withMoney) return { purchases: purchases.params };
  const money = gammaGamma.fit({ frequency: of('moneyDays'), monetaryValue: of('monetaryValue') });
  if (!money.ok) throw new Error(money.message);
  return { purchases: purchases.params, money: money.params };
}

/** What was forecast for one customer, at what came. */
interface Judged {
  below: number;
  upTo: number;
  /** Is p95 above 0, and did no more come? */
  above: boolean;
  within: boolean;
  bought: { predicted: number; actual: number };
  mean: { predicted: number; actual: number };
}

function judge({ purchases, money }: Laws, weeks: number, row: Followed): Judged {
  const state = bgNbd.posterior(purchases, row.frequency, row.recency, row.T);
  const expected = expectedFuture(state, weeks);
  if (money === undefined) {
    const pmf = countPmf(state, weeks, row.purchases + 400);
    const cdf = (n: number) => pmf.subarray(0, n + 1).reduce((sum, p) => sum + p, 0);
    let p95 = 0;
    while (cdf(p95) < 0.95) p95++;
    return {
      below: Math.min(1, cdf(row.purchases - 1)),
      upTo: Math.min(1, cdf(row.purchases)),
      above: p95 > 0,
      within: row.purchases <= p95,
      bought: { predicted: 1 - pmf[0]!, actual: row.purchases > 0 ? 1 : 0 },
      mean: { predicted: expected, actual: row.purchases },
    };
  }
  const law = spendDistribution(state, weeks, money, row.moneyDays, row.monetaryValue);
  if (law === undefined) throw new Error('a horizon in the wrong unit');
  const p95 = law.quantile(0.95);
  const upTo = law.cdf(row.spend);
  return {
    below: row.spend > 0 ? upTo : 0,
    upTo,
    above: p95 > 0,
    within: row.spend <= p95,
    bought: { predicted: 1 - law.pZero, actual: row.spend > 0 ? 1 : 0 },
    mean: {
      predicted: expected * gammaGamma.expectedSpend(money, row.moneyDays, row.monetaryValue)!,
      actual: row.spend,
    },
  };
}

export interface ClassCalibration {
  name: string;
  n: number;
  bought: { predicted: number; actual: number };
  mean: { predicted: number; actual: number };
  /** Of those with p95 > 0. */
  within: { n: number; share: number };
  /** χ² of the randomised PIT in 20 bins; null where the rows are too few. */
  pitP: number | null;
}

const CLASSES: [string, (frequency: number) => boolean][] = [
  ['x = 0', (x) => x === 0],
  ['x = 1', (x) => x === 1],
  ['x = 2', (x) => x === 2],
  ['x = 3', (x) => x === 3],
  ['x = 4–6', (x) => x >= 4 && x <= 6],
  ['x ≥ 7', (x) => x >= 7],
  ['all', () => true],
];

/** By frequency class, the last row all of them. The PIT's draws are seeded. */
export function calibrationOf(laws: Laws, weeks: number, customers: readonly Followed[]): ClassCalibration[] {
  const judged = customers.map((row) => judge(laws, weeks, row));
  const pit = randomisedPit(
    { below: Float64Array.from(judged, (row) => row.below), upTo: Float64Array.from(judged, (row) => row.upTo) },
    createRandom(47).uniform,
  );
  return CLASSES.map(([name, belongs]) => {
    const members = [...judged.keys()].filter((i) => belongs(customers[i]!.frequency));
    const average = (of: (row: Judged) => number) =>
      members.reduce((sum, i) => sum + of(judged[i]!), 0) / members.length;
    const both = (field: 'bought' | 'mean') => ({
      predicted: average((row) => row[field].predicted),
      actual: average((row) => row[field].actual),
    });
    const above = members.filter((i) => judged[i]!.above);
    const test = uniformity(
      Float64Array.from(members, (i) => pit[i]!),
      20,
    );
    return {
      name,
      n: members.length,
      bought: both('bought'),
      mean: both('mean'),
      within: { n: above.length, share: above.filter((i) => judged[i]!.within).length / above.length },
      pitP: test.value?.p ?? null,
    };
  });
}

/** Customers of known parameters, lived through step by step: up to `age` weeks of history, then `weeks` of future. */
export function simulate(laws: Required<Laws>, n: number, age: number, weeks: number, seed: number): Followed[] {
  const random = createRandom(seed);
  const {
    purchases: { r, alpha, a, b },
    money,
  } = laws;
  return Array.from({ length: n }, () => {
    const T = age * (0.4 + 0.6 * random.uniform());
    const rate = random.gamma(r, alpha);
    const dropout = random.beta(a, b);
    const scale = random.gamma(money.q, money.v);
    const row = { frequency: 0, recency: 0, T, moneyDays: 0, monetaryValue: 0, purchases: 0, spend: 0 };
    let paid = 0;
    for (let at = random.exponential(rate); at <= T + weeks; at += random.exponential(rate)) {
      const amount = random.gamma(money.p, scale);
      if (at <= T) {
        row.frequency++;
        row.recency = at;
        paid += amount;
      } else {
        row.purchases++;
        row.spend += amount;
      }
      if (random.uniform() < dropout) break;
    }
    row.moneyDays = row.frequency;
    row.monetaryValue = paid / Math.max(1, row.frequency);
    return row;
  });
}

const percent = (share: number) => (100 * share).toFixed(1);

/** The table as it stands in ops/calibration.md. */
export function calibrationTable(classes: readonly ClassCalibration[]): string[] {
  return [
    '| bought before | customers | bought, % forecast | % came | mean forecast | mean came | within p95, % | PIT p |',
    '|---|---|---|---|---|---|---|---|',
    ...classes.map(({ name, n, bought, mean, within, pitP }) =>
      [
        '',
        name,
        n,
        percent(bought.predicted),
        percent(bought.actual),
        mean.predicted.toFixed(2),
        mean.actual.toFixed(2),
        percent(within.share),
        pitP === null ? '–' : pitP < 1e-4 ? pitP.toExponential(0) : pitP.toFixed(4),
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  ];
}

/** CDNOW's 1997-Q1 cohort at its published parameters (Fader, Hardie & Lee 2005; Fader & Hardie, "The Gamma-Gamma Model", 2013). */
export const KNOWN: Required<Laws> = {
  purchases: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
  money: { p: 6.25, q: 3.74, v: 15.44 },
};

export interface Case {
  name: string;
  title: string;
  /** Files below the folder of real data; none for a simulation. */
  files: string[];
  judge(path: (file: string) => string): ClassCalibration[];
}

const halves = (purchases: Purchase[], cut: string, end: string, withMoney: boolean) => {
  const customers = follow(purchases, dayOf(cut), dayOf(end));
  return calibrationOf(fitLaws(customers, withMoney), dayOf(end) / 7 - dayOf(cut) / 7, customers);
};

/** Lines of known customers with a quantity and a price above 0; cancellations are left out, so the money is gross. */
function onlineRetail(path: string): Purchase[] {
  const [head = '', ...lines] = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split(/\r?\n/);
  const width = head.split(',').length;
  return lines.flatMap((line) => {
    const cells = line.split(',');
    // A description may hold commas, quoted: the last five columns are counted from the end.
    const [quantity, date, price, customer] = cells.slice(cells.length - width + 3, -1) as [
      string,
      string,
      string,
      string,
    ];
    const micros = Math.round(Number(quantity) * Number(price) * 1e6);
    if (customer === '' || Number(quantity) <= 0 || micros <= 0 || line.startsWith('C')) return [];
    return [{ customer, day: dayOf(date), micros }];
  });
}

export const CASES: Case[] = [
  {
    name: 'known',
    title: 'Known parameters: 30,000 simulated customers, 39 weeks held out, money',
    files: [],
    judge: () => calibrationOf(KNOWN, 39, simulate(KNOWN, 30_000, 39, 39, 1)),
  },
  {
    name: 'fitted',
    title: 'The same customers, parameters fitted',
    files: [],
    judge: () => {
      const customers = simulate(KNOWN, 30_000, 39, 39, 1);
      return calibrationOf(fitLaws(customers, true), 39, customers);
    },
  },
  {
    name: 'cdnow',
    title: 'CDNOW, all 23,570 customers: fitted to 39 weeks, 39 weeks held out, money in dollars',
    files: ['cdnow_master_transactions.csv'],
    judge: (path) =>
      halves(
        purchasesOf(path('cdnow_master_transactions.csv'), { customer: 'customer_id', date: 'date', amount: 'amount' }),
        '1997-09-30',
        '1998-06-30',
        true,
      ),
  },
  {
    name: 'online-retail',
    title: 'Online Retail: fitted to 27 weeks, 26.6 weeks held out, gross money in pounds',
    files: ['online_retail.csv.gz'],
    judge: (path) => halves(onlineRetail(path('online_retail.csv.gz')), '2011-06-06', '2011-12-09', true),
  },
  {
    name: 'grocery',
    title: 'Grocery: fitted to 52 weeks, 52 weeks held out, purchases (the file has no money)',
    files: ['grocery_transactions.csv'],
    judge: (path) =>
      halves(
        purchasesOf(path('grocery_transactions.csv'), { customer: 'cust', date: 'date' }),
        '2006-12-31',
        '2007-12-30',
        false,
      ),
  },
];
