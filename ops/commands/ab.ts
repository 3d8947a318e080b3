// `axiom47 ab`: which arm of an experiment is best, from counts alone, without a server; `ab power` plays a design before it is run.
import { parseArgs } from 'node:util';
import {
  conversionDifference,
  conversionSequence,
  type Difference,
  type Interval,
  rateDifference,
  rateSequence,
  revenueDifference,
} from '#domain/models/experiment/confidence-sequence.ts';
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { type Decision, decideExperiment, type Rule, sampleRatio } from '#domain/models/experiment/decision.ts';
import { compareRates } from '#domain/models/experiment/rates.ts';
import { type ArmRevenue, compareRevenue, type RevenueComparison } from '#domain/models/experiment/revenue.ts';
import type { ArmVerdict } from '#domain/models/experiment/verdict.ts';
import { readTable } from '../table.ts';
import {
  type Arm,
  type Measure,
  measureOf,
  parseCounts,
  parsePrior,
  parseRule,
  parseShares,
  RULE_OPTIONS,
  readArms,
  readRevenue,
} from './ab-input.ts';
import { POWER_HELP, runPower } from './ab-power.ts';
import { CONVERSION_PRIOR, drawArms, EVENT_PRIOR } from './ab-svg.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';

export const ab: Command = {
  name: 'ab',
  summary: 'compare the arms of an experiment: P(best), expected loss, always-valid intervals; plan one (ab power)',
  help: `axiom47 ab --data FILE | --counts A=120/1000,B=138/1000 | --events A=250/1000,B=290/1000
           [--prior a,b] [--shares 1,1] [--rule best|loss|always-valid] [--decide-on revenue] [--svg FILE] [--json]
axiom47 ab power --rates 0.10,0.12 …        plays a design before it is run: see below

Bayesian A/B/n from counts per arm, the first arm is the control. Quadrature, no simulation.

  --counts  NAME=CONVERSIONS/VISITORS per arm, at most one a visitor
  --events  NAME=EVENTS/EXPOSURE per arm: orders per visitor, tickets per day; any number each (Poisson, exposure may be a fraction)
  --data    CSV with one row per arm: arm, visitors, conversions; with revenue_sum and revenue_sum_sq (over the buyers) the money per
            visitor is compared too. Or: arm, visitors, events; with events_sum_sq (over visitors) events that come in bursts count less
  --prior   conversions: a,b of a Beta prior (1,1: uniform); events: shape,rate of a Gamma prior (0.5,0.01: next to nothing)
  --shares  planned shares of the visitors (equal), for the sample ratio
  --rule    fixed before the first visitor. best: P(best) reaches --sure (0.95). loss: the expected loss is at most --tolerable-loss.
            always-valid: ahead of every other arm in intervals that hold at all looks together; a wrong choice has at most --alpha (0.05)
  --svg     draws the arms' posteriors with P(best) and expected loss
  --json    {measure, arms: [{name, n, rate, lower, upper, probabilityBest, expectedLoss, probabilityBeatsControl, posteriorMean,
            alwaysValid: {lower, upper}, versusControl: {lower, upper, p}}], decision: {choose, reason}, rule,
            sampleRatio: {statistic, degreesOfFreedom, p}, revenue?}

rate is the count / n (null for an arm without visitors); lower and upper bound the 95 % credible interval, which holds at one look; alwaysValid
and versusControl hold at every look. expectedLoss is in units of the rate. Nothing is chosen while the sample ratio is broken (p < 0.001).

Example:
  axiom47 ab --counts A=120/1000,B=138/1000,C=127/1000 --rule always-valid

${POWER_HELP}`,

  async run(argv, io) {
    if (argv[0] === 'power') return runPower(argv.slice(1), io);
    const { values } = parseArgs({
      args: argv,
      options: {
        data: { type: 'string' },
        counts: { type: 'string' },
        events: { type: 'string' },
        prior: { type: 'string' },
        shares: { type: 'string' },
        'decide-on': { type: 'string' },
        ...RULE_OPTIONS,
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const { data, counts, events } = values;
    if ([data, counts, events].filter((told) => told !== undefined).length !== 1)
      throw new UsageError('ab needs either --data FILE or --counts A=120/1000,B=138/1000; see axiom47 ab --help');
    const rule = parseRule(values);
    const file = data === undefined ? undefined : readTable(data);
    const measure = file ? measureOf(file) : counts === undefined ? 'events' : 'conversions';
    const arms = file
      ? readArms(file, measure)
      : parseCounts(counts ? '--counts' : '--events', (counts ?? events)!, measure);
    const seen = new Set<string>();
    for (const { name } of arms) {
      if (seen.has(name)) throw new UsageError(`arm '${name}' is given twice; add its counts up first`);
      seen.add(name);
    }
    if (arms.every(({ n }) => n === 0)) throw new UsageError('no arm has a visitor; there is nothing to compare');
    const shares = parseShares(values.shares, arms.length);
    const prior = values.prior === undefined ? undefined : parsePrior(values.prior, measure);
    const compared = measure === 'conversions' ? conversionsOf(arms, prior) : eventsOf(arms, prior);
    const money = file && measure === 'conversions' ? readRevenue(file, arms) : undefined;
    const onMoney = decideOnMoney(values['decide-on'], money);
    // An exposure in days has no sample to be out of ratio.
    const counted = arms.every(({ n }) => Number.isSafeInteger(n));
    const ratio = counted
      ? sampleRatio(
          arms.map(({ n }) => n),
          shares,
        )
      : null;
    const revenue = money && describeRevenue(compareRevenue(money), money, arms);
    const { verdicts, difference } = onMoney ? moneyOf(money!) : compared;
    const decision = named(
      decideExperiment(
        verdicts.length,
        () => verdicts,
        ratio?.p ?? 1,
        rule,
        (i, j, alpha) => difference(i, j, alpha)?.lower ?? null,
      ),
      arms,
    );
    const rows = rowsOf(arms, measure, compared);
    const answer = { measure, arms: rows, decision, rule, sampleRatio: ratio, ...(revenue && { revenue }) };
    const show = onMoney ? amountText : measure === 'conversions' ? percent : short;
    const verdict = sentence(decision, rule, ratio?.p ?? 1, show);
    if (values.svg !== undefined) drawArms(values.svg, arms, measure, prior, compared.verdicts, verdict, io);
    print(io, values.json, answer, () =>
      [armTable(rows, measure), verdict, ...(revenue === undefined ? [] : ['', revenueText(revenue)])].join('\n'),
    );
    warnOfLooking(rule, decision, values.json, io);
    return 0;
  },
};

interface Compared {
  verdicts: ArmVerdict[];
  sequence(i: number): Interval;
  difference(i: number, j: number, alpha?: number): Difference | null;
}

function conversionsOf(arms: Arm[], prior = CONVERSION_PRIOR): Compared {
  const counts = arms.map(({ n, count }) => ({ trials: n, successes: count }));
  return {
    verdicts: compareConversions(counts, prior),
    sequence: (i) => conversionSequence(counts[i]!, 0.05, prior),
    difference: (i, j, alpha) => conversionDifference(counts[i]!, counts[j]!, alpha),
  };
}

function eventsOf(arms: Arm[], prior = EVENT_PRIOR): Compared {
  const counts = arms.map(({ n, count, dispersion }) => ({ exposure: n, events: count, dispersion }));
  return {
    verdicts: compareRates(counts, prior),
    sequence: (i) => rateSequence(counts[i]!, 0.05, prior),
    difference: (i, j, alpha) => rateDifference(counts[i]!, counts[j]!, alpha),
  };
}

function moneyOf(money: ArmRevenue[]): Pick<Compared, 'verdicts' | 'difference'> {
  const compared = compareRevenue(money);
  return {
    verdicts: compared.ok ? compared.arms : [],
    difference: (i, j, alpha) => revenueDifference(money[i]!, money[j]!, alpha),
  };
}

function decideOnMoney(told: string | undefined, money: ArmRevenue[] | undefined): boolean {
  if (told === undefined || told === 'rate') return false;
  if (told !== 'revenue') throw new UsageError(`--decide-on ${told}: rate or revenue`);
  if (money === undefined)
    throw new UsageError('--decide-on revenue needs --data with the columns revenue_sum and revenue_sum_sq');
  return true;
}

function rowsOf(arms: Arm[], measure: Measure, { verdicts, sequence, difference }: Compared) {
  return arms.map(({ name, n, count, dispersion }, i) => {
    const { lower, upper, probabilityBest, expectedLoss, probabilityBeatsControl, mean } = verdicts[i]!;
    return {
      name,
      n,
      ...(measure === 'conversions' ? { conversions: count } : { events: count, dispersion }),
      rate: n === 0 ? null : count / n,
      lower,
      upper,
      probabilityBest,
      expectedLoss,
      probabilityBeatsControl,
      posteriorMean: mean,
      alwaysValid: sequence(i),
      versusControl: i === 0 ? null : difference(i, 0),
    };
  });
}

function armTable(rows: ReturnType<typeof rowsOf>, measure: Measure): string {
  const show = measure === 'conversions' ? percent : short;
  return table(
    [
      'arm',
      measure === 'conversions' ? 'visitors' : 'exposure',
      'rate',
      '95 % interval',
      'P(best)',
      'expected loss',
      'minus control, at any look',
    ],
    rows.map((row) => [
      row.name,
      row.n,
      row.rate === null ? null : show(row.rate),
      `${show(row.lower)} to ${show(row.upper)}`,
      row.probabilityBest.toFixed(4),
      show(row.expectedLoss!),
      row.versusControl && `${show(row.versusControl.lower)} to ${show(row.versusControl.upper)}`,
    ]),
  );
}

const percent = (share: number) => `${(100 * share).toFixed(3)} %`;
const short = (rate: number) => rate.toPrecision(4);
const amountText = (amount: number) => amount.toFixed(4);

const named = ({ choose, reason }: Decision, arms: Arm[]) => ({
  choose: choose === null ? null : arms[choose]!.name,
  reason,
});

const whole = (share: number) => `${Number((100 * share).toPrecision(4))} %`;

function sentence(
  { choose, reason }: { choose: string | null; reason: Decision['reason'] },
  rule: Rule,
  p: number,
  show: (value: number) => string,
): string {
  if (reason === 'sample-ratio-mismatch')
    return `The arms' sizes are not what the planned shares give (p = ${p.toPrecision(2)}): look for a fault in the assignment before reading on.`;
  switch (rule.kind) {
    case 'best':
      return choose === null
        ? `No arm is best with ${whole(rule.sure)} probability yet; go on.`
        : `Choose ${choose}: it is the best with at least ${whole(rule.sure)} probability.`;
    case 'loss':
      return choose === null
        ? `Every choice may still cost more than ${show(rule.tolerable)} on average; go on.`
        : `Choose ${choose}: against the best arm it costs at most ${show(rule.tolerable)} on average.`;
    case 'always-valid': {
      const promise = `(a wrong choice, however often you look: at most ${whole(rule.alpha)})`;
      return choose === null
        ? `No arm is ahead of all others yet ${promise}; go on.`
        : `Choose ${choose}: it is ahead of all others ${promise}.`;
    }
  }
}

/** Which rule is right depends on how often it was asked, and only the reader knows that. */
function warnOfLooking(rule: Rule, { choose }: { choose: string | null }, json: boolean, io: Io): void {
  if (json || choose === null || rule.kind === 'always-valid') return;
  io.stderr(
    'axiom47: this rule promises nothing about looking often: of two equal arms, ten looks choose one in a third of all experiments; --rule always-valid holds at every look\n',
  );
}

const REVENUE_REASONS = {
  'too-few-buyers': 'has fewer than two buyers, so the spread of what buyers pay is unknown',
  'no-spread': 'has buyers who all paid the same; compare conversions instead',
} as const;

function describeRevenue(compared: RevenueComparison, money: ArmRevenue[], arms: Arm[]) {
  if (!compared.ok) {
    const name = arms[compared.arm]!.name;
    const message = `money per visitor is undefined: arm ${name} ${REVENUE_REASONS[compared.reason]}`;
    return { arms: null, reason: compared.reason, message };
  }
  const interval = (found: Difference | null) => found && { lower: found.lower, upper: found.upper };
  return {
    arms: compared.arms.map((verdict, i) => ({
      name: arms[i]!.name,
      ...verdict,
      alwaysValid: interval(revenueDifference(money[i]!, null)),
      versusControl: i === 0 ? null : revenueDifference(money[i]!, money[0]!),
    })),
  };
}

function revenueText(revenue: ReturnType<typeof describeRevenue>): string {
  if (revenue.arms === null) return revenue.message;
  const amount = (value: number | null) => (value === null ? null : amountText(value));
  return table(
    ['arm', 'money per visitor', '95 % interval', 'P(best)', 'expected loss', 'minus control, at any look'],
    revenue.arms.map((arm) => [
      arm.name,
      amount(arm.mean),
      `${amount(arm.lower)} to ${amount(arm.upper)}`,
      amount(arm.probabilityBest),
      amount(arm.expectedLoss),
      arm.versusControl && `${amount(arm.versusControl.lower)} to ${amount(arm.versusControl.upper)}`,
    ]),
  );
}
