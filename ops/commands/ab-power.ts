// `axiom47 ab power`: what a design achieves before it is run, by playing the very design, and how many visitors it takes.
import { setImmediate as breathe } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { wilson } from '#domain/models/calibration-metrics.ts';
import { type Design, mergePlayed, type Played, playDesign } from '#domain/models/experiment/power.ts';
import { createProgress, type Progress } from '../progress.ts';
import { between01, parseNumbers, parsePrior, parseRule, parseShares, RULE_OPTIONS } from './ab-input.ts';
import { type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';

export const POWER_HELP = `axiom47 ab power --rates 0.10,0.12 [--visitors N | --power 0.8] [--looks K] [--shares 1,1]
           [--rule best|loss|always-valid] [--sure S] [--tolerable-loss L] [--alpha A] [--prior 1,1] [--runs 1000] [--seed 1] [--json]

Plays an experiment on conversions many times with true rates that you assume, exactly as it will be run: arms, shares, looks, rule.

  --rates     the true conversion rate of each arm, the control first
  --visitors  of all arms together at the last look. Without it: the fewest with which the truly best arm is chosen in --power (0.8) of the runs
  --looks     how many times the rule is asked, evenly spaced (1); the first yes ends the experiment
  --rule …    as in axiom47 ab
  --json      {visitors, runs, right, wrong, undecided, rightLower, rightUpper, meanVisitors, falseAlarms, falseAlarmsLower, falseAlarmsUpper}

right is the share of runs that chose the truly best arm, with its 95 % interval; falseAlarms the share that chose anything at all when every arm
has the control's rate. The same seed gives the same answer.

Example:
  axiom47 ab power --rates 0.10,0.12 --looks 10 --rule always-valid`;

/** Beyond this no shop waits. */
const MOST_VISITORS = 100_000_000;
/** The search ends when it knows the number of visitors to this. */
const CLOSE_ENOUGH = 1.02;
const CHUNK = 20;

export async function runPower(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      rates: { type: 'string' },
      visitors: { type: 'string' },
      power: { type: 'string' },
      looks: { type: 'string', default: '1' },
      shares: { type: 'string' },
      prior: { type: 'string', default: '1,1' },
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      ...RULE_OPTIONS,
      json: { type: 'boolean', default: false },
    },
  });
  if (values.rates === undefined) throw new UsageError('ab power needs --rates 0.10,0.12; see axiom47 ab power --help');
  const rates = parseNumbers('--rates', values.rates);
  if (rates.length < 2 || !rates.every((rate) => rate > 0 && rate < 1))
    throw new UsageError(`--rates ${values.rates}: two or more numbers between 0 and 1, the control first`);
  const looks = wholeNumber('--looks', values.looks, 1, 1000);
  const runs = wholeNumber('--runs', values.runs, 20, 1_000_000);
  const seed = wholeNumber('--seed', values.seed, 0, 2 ** 31 - 1);
  const design: Design = {
    rates,
    shares: parseShares(values.shares, rates.length),
    looks,
    rule: parseRule(values),
    prior: parsePrior(values.prior, 'conversions'),
  };
  if (values.visitors !== undefined && values.power !== undefined)
    throw new UsageError('--visitors says what is played and --power asks how many it takes: give one of them');
  const least = looks * rates.length;
  const progress = createProgress('playing', io);
  const play = (of: Design, visitors: number, note: string) => playAll(of, visitors, runs, seed, progress, note);
  const visitors =
    values.visitors === undefined
      ? await search(design, between01('--power', values.power ?? '0.8'), least, play)
      : wholeNumber('--visitors', values.visitors, least, MOST_VISITORS);
  const played = await play(design, visitors, `${visitors} visitors`);
  const equal = { ...design, rates: rates.map(() => rates[0]!) };
  const alarms = await play(equal, visitors, 'equal arms');
  progress.finish();
  const share = (count: number) => count / runs;
  const [right, wrong, falseAlarms] = [share(played.right), share(played.wrong), share(alarms.wrong)];
  const [rightRange, alarmRange] = [wilson(right, runs), wilson(falseAlarms, runs)];
  const answer = {
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
  const [best, second] = [...design.rates].sort((a, b) => b - a);
  if (best === second)
    throw new UsageError(
      '--rates: two arms share the best rate, so no number of visitors tells them apart; give --visitors',
    );
  const enough = async (visitors: number) => {
    const { right, runs } = await play(design, visitors, `${visitors} visitors`);
    return right / runs >= power;
  };
  let low = least;
  let high = Math.max(least, 100 * design.rates.length);
  while (!(await enough(high))) {
    low = high;
    high *= 2;
    if (high > MOST_VISITORS)
      throw new UsageError(`even ${MOST_VISITORS} visitors do not reach a power of ${power}; the rates are too close`);
  }
  while (high / low > CLOSE_ENOUGH && high - low > design.rates.length) {
    const middle = Math.round(Math.sqrt(low * high));
    if (await enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
