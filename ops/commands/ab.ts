// `axiom47 ab`: which arm of an experiment is best, from counts alone, without a server.
import { parseArgs } from 'node:util';
import { compareConversions, SMALLEST_PRIOR } from '#domain/models/experiment/conversions.ts';
import { type Decision, decideExperiment, sampleRatio } from '#domain/models/experiment/decision.ts';
import { type ArmRevenue, compareRevenue, type RevenueComparison } from '#domain/models/experiment/revenue.ts';
import { cellError, columnIndex, guessColumn, numberColumn, readTable, type Table } from '../table.ts';
import { type Command, UsageError } from './command.ts';
import { print, table } from './options.ts';

interface Arm {
  name: string;
  n: number;
  conversions: number;
}

const COLUMNS = {
  name: ['arm', 'variant', 'group', 'name'],
  n: ['visitors', 'n', 'trials', 'exposed', 'users'],
  conversions: ['conversions', 'successes', 'converted', 'buyers'],
} as const;

export const ab: Command = {
  name: 'ab',
  summary: 'compare the arms of an experiment: P(best), expected loss, credible intervals',
  help: `axiom47 ab --data FILE | --counts A=120/1000,B=138/1000 [--prior 1,1] [--json]

Bayesian A/B/n from counts: conversions of visitors per arm, the first arm is the control. Quadrature, no simulation.

  --counts  NAME=CONVERSIONS/VISITORS per arm, separated by commas
  --data    CSV with one row per arm: arm, visitors, conversions; with revenue_sum and revenue_sum_sq (over the buyers) the money per
            visitor is compared too
  --prior   a,b of the Beta prior of every conversion rate (1,1: uniform)
  --json    {arms: [{name, n, conversions, rate, lower, upper, probabilityBest, expectedLoss, probabilityBeatsControl, posteriorMean}],
            decision: {choose, reason}, sampleRatio: {statistic, degreesOfFreedom, p}, revenue?}

rate is conversions / n (null for an arm without visitors); lower and upper bound the 95 % credible interval; expectedLoss is in units of the
rate. An arm is chosen when its P(best) reaches 0.95, unless the sample ratio (equal shares) is broken (p < 0.001).

Example:
  axiom47 ab --counts A=120/1000,B=138/1000,C=127/1000`,

  async run(argv, io) {
    const { values } = parseArgs({
      args: argv,
      options: {
        data: { type: 'string' },
        counts: { type: 'string' },
        prior: { type: 'string', default: '1,1' },
        json: { type: 'boolean', default: false },
      },
    });
    if ((values.data === undefined) === (values.counts === undefined))
      throw new UsageError('ab needs either --data FILE or --counts A=120/1000,B=138/1000; see axiom47 ab --help');
    const file = values.data === undefined ? undefined : readTable(values.data);
    const arms = file === undefined ? parseCounts(values.counts!) : readArms(file);
    const prior = parsePrior(values.prior);
    const seen = new Set<string>();
    for (const { name } of arms) {
      if (seen.has(name)) throw new UsageError(`arm '${name}' is given twice; add its counts up first`);
      seen.add(name);
    }
    if (arms.every(({ n }) => n === 0)) throw new UsageError('no arm has a visitor; there is nothing to compare');
    const verdicts = compareConversions(
      arms.map(({ n, conversions }) => ({ trials: n, successes: conversions })),
      prior,
    );
    const ratio = sampleRatio(arms.map(({ n }) => n));
    const decision = named(decideExperiment(verdicts, ratio.p), arms);
    const rows = arms.map(({ name, n, conversions }, i) => {
      const { lower, upper, probabilityBest, expectedLoss, probabilityBeatsControl, mean } = verdicts[i]!;
      return {
        name,
        n,
        conversions,
        rate: n === 0 ? null : conversions / n,
        lower,
        upper,
        probabilityBest,
        expectedLoss,
        probabilityBeatsControl,
        posteriorMean: mean,
      };
    });
    const money = file === undefined ? undefined : readRevenue(file, arms);
    const revenue = money && describeRevenue(compareRevenue(money), arms);
    print(io, values.json, { arms: rows, decision, sampleRatio: ratio, ...(revenue && { revenue }) }, () => {
      const head = ['arm', 'visitors', 'rate', '95 % interval', 'P(best)', 'expected loss'];
      const lines = rows.map((row) => [
        row.name,
        row.n,
        row.rate === null ? null : percent(row.rate),
        `${percent(row.lower)} to ${percent(row.upper)}`,
        row.probabilityBest.toFixed(4),
        percent(row.expectedLoss!),
      ]);
      return [
        table(head, lines),
        sentence(decision, ratio.p),
        ...(revenue === undefined ? [] : ['', revenueText(revenue)]),
      ].join('\n');
    });
    return 0;
  },
};

const percent = (share: number) => `${(100 * share).toFixed(3)} %`;

const named = ({ choose, reason }: Decision, arms: Arm[]) => ({
  choose: choose === null ? null : arms[choose]!.name,
  reason,
});

function sentence({ choose, reason }: { choose: string | null; reason: Decision['reason'] }, p: number): string {
  if (choose !== null) return `Choose ${choose}.`;
  if (reason === 'not-sure-yet') return 'No arm is best with 95 % probability yet; go on.';
  return `The arms' sizes are not what equal shares give (p = ${p.toPrecision(2)}): look for a fault in the assignment before reading on.`;
}

function parsePrior(text: string): [number, number] {
  const [a, b, ...rest] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const fits = (value: number | undefined) => value !== undefined && value >= SMALLEST_PRIOR && value <= 1e9;
  if (!fits(a) || !fits(b) || rest.length > 0)
    throw new UsageError(`--prior ${text}: two numbers of at least ${SMALLEST_PRIOR} such as 1,1 or 12,88`);
  return [a!, b!];
}

function parseCounts(text: string): Arm[] {
  return text.split(',').map((part, i) => {
    const match = /^\s*([^=]+?)\s*=\s*(\d+)\s*\/\s*(\d+)\s*$/.exec(part);
    if (match === null)
      throw new UsageError(`--counts, arm ${i + 1}: '${part}' is not NAME=CONVERSIONS/VISITORS such as A=120/1000`);
    const arm = { name: match[1]!, conversions: Number(match[2]), n: Number(match[3]) };
    if (!Number.isSafeInteger(arm.n)) throw new UsageError(`--counts, arm ${i + 1}: ${match[3]} is too large`);
    if (arm.conversions > arm.n)
      throw new UsageError(
        `--counts, arm ${i + 1}: ${arm.conversions} conversions of ${arm.n} visitors; at most one each`,
      );
    return arm;
  });
}

function usualColumn(file: Table, field: keyof typeof COLUMNS): string {
  const found = guessColumn(file, COLUMNS[field]);
  if (found !== undefined) return found;
  throw new UsageError(
    `${file.name} has no column ${COLUMNS[field][0]} (looked for ${COLUMNS[field].join(', ')}); it has ${file.header.join(', ')}`,
  );
}

function readArms(file: Table): Arm[] {
  const nameColumn = usualColumn(file, 'name');
  const nameAt = columnIndex(file, nameColumn);
  const whole = (field: 'n' | 'conversions') => {
    const column = usualColumn(file, field);
    const numbers = numberColumn(file, column);
    numbers.forEach((value, i) => {
      if (!Number.isSafeInteger(value) || value < 0)
        throw cellError(file, i, column, `${value} is not a whole number of 0 or more`);
    });
    return { column, numbers };
  };
  const visitors = whole('n');
  const conversions = whole('conversions');
  return file.rows.map((row, i) => {
    const name = row[nameAt] ?? '';
    if (name === '') throw cellError(file, i, nameColumn, 'the arm has no name');
    const arm = { name, n: visitors.numbers[i]!, conversions: conversions.numbers[i]! };
    if (arm.conversions > arm.n)
      throw cellError(
        file,
        i,
        conversions.column,
        `${arm.conversions} conversions of ${arm.n} visitors; at most one each`,
      );
    return arm;
  });
}

/** The buyers' sums per arm, where the file has both columns. */
function readRevenue(file: Table, arms: Arm[]): ArmRevenue[] | undefined {
  const sumColumn = guessColumn(file, ['revenue_sum']);
  const squareColumn = guessColumn(file, ['revenue_sum_sq', 'revenue_sum_squares']);
  if (sumColumn === undefined && squareColumn === undefined) return undefined;
  if (sumColumn === undefined || squareColumn === undefined)
    throw new UsageError(`${file.name}: comparing money needs both revenue_sum and revenue_sum_sq`);
  const sums = numberColumn(file, sumColumn);
  const squares = numberColumn(file, squareColumn);
  return arms.map(({ n, conversions }, i) => {
    if (squares[i]! * conversions < sums[i]! ** 2 * (1 - 1e-9))
      throw cellError(
        file,
        i,
        squareColumn,
        `${squares[i]} is less than any ${conversions} amounts with that sum can give`,
      );
    return { visitors: n, buyers: conversions, revenueSum: sums[i]!, revenueSumSquares: squares[i]! };
  });
}

const REVENUE_REASONS = {
  'too-few-buyers': 'has fewer than two buyers, so the spread of what buyers pay is unknown',
  'no-spread': 'has buyers who all paid the same; compare conversions instead',
} as const;

function describeRevenue(compared: RevenueComparison, arms: Arm[]) {
  if (!compared.ok) {
    const name = arms[compared.arm]!.name;
    const message = `money per visitor is undefined: arm ${name} ${REVENUE_REASONS[compared.reason]}`;
    return { arms: null, reason: compared.reason, message };
  }
  return { arms: compared.arms.map((verdict, i) => ({ name: arms[i]!.name, ...verdict })) };
}

function revenueText(revenue: ReturnType<typeof describeRevenue>): string {
  if (revenue.arms === null) return revenue.message;
  const short = (value: number | null) => (value === null ? null : value.toFixed(4));
  return table(
    ['arm', 'money per visitor', '95 % interval', 'P(best)', 'expected loss'],
    revenue.arms.map((arm) => [
      arm.name,
      short(arm.mean),
      `${short(arm.lower)} to ${short(arm.upper)}`,
      short(arm.probabilityBest),
      short(arm.expectedLoss),
    ]),
  );
}
