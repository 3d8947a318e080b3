// Drawings: well-formed, described, safe with any name, inside their frame, and of the numbers they were given.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { fit as fitCurve, fitGroups } from '#domain/models/survival/kaplan-meier.ts';
import { driftChart } from '#ops/charts/drift-chart.ts';
import { evaluationChart } from '#ops/charts/evaluation-chart.ts';
import { posteriorChart } from '#ops/charts/posterior-chart.ts';
import {
  linearScale,
  niceDomain,
  niceTicks,
  numberText,
  percentText,
  shortened,
  spread,
  textWidth,
} from '#ops/charts/scale.ts';
import { survivalChart } from '#ops/charts/survival-chart.ts';
import { escapeText } from '#ops/charts/svg.ts';
import { trackingChart } from '#ops/charts/tracking-chart.ts';
import { ab } from '#ops/commands/ab.ts';
import type { Command } from '#ops/commands/command.ts';
import { drift } from '#ops/commands/drift.ts';
import { evaluate } from '#ops/commands/evaluate.ts';
import { fit } from '#ops/commands/fit.ts';
import { predict } from '#ops/commands/predict.ts';
import { column, csvRows, fixture } from '../../support/histories.ts';

const table = csvRows(fixture('scores.csv'));
const metrics = scoreMetrics({ label: column(table, 'label'), score: column(table, 'score') });
const NASTY = '"><script>alert(1)</script>&\u0000 and a name that is far too long for any place it could stand in';

const curves = (names: readonly string[]) => {
  const n = 60 * names.length;
  const found = fitGroups(
    {
      duration: Float64Array.from({ length: n }, (_, i) => 1 + ((i * 7919) % 97)),
      eventObserved: Float64Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    },
    Uint32Array.from({ length: n }, (_, i) => i % names.length),
    names.length,
  );
  return found.map((curve, g) => ({ name: names[g]!, curve }));
};
const arms = (names: readonly string[]) =>
  names.map((name, i) => ({
    name,
    n: 1_234_567,
    lnDensity: (p: number) => -((p - 0.1 - i / 100) ** 2) / 2e-4,
    mean: 0.1 + i / 100,
    lower: 0.08 + i / 100,
    upper: 0.12 + i / 100,
    probabilityBest: i / 10,
    expectedLoss: i === 0 ? null : 0.00123,
  }));
const WORDS = { title: 'Conversion by arm', axis: 'rate', unit: 'visitors', verdict: `Choose ${NASTY}.`, shares: true };

const drawings: [string, string][] = [
  ['evaluation', evaluationChart(metrics, { score: 'p_churn', event: 'churned=Yes' })!],
  ['survival of one', survivalChart(curves(['all']), { duration: 'tenure', event: 'churn' })],
  [
    'survival of six with long names',
    survivalChart(curves(['a', 'b', NASTY, 'd', 'e', 'f']), {
      duration: 'tenure',
      event: 'churn',
      test: 'log-rank 3 on 5 df, p 0.7',
    }),
  ],
  ['posteriors', posteriorChart(arms(['A', 'B', NASTY]), WORDS)],
  [
    'tracking',
    trackingChart(
      {
        weeks: [1, 2, 3],
        actual: [3, 9, 20],
        expected: [4, 8.5, 19],
        customers: 12,
        from: '2026-01-01',
        until: '2026-01-22',
      },
      'BG/NBD',
    ),
  ],
  [
    'tracking of nothing',
    trackingChart(
      { weeks: [1], actual: [0], expected: [0], customers: 1, from: '2026-01-01', until: '2026-01-01' },
      'BG/NBD',
    ),
  ],
  [
    'drift',
    driftChart(
      [
        { name: NASTY, jsDistance: 0.4, noiseFloor: 0.1, drifted: true },
        { name: 'gone', jsDistance: null, noiseFloor: null, drifted: null },
        { name: 'still', jsDistance: 0, noiseFloor: 0.05, drifted: false },
      ],
      0.1,
    ),
  ],
];

/** Tags close in order and nothing but tags and escaped text is there. @throws what is wrong. */
function elementsOf(svg: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?:\s[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, close: string, name: string, __, empty: string) => {
      if (close) expect(open.pop()).toBe(name);
      else {
        seen.push(name);
        if (!empty) open.push(name);
      }
      return '';
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/);
  return seen;
}

const widthOf = (svg: string) => Number(/<svg [^>]*width="(\d+)"/.exec(svg)![1]);
const unescaped = (text: string) =>
  text.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name]!);

describe.each(drawings)('%s', (_, svg) => {
  test('is well-formed, and safe with any name', () => {
    const elements = elementsOf(svg);
    expect(elements[0]).toBe('svg');
    expect(new Set(elements)).not.toContain('script');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).not.toContain('\u0000');
  });
  test('has a title, a description in words, and colours for light and dark', () => {
    expect(svg).toMatch(/role="img" aria-labelledby="title desc"/);
    expect(/<title id="title">(.+)<\/title>/.exec(svg)![1]!.length).toBeGreaterThan(3);
    expect(/<desc id="desc">(.+)<\/desc>/.exec(svg)![1]!.length).toBeGreaterThan(20);
    expect(svg).toContain('@media (prefers-color-scheme: dark)');
  });
  test('keeps every label inside', () => {
    // The second panel of the evaluation is a group moved to the right.
    for (const part of svg.split('<g transform').map((text) => text.split('</g>')[0]!))
      for (const [, x, attributes, text] of part.matchAll(/<text x="([\d.-]+)" y="[\d.-]+"([^>]*)>([^<]*)<\/text>/g)) {
        const width = textWidth(unescaped(text!), /class="[^"]*\bk\b/.test(attributes!) ? 'bold' : 'normal');
        const anchor = /text-anchor="(\w+)"/.exec(attributes!)?.[1] ?? 'start';
        const left = Number(x) - { start: 0, middle: width / 2, end: width }[anchor]!;
        expect(left, text).toBeGreaterThanOrEqual(0);
        expect(left + width, text).toBeLessThanOrEqual(widthOf(svg));
      }
  });
});

test('the reliability diagram has a dot and a Wilson bar per bin, hollow under 50 rows', () => {
  const svg = drawings[0]![1];
  const circles = [...svg.matchAll(/<circle[^>]*class="c1 (\S+)"/g)].map(([, kind]) => kind);
  expect(circles).toEqual(metrics.reliability!.map(({ n }) => (n < 50 ? 'hollow' : 'f-c1')));
  expect(svg).toMatch(/area 0\.796 0\.745–0\.847/);
  // 0.035 of the first bin: x from 56 to 406, y from 336 to 74.
  const { meanScore, rate } = metrics.reliability![1]!;
  const [, cx, cy] = /<circle cx="([\d.]+)" cy="([\d.]+)" r="3.5" stroke-width="1.6" class="c1 f-c1"/.exec(svg)!;
  expect(Number(cx)).toBeCloseTo(56 + 350 * meanScore, 1);
  expect(Number(cy)).toBeCloseTo(336 - 262 * rate, 1);
});

test('a score that only ranks has a ROC curve alone; one label has nothing to draw', () => {
  const only = (label: number[], score: number[]) =>
    scoreMetrics({ label: Float64Array.from(label), score: Float64Array.from(score) });
  const ranks = evaluationChart(only([0, 1, 1, 0], [-3, 8, 2, 1]), { score: 's', event: 'y' })!;
  expect(ranks).toContain('ROC');
  expect(ranks).not.toContain('Reliability');
  expect(evaluationChart(only([1, 1], [5, 9]), { score: 's', event: 'y' })).toBeUndefined();
});

test('survival steps at the times of the curve and says who was at risk', () => {
  const curve = fitCurve({ duration: Float64Array.of(1, 2, 2, 4), eventObserved: Float64Array.of(1, 1, 0, 1) });
  const svg = survivalChart([{ name: 'all', curve }], { duration: 'months', event: 'churn' });
  // The curve stands at one half from 2 to 4: the median is between.
  // x from 64 to 736 over 0 to 4; S = 3/4 after 1, 1/2 after 2, 0 after 4.
  expect(svg).toContain('d="M64 74H232V143H400V212H736V350"');
  expect(svg).toMatch(/3 of 4 had churn, half by 3 /);
});

test('more groups than colours: the largest are drawn, and it says so', () => {
  const svg = survivalChart(curves(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']), { duration: 't', event: 'e' });
  expect(svg).toContain('the 6 largest of 8 groups');
});

describe('scales', () => {
  test('ticks are round, ascending, inside, and about as many as asked', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.integer({ min: 2, max: 12 }),
        (low, span, count) => {
          const high = low + span;
          fc.pre(high > low && span > 1e-6 * Math.abs(low));
          const ticks = niceTicks(low, high, count);
          expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
          expect(ticks.length).toBeLessThanOrEqual(2 * count + 1);
          expect(ticks.length).toBeGreaterThanOrEqual(Math.floor(count / 2.5));
          for (const tick of ticks) {
            // A hair's breadth outside is inside: nobody sees a billionth of the axis.
            expect(tick).toBeGreaterThanOrEqual(low - 1e-8 * span - 1e-9 * Math.abs(low));
            expect(tick).toBeLessThanOrEqual(high + 1e-8 * span + 1e-9 * Math.abs(high));
          }
          const [from, to] = niceDomain(low, high, count);
          expect(from).toBeLessThanOrEqual(low + 1e-6 * span);
          expect(to).toBeGreaterThanOrEqual(high - 1e-6 * span);
        },
      ),
    );
    expect(niceTicks(0, 72, 7)).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
    expect(niceTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(niceTicks(3, 3, 5)).toEqual([3]);
  });
  test('labels are moved apart and cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 }), (wanted) => {
        const placed = spread(wanted, 14, 0, 300).sort((a, b) => a - b);
        placed.slice(1).forEach((y, i) => {
          expect(y - placed[i]!).toBeGreaterThanOrEqual(14 - 1e-9);
        });
        expect(placed[0]).toBeGreaterThanOrEqual(0);
        expect(placed.at(-1)).toBeLessThanOrEqual(300);
      }),
    );
    expect(shortened('Month-to-month', 200)).toBe('Month-to-month');
    expect(textWidth(shortened('Month-to-month', 50))).toBeLessThanOrEqual(50);
    expect(linearScale([0, 0], [10, 20])(0)).toBe(10);
  });
  test('figures', () => {
    expect(percentText(0.235, 1)).toBe('23.5\u202f%');
    expect(percentText(-0.02)).toBe('−2\u202f%');
    expect(numberText(1234)).toBe('1,234');
    expect(numberText(2_500_000)).toBe('2.5\u202fM');
    expect(escapeText('<a b="1">&\u0007')).toBe('&lt;a b=&quot;1&quot;&gt;&amp;\ufffd');
  });
});

describe('--svg', () => {
  const folder = mkdtempSync(join(tmpdir(), 'axiom47-svg-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = async (command: Command, ...argv: string[]) => {
    let [stdout, stderr] = ['', ''];
    const io = {
      stdout: (text: string) => {
        stdout += text;
      },
      stderr: (text: string) => {
        stderr += text;
      },
      isTTY: false,
    };
    const code = await command.run(argv, io);
    return { code, stdout, stderr };
  };
  const target = (name: string) => join(folder, name);
  const svgOf = (name: string) => {
    const svg = readFileSync(target(name), 'utf8');
    elementsOf(svg);
    return svg;
  };
  const transactions = ['--transactions', fixture('clv_transactions.csv'), '--until', '2025-06-30'];

  test('evaluate, ab, drift and fit kaplan-meier draw what they say, and JSON stays alone on stdout', async () => {
    const scored = await run(
      evaluate,
      '--data',
      fixture('scores.csv'),
      '--label',
      'label',
      '--score',
      'score',
      '--svg',
      target('e.svg'),
      '--json',
    );
    expect(JSON.parse(scored.stdout).auc).toBeCloseTo(0.796, 3);
    expect(scored.stderr).toContain('drawn to');
    expect(svgOf('e.svg')).toBe(evaluationChart(metrics, { score: 'score', event: 'label' }));
    await run(ab, '--counts', 'A=120/1000,B=138/1000,C=127/1000', '--svg', target('a.svg'));
    expect(svgOf('a.svg')).toMatch(/B: 13\.9\u202f%, 95 % 11\.8\u202f% to 16\.1\u202f%, best with probability 0\.713/);
    await run(ab, '--events', 'A=250/1000,B=290/1000', '--svg', target('v.svg'));
    expect(svgOf('v.svg')).toContain('events per unit of exposure');
    await run(
      fit,
      'kaplan-meier',
      '--data',
      fixture('survival.csv'),
      '--duration',
      'time',
      '--event',
      'event',
      '--by',
      'plan',
      '--svg',
      target('k.svg'),
    );
    expect(svgOf('k.svg')).toMatch(/log-rank [\d.]+ on \d df/);
    await run(
      drift,
      '--reference',
      fixture('drift.csv'),
      '--current',
      fixture('drift.csv'),
      '--columns',
      'tenure,plan',
      '--svg',
      target('d.svg'),
    );
    expect(svgOf('d.svg')).toContain('No feature drifted.');
  });

  test('fit and predict draw the same tracking plot; it ends at the actual number of repeat purchases', async () => {
    const fitted = await run(fit, 'bg-nbd', ...transactions, '--json', '--svg', target('t.svg'));
    const params = target('bg.json');
    writeFileSync(params, fitted.stdout);
    await run(predict, 'churn', '--params', params, ...transactions, '--json', '--svg', target('p.svg'));
    expect(svgOf('p.svg')).toBe(svgOf('t.svg'));
    const seen = new Set(
      csvRows(fixture('clv_transactions.csv')).flatMap((row) =>
        row.date! <= '2025-06-30' ? [`${row.customer_id} ${row.date}`] : [],
      ),
    );
    const customers = new Set([...seen].map((key) => key.split(' ')[0]));
    expect(svgOf('t.svg')).toContain(`rising to ${numberText(seen.size - customers.size)} by 2025-06-30`);
  });

  test('refuses what it cannot draw or write, and leaves nothing behind', async () => {
    await expect(
      run(fit, 'bg-nbd', '--data', fixture('clv_transactions.csv'), '--svg', target('x.svg')),
    ).rejects.toThrow(/needs --transactions/);
    await expect(
      run(predict, 'churn', '--params', 'none', '--data', 'none', '--svg', target('x.svg')),
    ).rejects.toThrow();
    await expect(run(ab, '--counts', 'A=1/10,B=2/10', '--svg', target('no/such/folder.svg'))).rejects.toThrow(
      /--svg .*folder\.svg/,
    );
    expect(existsSync(target('x.svg'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
