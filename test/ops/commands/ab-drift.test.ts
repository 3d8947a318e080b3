// `ab` and `drift` as a user runs them on files: JSON shapes, the goldens through them, and what bad input gets.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Rule } from '#domain/models/experiment/decision.ts';
import { playerOf, type Truth } from '#domain/models/experiment/outcomes.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { ab } from '#ops/commands/ab.ts';
import type { Command } from '#ops/commands/command.ts';
import { drift } from '#ops/commands/drift.ts';
import { refusal, run as runCommand } from '#test/support/commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-ab-drift-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const golden = (name: string) => JSON.parse(readFileSync(new URL(`../../golden/${name}`, import.meta.url), 'utf8'));

async function run(command: Command, ...argv: string[]): Promise<string> {
  const { code, stdout } = await runCommand(command, ...argv);
  expect(code).toBe(0);
  return stdout;
}

describe('ab', () => {
  test('the fixture: conversions, sample ratio, decision and money', async () => {
    const found = JSON.parse(await run(ab, '--data', fixture('experiment.csv'), '--json'));
    const expected = golden('experiment.json');
    expect(found.arms.map((arm: { name: string }) => arm.name)).toEqual(['A', 'B', 'C']);
    for (const i of [0, 1, 2]) {
      expect(found.arms[i].rate).toBe(expected.conversion.arms[i].successes / expected.conversion.arms[i].trials);
      expect(found.arms[i].probabilityBest).toBeCloseTo(expected.conversion.arms[i].p_best, 10);
      expect(found.arms[i].expectedLoss).toBeCloseTo(expected.conversion.arms[i].expected_loss, 10);
      expect(found.arms[i].lower).toBeCloseTo(expected.conversion.arms[i].ci95[0], 10);
      expect(found.revenue.arms[i].probabilityBest).toBeCloseTo(expected.revenue.arms[i].p_best, 9);
    }
    expect(found.decision).toEqual({ choose: 'B', reason: 'sure-enough' });
    expect(found.sampleRatio.p).toBeCloseTo(expected.srm.p, 12);
  });

  test('counts on the command line, for people', async () => {
    const text = await run(ab, '--counts', 'A=120/1000, B=138/1000,C=127/1000');
    expect(text).toMatch(/B +1000 +13\.800 % .* 0\.7132 +0\.256 %/);
    expect(text).toContain('No arm is best with 95 % probability yet');
    expect(await run(ab, '--counts', 'A=10/1000,B=10/3000')).toContain(
      "arms' sizes are not what the planned shares give",
    );
  });

  test('an empty arm has no rate, and a single buyer no money verdict', async () => {
    const csv = 'arm,n,conversions,revenue_sum,revenue_sum_sq\nA,100,10,50,300\nB,0,0,0,0\n';
    const found = JSON.parse(await run(ab, '--data', file('empty.csv', csv), '--json'));
    expect(found.arms[1].rate).toBeNull();
    expect(found.revenue).toMatchObject({ arms: null, reason: 'too-few-buyers' });
    expect(found.revenue.message).toContain('arm B has fewer than two buyers');
    expect(await run(ab, '--data', file('empty.csv', csv))).toContain('money per visitor is undefined');
  });

  test('every interval that holds at all looks contains the one that holds at one, and the rule can ask for them', async () => {
    const found = JSON.parse(await run(ab, '--data', fixture('experiment.csv'), '--rule', 'always-valid', '--json'));
    expect(found.rule).toEqual({ kind: 'always-valid', alpha: 0.05 });
    expect(found.decision).toEqual({ choose: null, reason: 'not-sure-yet' });
    for (const arm of found.arms) {
      expect(arm.alwaysValid.lower).toBeLessThan(arm.lower);
      expect(arm.alwaysValid.upper).toBeGreaterThan(arm.upper);
    }
    expect(found.arms[0].versusControl).toBeNull();
    expect(found.arms[1].versusControl.lower).toBeLessThan(0.0597 - 0.0505);
    expect(found.arms[1].versusControl.p).toBeGreaterThan(0.05);
    expect(found.revenue.arms[2].versusControl.lower).toBeLessThan(found.revenue.arms[2].versusControl.upper);
    const clear = ['--counts', 'A=500/10000,B=700/10000', '--rule', 'always-valid'];
    expect(await run(ab, ...clear)).toContain(
      'Choose B: it is ahead of all others (a wrong choice, however often you look: at most 5 %).',
    );
    expect(await run(ab, ...clear, '--alpha', '1e-12')).toContain(
      'yet (a wrong choice, however often you look: at most 1e-10 %); go on',
    );
  });

  test('a tolerable loss, and money instead of conversions', async () => {
    const argv = ['--data', fixture('experiment.csv'), '--rule', 'loss', '--json'];
    const decided = async (...more: string[]) => JSON.parse(await run(ab, ...argv, ...more)).decision;
    expect(await decided('--tolerable-loss', '0.0001')).toEqual({ choose: 'B', reason: 'loss-tolerable' });
    expect(await decided('--tolerable-loss', '0.00001')).toEqual({ choose: null, reason: 'not-sure-yet' });
    expect(await decided('--tolerable-loss', '0.001', '--decide-on', 'revenue')).toMatchObject({ choose: null });
    expect(await decided('--tolerable-loss', '0.01', '--decide-on', 'revenue')).toMatchObject({ choose: 'B' });
  });

  test('events over an exposure, from the command line and from a file, where bursts widen the interval', async () => {
    const told = JSON.parse(await run(ab, '--events', 'A=250/1000,B=290/999.5', '--json'));
    expect(told).toMatchObject({
      measure: 'events',
      sampleRatio: null,
      arms: [{ n: 1000, events: 250 }, { n: 999.5 }],
    });
    const csv = (squares: number) =>
      `arm,visitors,events,events_sum_sq\nA,1000,250,${squares}\nB,1000,290,${squares}\n`;
    const width = async (squares: number) => {
      const { arms } = JSON.parse(await run(ab, '--data', file('events.csv', csv(squares)), '--json'));
      return arms[0].upper - arms[0].lower;
    };
    expect(await width(400)).toBeCloseTo((await width(350)) * Math.sqrt((400 - 62.5) / (350 - 62.5)), 2);
    expect(await width(290)).toBeCloseTo(told.arms[0].upper - told.arms[0].lower, 3);
    expect(await run(ab, '--events', 'A=250/1000,B=290/1000')).toMatch(/B +1000 +0\.2900 .* 0\.957/);
  });

  test('planned shares: what is broken for halves is right for thirds', async () => {
    const counts = ['--counts', 'A=10/1000,B=22/2000', '--json'];
    expect(JSON.parse(await run(ab, ...counts)).decision.reason).toBe('sample-ratio-mismatch');
    const found = JSON.parse(await run(ab, ...counts, '--shares', '1,2'));
    expect(found.sampleRatio).toMatchObject({ statistic: 0, p: 1 });
    expect(found.decision.reason).toBe('not-sure-yet');
  });

  test('power: the visitors it takes, near the textbook number; the same seed, the same answer', async () => {
    const argv = ['power', '--rates', '0.1,0.15', '--runs', '300', '--json'];
    const found = JSON.parse(await run(ab, ...argv));
    // Two proportions, one-sided 5 %, power 80 %: n = (1.645 + 0.842)²·(0.09 + 0.1275)/0.05² = 538 an arm.
    expect(found.visitors).toBeGreaterThan(1076 * 0.75);
    expect(found.visitors).toBeLessThan(1076 * 1.25);
    expect(found.right).toBeGreaterThanOrEqual(0.8);
    expect(found.rightLower).toBeLessThan(found.right);
    expect(found.right + found.wrong + found.undecided).toBeCloseTo(1, 12);
    expect(JSON.parse(await run(ab, ...argv))).toEqual(found);
    const text = await run(ab, 'power', '--rates', '0.1,0.15', '--visitors', '1000', '--runs', '100', '--looks', '4');
    expect(text).toMatch(/chooses the best arm +\d+\.\d % +\d/);
  });

  const truths: [string, Truth, string[]][] = [
    ['conversions', { outcome: 'conversions', rates: [0.1, 0.13], prior: [1, 1] }, []],
    ['events', { outcome: 'events', rates: [0.5, 0.6], dispersion: 2, prior: [0.5, 0.01] }, []],
    [
      'revenue',
      { outcome: 'revenue', rates: [0.1, 0.13], spend: [1, 2].map(() => ({ mean: 40, sd: 20 })) },
      ['--decide-on', 'revenue'],
    ],
  ];
  const rules: [Rule, string[]][] = [
    [{ kind: 'best', sure: 0.9 }, ['--sure', '0.9']],
    [{ kind: 'loss', tolerable: 0.002 }, ['--rule', 'loss', '--tolerable-loss', '0.002']],
    [{ kind: 'always-valid', alpha: 0.3 }, ['--rule', 'always-valid', '--alpha', '0.3']],
  ];
  test.each(truths)(
    'power on %s decides as ab does on what the same visitors did',
    async (outcome, truth, decideOn) => {
      const decided = new Set<string>();
      for (let seed = 0; seed < 8; seed++) {
        const play = playerOf(truth)(createRandom(seed));
        for (const come of [4, 400, 1500]) {
          truth.rates.forEach((_, i) => {
            play.come(i, come);
          });
          const path = file(`${outcome}.csv`, countsOf(outcome, play.arms));
          for (const [rule, options] of rules) {
            const found = JSON.parse(await run(ab, '--data', path, ...options, ...decideOn, '--json'));
            const { choose, reason } = play.ask(rule);
            expect(found.decision).toEqual({ choose: choose === null ? null : `arm ${choose}`, reason });
            decided.add(reason);
          }
        }
      }
      expect([...decided].sort()).toEqual(['better-at-any-look', 'loss-tolerable', 'not-sure-yet', 'sure-enough']);
    },
  );

  /** What the arms of a play would look like in a file. */
  function countsOf(outcome: string, arms: readonly unknown[]): string {
    const [head, fields] = {
      conversions: ['arm,visitors,conversions', ['trials', 'successes']],
      events: ['arm,visitors,events,events_sum_sq', ['exposure', 'events', 'sumOfSquares']],
      revenue: [
        'arm,visitors,conversions,revenue_sum,revenue_sum_sq',
        ['visitors', 'buyers', 'revenueSum', 'revenueSumSquares'],
      ],
    }[outcome] as [string, string[]];
    const rows = arms.map((arm, i) =>
      [`arm ${i}`, ...fields.map((field) => (arm as Record<string, number>)[field])].join(','),
    );
    return [head, ...rows, ''].join('\n');
  }

  test('power of events and of money: near the textbook numbers; the same seed, the same answer', async () => {
    const bursts = [
      'power',
      '--outcome',
      'events',
      '--rates',
      '0.5,0.6',
      '--dispersion',
      '2',
      '--runs',
      '300',
      '--json',
    ];
    const found = JSON.parse(await run(ab, ...bursts));
    // (1.645 + 0.842)²·2·(0.5 + 0.6)/0.1² = 1,361 visitors an arm.
    expect(found.outcome).toBe('events');
    expect(found.visitors / 2722).toBeGreaterThan(0.75);
    expect(found.visitors / 2722).toBeLessThan(1.25);
    expect(JSON.parse(await run(ab, ...bursts))).toEqual(found);
    const steady = JSON.parse(await run(ab, ...bursts.filter((word) => !['--dispersion', '2'].includes(word))));
    expect(steady.visitors / 1361).toBeGreaterThan(0.75);
    expect(steady.visitors / 1361).toBeLessThan(1.25);
    const money = ['power', '--outcome', 'revenue', '--rates', '0.2,0.2', '--spend', '40,60', '--spend-sd', '30'];
    const sure = JSON.parse(await run(ab, ...money, '--visitors', '6000', '--runs', '40', '--json'));
    expect(sure).toMatchObject({ outcome: 'revenue', visitors: 6000, right: 1, wrong: 0 });
    expect(await run(ab, ...money, '--visitors', '600', '--runs', '20', '--looks', '2')).toContain(
      'chooses the best arm',
    );
  });

  test('power: an option that says nothing about the outcome is refused, and so is money without its spread', async () => {
    const power = ['power', '--rates', '0.1,0.2'];
    expect(await refusal(ab, ...power, '--outcome', 'luck')).toContain('one of conversions, events, revenue');
    expect(await refusal(ab, ...power, '--spend', '40')).toContain('--spend says nothing about conversions');
    expect(await refusal(ab, ...power, '--outcome', 'events', '--spend-sd', '4')).toContain('--spend-sd says nothing');
    expect(await refusal(ab, ...power, '--dispersion', '2')).toContain('--dispersion says nothing about conversions');
    expect(await refusal(ab, ...power, '--outcome', 'revenue', '--prior', '1,1')).toContain('--prior says nothing');
    expect(await refusal(ab, ...power, '--outcome', 'revenue', '--spend', '40')).toContain('--spend-sd 35');
    const money = [...power, '--outcome', 'revenue', '--spend-sd', '5', '--spend'];
    expect(await refusal(ab, ...money, '40,41,42')).toContain('one number for all arms, or 2');
    expect(await refusal(ab, ...money, '40,0')).toContain('every amount must be above 0');
    expect(await refusal(ab, ...money, '40,20')).toContain('share the best money per visitor');
    const events = ['power', '--outcome', 'events', '--rates'];
    expect(await refusal(ab, ...events, '0.5,0')).toContain('above 0 and at most 1000');
    expect(await refusal(ab, ...events, '0.5,0.6', '--dispersion', '0.5')).toContain('a number from 1');
    expect(await refusal(ab, ...events, '0.5,0.6', '--prior', '0.01,1')).toContain('a shape of at least 0.1');
  });

  test('power: refusals say what to tell instead', async () => {
    expect(await refusal(ab, 'power')).toContain('--rates 0.10,0.12');
    expect(await refusal(ab, 'power', '--rates', '0.1')).toContain('two or more numbers between 0 and 1');
    expect(await refusal(ab, 'power', '--rates', '0.1,0.1')).toContain('two arms share the best rate');
    expect(await refusal(ab, 'power', '--rates', '0.1,0.2', '--looks', '0')).toContain(
      '--looks 0: a whole number, 1–1000',
    );
    const both = ['--visitors', '1000', '--power', '0.8'];
    expect(await refusal(ab, 'power', '--rates', '0.1,0.2', ...both)).toContain('give one of them');
    expect(await refusal(ab, 'power', '--rates', '0.1,0.2', '--visitors', '1')).toContain('--visitors 1');
    expect(await refusal(ab, 'power', '--rates', '0.1,0.2', '--power', '1')).toContain('--power 1');
  });

  test('rules, shares and priors that make no sense are refused', async () => {
    const counts = ['--counts', 'A=1/2,B=1/2'];
    expect(await refusal(ab, ...counts, '--rule', 'gut')).toContain('one of best, loss, always-valid');
    expect(await refusal(ab, ...counts, '--rule', 'loss')).toContain('--tolerable-loss');
    expect(await refusal(ab, ...counts, '--sure', '1')).toContain('--sure 1');
    expect(await refusal(ab, ...counts, '--shares', '1')).toContain('--shares 1: 2 numbers');
    expect(await refusal(ab, ...counts, '--shares', '1,0')).toContain('above 0');
    expect(await refusal(ab, ...counts, '--decide-on', 'revenue')).toContain('revenue_sum');
    expect(await refusal(ab, ...counts, '--decide-on', 'luck')).toContain('rate or revenue');
    expect(await refusal(ab, '--events', 'A=1/0')).toContain('above 0');
    expect(await refusal(ab, '--events', 'A=1/2', '--prior', '0.01,1')).toContain('a shape of at least 0.1');
    const never = file('never.csv', 'arm,exposure,events\nA,5,2\nB,0,0\n');
    expect(await refusal(ab, '--data', never)).toContain('row 2, column exposure: an exposure of 0');
    const bursts = file('bursts.csv', 'arm,n,events,events_sum_sq\nA,10,20,5\n');
    expect(await refusal(ab, '--data', bursts)).toContain('row 1, column events_sum_sq');
  });

  test('refusals name the arm, or the row and the column', async () => {
    expect(await refusal(ab)).toContain('either --data FILE or --counts');
    expect(await refusal(ab, '--counts', 'A=120')).toContain("arm 1: 'A=120' is not NAME=CONVERSIONS/VISITORS");
    expect(await refusal(ab, '--counts', 'A=1/2,B=3/2')).toContain('arm 2: 3 conversions of 2 visitors');
    expect(await refusal(ab, '--counts', 'A=1/99999999999999999')).toContain('too large');
    expect(await refusal(ab, '--counts', 'A=1/2,A=1/2')).toContain("arm 'A' is given twice");
    expect(await refusal(ab, '--counts', 'A=0/0')).toContain('no arm has a visitor');
    expect(await refusal(ab, '--counts', 'A=1/2', '--prior', '0,1')).toContain('--prior 0,1');
    const rows = (text: string) => file('bad.csv', text);
    expect(await refusal(ab, '--data', rows('arm,n\nA,1\n'))).toContain('no column conversions');
    expect(await refusal(ab, '--data', rows('arm,n,conversions\nA,5,1\nB,5,1.5\n'))).toContain(
      'row 2, column conversions',
    );
    expect(await refusal(ab, '--data', rows('arm,n,conversions\nA,5,9\n'))).toContain('9 conversions of 5 visitors');
    expect(await refusal(ab, '--data', rows('arm,n,conversions\n,5,1\n'))).toContain('row 1, column arm');
    expect(await refusal(ab, '--data', rows('arm,n,conversions,revenue_sum\nA,5,1,3\n'))).toContain('both revenue_sum');
    const squares = rows('arm,n,conversions,revenue_sum,revenue_sum_sq\nA,5,2,10,3\n');
    expect(await refusal(ab, '--data', squares)).toContain('row 1, column revenue_sum_sq: 3 is less than');
  });
});

describe('drift', () => {
  const [header, ...lines] = readFileSync(fixture('drift.csv'), 'utf8').trim().split('\n');
  const part = (sample: string) =>
    file(`${sample}.csv`, [header, ...lines.filter((line) => line.startsWith(sample))].join('\n'));
  const columns = 'tenure,amount,visits,latency,channel,plan';

  test('the fixture: what drifted, and every measure', async () => {
    const argv = ['--reference', part('reference'), '--current', part('current'), '--columns', columns];
    const { features } = JSON.parse(await run(drift, ...argv, '--json'));
    const expected = golden('drift.json');
    const names = (which: (feature: { drifted: boolean; missing: { drifted: boolean } }) => boolean) =>
      features.filter(which).map((feature: { name: string }) => feature.name);
    expect(names(({ drifted }) => drifted)).toEqual(expected.drifted);
    expect(names(({ missing }) => missing.drifted)).toEqual(expected.missing_rate_drifted);
    for (const [i, feature] of features.entries()) {
      const want = expected.features[i];
      expect(feature.psi).toBeCloseTo(want.psi_eps_1e4, 12);
      expect(feature.jsDivergence).toBeCloseTo(want.js_divergence_bits, 12);
      expect(feature.jsDistance).toBeCloseTo(want.js_distance_base2, 12);
      expect(feature.chiSquare.p).toBeCloseTo(want.chi2_homogeneity.p, 12);
      expect(feature.psiFloor).toBeGreaterThan(0);
      if (want.kind !== 'numeric') continue;
      expect(feature.ks.statistic).toBeCloseTo(want.ks_stat, 12);
      expect(feature.ksBinned).toBeLessThanOrEqual(feature.ks.statistic + 1e-12);
      expect(feature.ksBinned > feature.ksFloor).toBe(feature.drifted);
    }
    expect(features[5].newLevels).toEqual(['trial']);
    expect(features[5].bins.at(-1)).toEqual({ level: null, reference: 0, current: 51 });
    expect(features[2].bins[0]).toEqual({ from: null, to: 1, reference: 80, current: 68 });
    expect(await run(drift, ...argv)).toMatch(/latency .* no +2\.0 % +10\.8 % \(changed\)/);
  });

  test('a column that went missing altogether is measured by its missing rate', async () => {
    const argv = ['--reference', file('a.csv', 'x,y\n1,a\n2,b\n3,c\n'), '--current', file('b.csv', 'x,y\n,a\n,b\n')];
    const { features } = JSON.parse(await run(drift, ...argv, '--json'));
    expect(features[0]).toMatchObject({
      name: 'x',
      psi: null,
      drifted: null,
      ks: null,
      ksBinned: null,
      missing: { currentRate: 1 },
    });
    expect(await run(drift, ...argv)).toContain('100.0 %');
  });

  test('refusals name the column, and the row', async () => {
    const numbers = file('numbers.csv', 'x,y\n1,\n2,\n');
    expect(await refusal(drift, '--reference', numbers)).toContain('--current FILE');
    const words = file('words.csv', 'x\n1\nmany\n');
    expect(await refusal(drift, '--reference', numbers, '--current', words)).toContain(
      "words.csv row 2, column x: 'many'",
    );
    expect(await refusal(drift, '--reference', numbers, '--current', file('other.csv', 'z\n1\n'))).toContain(
      'share no column',
    );
    expect(await refusal(drift, '--reference', numbers, '--current', words, '--columns', 'y')).toContain(
      "no column 'y'",
    );
    expect(await refusal(drift, '--reference', numbers, '--current', numbers, '--columns', 'y')).toContain(
      'every cell is empty',
    );
    const ids = file('ids.csv', `id\n${Array.from({ length: 1001 }, (_, i) => `c-${i}`).join('\n')}\n`);
    expect(await refusal(drift, '--reference', ids, '--current', ids)).toContain(
      '1001 distinct values are not a category',
    );
  });
});
