// `rfm`, `fit` and `predict` as a user runs them on files: JSON shapes, the goldens through them, and what bad input gets.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { fit, fitFromSummary } from '#ops/commands/fit.ts';
import { parseHorizon, predict } from '#ops/commands/predict.ts';
import { rfm } from '#ops/commands/rfm.ts';
import { refusal, run } from '#test/support/commands.ts';
import { expectAllClose, expectClose } from '../../support/close.ts';
import { fixture, golden } from '../../support/histories.ts';
import { describeShared, sharedJson, sharedPath } from '../../support/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const orders = fixture('clv_transactions.csv');

interface Params {
  mle: { params: Record<string, number>; log_likelihood: number };
}

describe('rfm', () => {
  test('prints {n, unit, totals, rows} of the fixture as rfm_summary.json has them', async () => {
    const out = (await run(rfm, '--data', orders, '--until', '2025-06-30', '--json')).json();
    const expected = golden<{ totals_daily7: Record<string, number>; first20_daily7: Record<string, number>[] }>(
      'rfm_summary.json',
    );
    expect(Object.keys(out)).toEqual(['n', 'unit', 'totals', 'rows']);
    expect(out).toMatchObject({ n: 800, unit: 'week' });
    expectAllClose(
      out.totals,
      { frequency: 2267, recency: 20362.142857142855, T: 57164.142857142855, repeaters: 583 },
      1e-12,
    );
    expected.first20_daily7.forEach(({ id, frequency, recency, T, monetary_value }, i) => {
      expect(out.rows[i]).toMatchObject({ id, frequency });
      expectAllClose(out.rows[i], { recency: recency!, T: T!, monetaryValue: monetary_value! }, 1e-12);
    });
  });

  test('without --json prints CSV that fit reads; gzip is read as it is; without an amount money is null', async () => {
    const csv = file('summary.csv', (await run(rfm, '--data', orders, '--until', '2025-06-30')).stdout);
    const fitted = (await run(fit, 'bg-nbd', '--data', csv, '--json')).json();
    expectAllClose(fitted.params, golden<Params>('bgnbd.json').mle.params, 1e-6);
    const zipped = file('orders.csv.gz', gzipSync('who,when\na,2024-01-01\na,2024-01-15\nb,2024-01-03T10:00:00Z\n'));
    const out = (
      await run(rfm, '--data', zipped, '--customer', 'who', '--time', 'when', '--unit', 'day', '--json')
    ).json();
    expect(out.rows).toEqual([
      { id: 'a', frequency: 1, recency: 14, T: 14, monetaryValue: null },
      { id: 'b', frequency: 0, recency: 0, T: 12, monetaryValue: null },
    ]);
  });

  test('guesses columns, decimals and dates as an import does', async () => {
    const german = file(
      'deutsch.csv',
      'Kunden-Nr.;Bestelldatum;Betrag\na;13.01.2024;1.234,50\na;20.01.2024;12,5\nb;14.01.2024;7\n',
    );
    const rows = (await run(rfm, '--data', german, '--unit', 'day', '--json')).json().rows;
    expect(rows).toMatchObject([
      { id: 'a', frequency: 1, recency: 7, T: 7, monetaryValue: 12.5 },
      { id: 'b', frequency: 0, T: 6 },
    ]);
    const lines = file('lines.csv', 'Customer Email,Date,Quantity,Unit Price\nx,2024-01-01,1,5\nx,2024-01-02,3,2.50\n');
    expect((await run(rfm, '--data', lines, '--json')).json().rows).toMatchObject([{ id: 'x', monetaryValue: 7.5 }]);
    const either = file('either.csv', 'customer,date,amount\na,02/03/2024,"1,234"\n');
    expect(await refusal(rfm, '--data', either)).toMatch(/--date-order dmy or mdy/);
    expect(await refusal(rfm, '--data', either, '--date-order', 'dmy')).toMatch(/--decimal point.*--decimal comma/);
    expect(await refusal(rfm, '--data', either, '--date-order', 'ymd')).toMatch(/one of iso, dmy, mdy/);
    const fitted = await run(rfm, '--data', either, '--date-order', 'dmy', '--decimal', 'comma', '--json');
    expect(fitted.json().n).toBe(1);
    const latin = file('latin.csv', Buffer.from('Käufer;Datum\na;2024-01-01\n', 'latin1'));
    expect(await refusal(rfm, '--data', latin)).toMatch(/not UTF-8.*iconv -f latin1 -t utf8/);
  });

  test('bad input names file, row, column and what to do', async () => {
    const broken = file('broken.csv', 'customer_id,date,amount\na,2024-01-01,5.00\na,2024-02-30,5.00\n');
    expect(await refusal(rfm, '--data', broken)).toMatch(
      /^broken\.csv row 2, column date: is not a day of the calendar/,
    );
    const refund = file('refund.csv', 'customer_id,date,amount\na,2024-01-01,-5.00\n');
    expect(await refusal(rfm, '--data', refund)).toMatch(
      /row 1, column amount: is negative; a refund is not a purchase/,
    );
    const text = file('text.csv', 'customer_id,date,amount\na,2024-01-01,five\n');
    expect(await refusal(rfm, '--data', text)).toMatch(/row 1, column amount: 'five' is not an amount/);
    const nobody = file('nobody.csv', 'customer_id,date,amount\n,2024-01-01,5\n');
    expect(await refusal(rfm, '--data', nobody)).toMatch(/row 1, column customer_id: no customer/);
    expect(await refusal(rfm, '--data', orders, '--customer', 'buyer')).toMatch(
      /no column 'buyer'; it has customer_id, date, amount/,
    );
    expect(await refusal(rfm, '--data', orders, '--unit', 'month')).toMatch(/--unit must be week or day/);
    expect(await refusal(rfm, '--data', orders, '--until', '2020-01-01')).toMatch(
      /no purchase up to --until 2020-01-01/,
    );
    expect(await refusal(rfm)).toMatch(/needs --data FILE/);
    expect(await refusal(rfm, '--data', join(folder, 'none.csv'))).toMatch(/cannot read .*none\.csv/);
    expect(await refusal(rfm, '--data', file('empty.csv', ''))).toMatch(/no rows/);
  });
});

describe('fit', () => {
  test.each([
    ['bg-nbd', 'bgnbd.json'],
    ['mbg-nbd', 'mbgnbd.json'],
    ['gamma-gamma', 'gammagamma.json'],
  ])('%s from transactions prints what interfaces promise and equals %s', async (model, source) => {
    const { code, json } = await run(fit, model, '--transactions', orders, '--until', '2025-06-30', '--json');
    expect(code).toBe(0);
    const out = json();
    for (const name of [
      'model',
      'unit',
      'params',
      'logLikelihood',
      'standardErrors',
      'gradientNorm',
      'iterations',
      'n',
      'converged',
      'diagnostics',
    ])
      expect(out).toHaveProperty(name);
    const { mle } = golden<Params>(source);
    expectAllClose(out.params, mle.params, 1e-6);
    expectClose(out.logLikelihood, mle.log_likelihood, 1e-9);
    expect(out).toMatchObject({ model, unit: 'week', converged: true });
  });

  test('fitFromSummary fits histories that came from elsewhere and names their source when one cannot be', () => {
    const rows = {
      frequency: Float64Array.of(1, 2),
      recency: Float64Array.of(3, 9),
      T: Float64Array.of(8, 8),
      names: { recency: 't_x' },
      source: 'the log',
    };
    expect(() => fitFromSummary('bg-nbd', rows, 'week')).toThrow(/^the log row 2, column t_x: 9 is after/);
    const short = { ...rows, recency: Float64Array.of(3, 4) };
    expect(fitFromSummary('mbg-nbd', short, 'day')).toMatchObject({ ok: false, reason: 'too-few-customers', n: 2 });
    expect(() => fitFromSummary('gamma-gamma', rows, 'week')).toThrow(/the log has no monetary column/);
  });

  test('--columns names the columns; a weight column repeats rows', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => [i % 3, i % 3 === 0 ? 0 : 5 + i, 40 + (i % 5), 2].join(','));
    const weighted = file('weighted.csv', ['n,last,age,times', ...rows].join('\n'));
    const twice = file('twice.csv', ['n,last,age,times', ...rows, ...rows].join('\n'));
    const columns = 'frequency=n,recency=last,T=age';
    const one = (await run(fit, 'bg-nbd', '--data', weighted, '--columns', `${columns},weight=times`, '--json')).json();
    const other = (await run(fit, 'bg-nbd', '--data', twice, '--columns', columns, '--json')).json();
    expect(one).toEqual(other);
    expect(one.n).toBe(60);
  });

  test('a fit that is refused exits 1 with the reason on stderr and in the JSON', async () => {
    const silent = file(
      'silent.csv',
      ['frequency,recency,T', ...Array.from({ length: 40 }, (_, i) => `0,0,${i + 1}`)].join('\n'),
    );
    const { code, stderr, json } = await run(fit, 'bg-nbd', '--data', silent, '--json');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^axiom47: silent\.csv: bg-nbd was not fitted \(not-identifiable\): nobody bought again/);
    expect(json()).toMatchObject({ ok: false, reason: 'not-identifiable', converged: false });
  });

  test('bad input names row and column as the file calls them', async () => {
    const late = file('late.csv', 'x,t_x,T\n1,2,3\n2,9,8\n');
    expect(await refusal(fit, 'bg-nbd', '--data', late)).toMatch(
      /^late\.csv row 2, column t_x: 9 is after the end of observation, T = 8/,
    );
    const blank = file('blank.csv', 'x,t_x,T\n1,,3\n');
    expect(await refusal(fit, 'bg-nbd', '--data', blank)).toMatch(/^blank\.csv row 1, column t_x: '' is not a number/);
    expect(await refusal(fit, 'bg-nbd', '--data', orders)).toMatch(
      /no column for frequency .* --columns frequency=COLUMN/,
    );
    expect(await refusal(fit, 'nbd', '--data', late)).toMatch(
      /one model of bg-nbd, mbg-nbd, pareto-nbd, gamma-gamma, logistic, kaplan-meier, aalen-johansen, cox; got 'nbd'/,
    );
    expect(await refusal(fit, 'bg-nbd')).toMatch(/needs --data FILE, --transactions FILE or --from-log/);
    expect(await refusal(fit, 'bg-nbd', '--from-log', '--unit', 'day')).toMatch(/leave --unit out/);
    expect(await refusal(fit, 'bg-nbd', '--data', late, '--as-of', '2026-01-01')).toMatch(
      /--as-of goes with --from-log/,
    );
    expect(await refusal(fit, 'bg-nbd', '--data', late, '--columns', 'purchases=x')).toMatch(
      /'purchases=x' is not FIELD=COLUMN/,
    );
  });
});

describe('predict', () => {
  const params = async (model: string) =>
    file(`${model}.json`, (await run(fit, model, '--transactions', orders, '--until', '2025-06-30', '--json')).stdout);

  test('clv of the fixture at 52 weeks is that of clv.json', async () => {
    const summary = file('all.csv', (await run(rfm, '--data', orders, '--until', '2025-06-30')).stdout);
    const { json, stderr } = await run(
      predict,
      'clv',
      '--params',
      await params('bg-nbd'),
      '--params',
      await params('gamma-gamma'),
      '--data',
      summary,
      '--horizon',
      '52w',
      '--json',
    );
    expect(stderr).toBe('');
    const rows = json();
    expect(rows.length).toBe(800);
    interface Row {
      customer_id: string;
      spend_52w: { p_zero: number; quantiles: Record<string, number> };
    }
    for (const { customer_id, spend_52w } of golden<{ customers: Row[] }>('clv.json').customers) {
      const row = rows.find((candidate: { customer_id: string }) => candidate.customer_id === customer_id);
      expectClose(row.p_zero_spend, spend_52w.p_zero, 1e-6);
      for (const [name, level] of [
        ['clv_p05', '0.05'],
        ['clv_p50', '0.5'],
        ['clv_p95', '0.95'],
      ] as const)
        expectClose(row[name], spend_52w.quantiles[level]!, 1e-6, `${name} of ${customer_id}`);
    }
  });

  test('churn from transactions; rows a model cannot speak about say why and the rest still answer', async () => {
    const bg = await params('bg-nbd');
    const { json } = await run(
      predict,
      'churn',
      '--params',
      bg,
      '--transactions',
      orders,
      '--until',
      '2025-06-30',
      '--json',
    );
    const rows = json();
    expect(rows[0]).toMatchObject({ customer_id: 'C0001', p_alive: 1, horizon_days: 90 });
    expect(Object.keys(rows[0])).toEqual([
      'customer_id',
      'p_churn',
      'lower',
      'upper',
      'p_alive',
      'expected_purchases',
      'horizon_days',
      'band',
    ]);
    const mixed = file('mixed.csv', 'id,x,t_x,T\ngood,2,10,20\nbad,2,30,20\n');
    const {
      code,
      json: answers,
      stderr,
    } = await run(predict, 'churn', '--params', bg, '--data', mixed, '--horizon', '12m', '--json');
    expect(code).toBe(0);
    expect(answers()[1]).toMatchObject({ customer_id: 'bad', reason: 'invalid-history' });
    expect(answers()[0].p_churn).toBeGreaterThan(0);
    expect(stderr).toMatch(/1 of 2 rows without a prediction/);
  });

  test('purchases within a horizon sum to 1 and the next one has its quantiles; --new is a customer met today', async () => {
    const bg = await params('bg-nbd');
    const answered = await run(predict, 'purchases', '--params', bg, '--transactions', orders, '--json');
    const rows = answered.json();
    expect(rows.length).toBeGreaterThan(100);
    for (const row of rows) {
      const counts = [0, 1, 2, 3, 4].map((n) => row[`p_${n}`]);
      expect(counts.reduce((sum, p) => sum + p, row.p_5_or_more)).toBeCloseTo(1, 12);
      if (row.next_p25_days !== null && row.next_p50_days !== null)
        expect(row.next_p25_days).toBeLessThan(row.next_p50_days);
      // Within 90 days with more than a half: so the median of the next purchase is.
      if (row.next_p50_days !== null) expect(row.next_p50_days <= 90).toBe(row.p_0 <= 0.5);
    }
    const newcomer = await run(predict, 'purchases', '--params', bg, '--new', '--horizon', '26w', '--json');
    expect(newcomer.json()).toMatchObject([{ customer_id: 'new', p_alive: 1, naive_purchases: 0, horizon_days: 182 }]);
    expect(await refusal(predict, 'churn', '--params', bg, '--new', '--data', orders)).toMatch(/leave --data out/);
    expect(
      await refusal(
        predict,
        'clv',
        '--params',
        bg,
        '--params',
        await params('gamma-gamma'),
        '--new',
        '--discounting',
        'daily',
      ),
    ).toMatch(/--discounting daily: one of month-end, mid-month/);
  });

  test('covariates: fitted from columns of the file, used row by row, refused where they are missing', async () => {
    const random = createRandom(3);
    const lines = ['id,x,t_x,T,channel,age'];
    for (let i = 0; i < 400; i++) {
      const web = random.uniform() < 0.5;
      const rate = random.gamma(0.8, web ? 3 : 8);
      const dropout = random.beta(0.9, 2.5);
      let [x, last] = [0, 0];
      for (let at = random.exponential(rate); at < 52; at += random.exponential(rate)) {
        [x, last] = [x + 1, at];
        if (random.uniform() < dropout) break;
      }
      lines.push(`c${i},${x},${last},52,${web ? 'web' : 'shop'},${20 + random.below(40)}`);
    }
    const data = file('covariates.csv', `${lines.join('\n')}\n`);
    const fitted = await run(fit, 'bg-nbd', '--data', data, '--covariates', 'channel=web,age', '--json');
    const json = fitted.json();
    expect(json.covariates.map(({ name }: { name: string }) => name)).toEqual(['channel=web', 'age']);
    // e^γ is 8/3 in truth.
    expect(json.covariates[0].alpha).toBeGreaterThan(0.5);
    expect(json.likelihoodRatio.pValue).toBeLessThan(0.001);
    const params = file('covariates.json', fitted.stdout);
    const rows = (await run(predict, 'churn', '--params', params, '--data', data, '--json')).json();
    const twin = file('twins.csv', 'id,x,t_x,T,channel,age\na,2,20,52,web,30\nb,2,20,52,shop,30\n');
    const [web, shop] = (await run(predict, 'churn', '--params', params, '--data', twin, '--json')).json();
    expect(rows).toHaveLength(400);
    expect(web.p_churn).not.toBeCloseTo(shop.p_churn, 3);
    expect(await refusal(predict, 'churn', '--params', params, '--new')).toMatch(
      /covariates \(channel=web, age\): give --data/,
    );
    expect(await refusal(fit, 'bg-nbd', '--data', data, '--covariates', 'age,age')).toMatch(/names age twice/);
    expect(await refusal(fit, 'bg-nbd', '--data', data, '--covariates', 'colour')).toMatch(/no column 'colour'/);
    expect(parseClvModel(json)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('which a workspace does not hold'),
    });
    const human = await run(fit, 'bg-nbd', '--data', data, '--covariates', 'channel=web');
    expect(human.stdout).toMatch(/channel=web \(mean 0\.\d+\)/);
  });

  test('horizons are days, weeks or months of 4.345 weeks', () => {
    expect(['90', '90d', '52w', '12m'].map(parseHorizon)).toEqual([90, 90, 364, 12 * 4.345 * 7]);
    for (const text of ['0', '-3d', '3y', '', 'd'])
      expect(() => parseHorizon(text)).toThrow(/--horizon .* is not a length/);
  });

  test('bad input: no money model, no parameters, a file that is no model', async () => {
    const bg = await params('bg-nbd');
    expect(await refusal(predict, 'clv', '--params', bg, '--data', orders)).toMatch(/clv needs a money model too/);
    expect(await refusal(predict, 'churn', '--data', orders)).toMatch(/needs a customer .*--params FILE/);
    expect(await refusal(predict, 'churn', '--params', orders, '--data', orders)).toMatch(
      /--params .*clv_transactions\.csv: .*JSON/,
    );
    expect(
      await refusal(
        predict,
        'churn',
        '--params',
        file('odd.json', '{"model":"bg-nbd","params":{"r":1}}'),
        '--data',
        orders,
      ),
    ).toMatch(/params\.alpha/);
    expect(await refusal(predict, 'weather', '--params', bg, '--data', orders)).toMatch(
      /needs churn, clv or purchases; got 'weather'/,
    );
  });
});

describeShared(
  'the commands on CDNOW',
  ['data/cdnow_summary.csv', 'data/cdnow_summary_spend.csv', 'golden/bgnbd_cdnow.json'],
  () => {
    test.each([
      ['bg-nbd', 'cdnow_summary.csv', 'bgnbd_cdnow.json'],
      ['mbg-nbd', 'cdnow_summary.csv', 'mbgnbd_cdnow.json'],
      ['gamma-gamma', 'cdnow_summary_spend.csv', 'gammagamma_cdnow.json'],
    ])('fit %s on %s equals %s', async (model, data, source) => {
      const out = (await run(fit, model, '--data', sharedPath('data', data), '--json')).json();
      expectAllClose(out.params, sharedJson<Params>('golden', source).mle.params, 1e-6);
    });
  },
);
