// `axiom47 ab power`: what a design achieves before it is run, by playing the very design, and how many visitors it takes.
import { setImmediate as breathe } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { wilson } from '#domain/models/calibration-metrics.ts';
import { allAsControl } from '#domain/models/experiment/outcomes.ts';
import { type Design, mergePlayed, type Played, playDesign, trulyBest } from '#domain/models/experiment/power.ts';
import { createProgress, type Progress } from '../progress.ts';
import { between01, parseRule, parseShares, RULE_OPTIONS } from './ab-input.ts';
import { parseTruth } from './ab-truth.ts';
import { type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';

export const POWER_HELP = `axiom47 ab power --rates 0.10,0.12 [--outcome conversions|events|revenue] [--visitors N | --power 0.8] [--looks K]
           [--shares 1,1] [--rule best|loss|always-valid] [--sure S] [--tolerable-loss L] [--alpha A] [--prior a,b] [--runs 1000] [--seed 1]
           [--dispersion D] [--spend 40,42 --spend-sd 35] [--json]

Plays an experiment many times with a truth that you assume, exactly as it will be run: arms, shares, looks, rule. Visitors are drawn one and all;
what they did is put to the very verdict of axiom47 ab.

  --outcome     conversions (usual), events: any number per visitor, or revenue: money per visitor
  --rates       what is true of each arm, the control first: the share that converts or buys, or the events per visitor
  --dispersion  events: their variance over their mean, 1–100, when some visitors have many; measured then, as with events_sum_sq. Else Poisson
  --spend       revenue: what a buyer pays on average in each arm, or one number for all
  --spend-sd    revenue: its standard deviation, likewise; a log-normal law is drawn from
  --visitors    of all arms together at the last look. Without it: the fewest with which the truly best arm is chosen in --power (0.8) of the runs
  --looks       how many times the rule is asked, evenly spaced (1); the first yes ends the experiment
  --rule …      as in axiom47 ab; --tolerable-loss in the unit of what is compared
  --prior       as in axiom47 ab; revenue has none
  --json        {outcome, visitors, looks, rule, runs, right, rightLower, rightUpper, wrong, undecided, meanVisitors, falseAlarms,
                falseAlarmsLower, falseAlarmsUpper}

right is the share of runs that chose the truly best arm, with its 95 % interval; falseAlarms the share that chose anything at all when every arm
is as the control. The same seed gives the same answer. A verdict on money costs a few milliseconds, on the others less than one.

Examples:
  axiom47 ab power --rates 0.10,0.12 --looks 10 --rule always-valid
  axiom47 ab power --outcome events --rates 0.5,0.55 --dispersion 2.5
  axiom47 ab power --outcome revenue --rates 0.05,0.05 --spend 40,46 --spend-sd 35 --visitors 20000`;

/** Beyond this no shop waits. */
const MOST_VISITORS = 100_000_000;
/** The search ends when it knows the number of visitors to this. */
const CLOSE_ENOUGH = 1.02;
const CHUNK = 20;

export async function runPower(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      outcome: { type: 'string', default: 'conversions' },
      rates: { type: 'string' },
      dispersion: { type: 'string' },
      spend: { type: 'string' },
      'spend-sd': { type: 'string' },
      visitors: { type: 'string' },
      power: { type: 'string' },
      looks: { type: 'string', default: '1' },
      shares: { type: 'string' },
      prior: { type: 'string' },
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      ...RULE_OPTIONS,
      json: { type: 'boolean', default: false },
    },
  });
  const truth = parseTruth(values);
  const arms = truth.rates.length;
  const looks = wholeNumber('--looks', values.looks, 1, 1000);
  const runs = wholeNumber('--runs', values.runs, 20, 1_000_000);
  const seed = wholeNumber('--seed', values.seed, 0, 2 ** 31 - 1);
  const design: Design = { truth, shares: parseShares(values.shares, arms), looks, rule: parseRule(values) };
  if (values.visitors !== undefined && values.power !== undefined)
    throw new UsageError('--visitors says what is played and --power asks how many it takes: give one of them');
  const least = looks * arms;
  const progress = createProgress('playing', io);
  const play = (of: Design, visitors: number, note: string) => playAll(of, visitors, runs, seed, progress, note);
  const visitors =
    values.visitors === undefined
      ? await search(design, between01('--power', values.power ?? '0.8'), least, play)
      : wholeNumber('--visitors', values.visitors, least, MOST_VISITORS);
  const played = await play(design, visitors, `${visitors} visitors`);
  const equal = { ...design, truth: allAsControl(truth) };
  const alarms = await play(equal, visitors, 'equal arms');
  progress.finish();
  const share = (count: number) => count / runs;
  const [right, wrong, falseAlarms] = [share(played.right), share(played.wrong), share(alarms.wrong)];
  const [rightRange, alarmRange] = [wilson(right, runs), wilson(falseAlarms, runs)];
  const answer = {
    outcome: truth.outcome,
    visitors,
    looks,
    rule: design.rule,
    runs,
    right,
    rightLower: rightRange.lower,
    rightUpper: rightRange.upper,
    wrong,
    undecided: 1 - right - wrong,
    meanVisitors: played.visitors / runs,
    falseAlarms,
    falseAlarmsLower: alarmRange.lower,
    falseAlarmsUpper: alarmRange.upper,
  };
  print(io, values.json, answer, () =>
    table(
      ['what', 'value', '95 % interval'],
      [
        ['visitors in all, at the last look', visitors.toLocaleString('en-US'), null],
        ['visitors until the choice, on average', Math.round(answer.meanVisitors).toLocaleString('en-US'), null],
        ['chooses the best arm', percent(right), `${percent(rightRange.lower)} to ${percent(rightRange.upper)}`],
        ['chooses another', percent(wrong), null],
        ['stays undecided', percent(answer.undecided), null],
        [
          'chooses any if all are equal',
          percent(falseAlarms),
          `${percent(alarmRange.lower)} to ${percent(alarmRange.upper)}`,
        ],
      ],
    ),
  );
  return 0;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function wholeNumber(option: string, told: string, least: number, most: number): number {
  const value = told.trim() === '' ? Number.NaN : Number(told);
  if (!(Number.isSafeInteger(value) && value >= least && value <= most))
    throw new UsageError(`${option} ${told}: a whole number, ${least}–${most}`);
  return value;
}

async function playAll(
  design: Design,
  visitors: number,
  runs: number,
  seed: number,
  progress: Progress,
  note: string,
): Promise<Played> {
  let played: Played = { runs: 0, right: 0, wrong: 0, visitors: 0 };
  for (let from = 0; from < runs; from += CHUNK) {
    played = mergePlayed(played, playDesign(design, visitors, from, Math.min(runs, from + CHUNK), seed));
    progress.update(played.runs, runs, note);
    await breathe();
  }
  return played;
}

/** Doubles until the power is reached, then halves the gap: the same seeds play every size, so the share hardly wavers. */
async function search(
  design: Design,
  power: number,
  least: number,
  play: (design: Design, visitors: number, note: string) => Promise<Played>,
): Promise<number> {
  if (trulyBest(design.truth) === null)
    throw new UsageError(
      `--rates: two arms share the best ${design.truth.outcome === 'revenue' ? 'money per visitor' : 'rate'}, so no number of visitors tells them apart; give --visitors`,
    );
  const arms = design.truth.rates.length;
  const enough = async (visitors: number) => {
    const { right, runs } = await play(design, visitors, `${visitors} visitors`);
    return right / runs >= power;
  };
  let low = least;
  let high = Math.max(least, 100 * arms);
  while (!(await enough(high))) {
    low = high;
    high *= 2;
    if (high > MOST_VISITORS)
      throw new UsageError(`even ${MOST_VISITORS} visitors do not reach a power of ${power}; the arms are too close`);
  }
  while (high / low > CLOSE_ENOUGH && high - low > arms) {
    const middle = Math.round(Math.sqrt(low * high));
    if (await enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
