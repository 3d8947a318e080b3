// What `ab` is told: arms from the command line or a file, what was measured, the planned shares, and the rule of decision.
import { SMALLEST_PRIOR } from '#domain/models/experiment/conversions.ts';
import type { Rule } from '#domain/models/experiment/decision.ts';
import { dispersionOf } from '#domain/models/experiment/rates.ts';
import type { ArmRevenue } from '#domain/models/experiment/revenue.ts';
import { cellError, columnIndex, guessColumn, numberColumn, type Table } from '../table.ts';
import { UsageError } from './command.ts';

/** `conversions`: at most one a visitor; `events`: any number, over an exposure. */
export type Measure = 'conversions' | 'events';

export interface Arm {
  name: string;
  /** Visitors, or the exposure of events. */
  n: number;
  /** Conversions, or events. */
  count: number;
  /** Variance over mean of a visitor's events, at least 1; conversions have none. */
  dispersion: number;
}

const COLUMNS = {
  name: ['arm', 'variant', 'group', 'name'],
  n: ['visitors', 'n', 'trials', 'exposed', 'users', 'exposure'],
  conversions: ['conversions', 'successes', 'converted', 'buyers'],
  events: ['events', 'count', 'orders'],
} as const;

export const RULE_OPTIONS = {
  rule: { type: 'string', default: 'best' },
  sure: { type: 'string', default: '0.95' },
  'tolerable-loss': { type: 'string' },
  alpha: { type: 'string', default: '0.05' },
} as const;

export function parseRule(values: { rule: string; sure: string; alpha: string; 'tolerable-loss'?: string }): Rule {
  if (values.rule === 'best') return { kind: 'best', sure: between01('--sure', values.sure) };
  if (values.rule === 'always-valid') return { kind: 'always-valid', alpha: between01('--alpha', values.alpha) };
  if (values.rule !== 'loss') throw new UsageError(`--rule ${values.rule}: one of best, loss, always-valid`);
  const told = values['tolerable-loss'];
  const tolerable = told === undefined || told.trim() === '' ? Number.NaN : Number(told);
  if (!(tolerable >= 0 && Number.isFinite(tolerable)))
    throw new UsageError('--rule loss needs --tolerable-loss, in the unit of the rate: 0.001 is a tenth of a point');
  return { kind: 'loss', tolerable };
}

export function between01(option: string, told: string): number {
  const value = told.trim() === '' ? Number.NaN : Number(told);
  if (!(value > 0 && value < 1)) throw new UsageError(`${option} ${told}: a number between 0 and 1`);
  return value;
}

export function parsePrior(text: string, measure: Measure): [number, number] {
  const [a, b] = parseNumbers('--prior', text, 2);
  const smallest = measure === 'conversions' ? SMALLEST_PRIOR : 1e-9;
  if (!(a! >= SMALLEST_PRIOR && a! <= 1e9 && b! >= smallest && b! <= 1e9))
    throw new UsageError(
      measure === 'conversions'
        ? `--prior ${text}: two numbers of at least ${SMALLEST_PRIOR} such as 1,1 or 12,88`
        : `--prior ${text}: a shape of at least ${SMALLEST_PRIOR} and a rate above 0 such as 0.5,0.01`,
    );
  return [a!, b!];
}

/** Planned shares of the visitors, one an arm; equal when not told. */
export function parseShares(text: string | undefined, arms: number): number[] {
  if (text === undefined) return new Array<number>(arms).fill(1);
  const shares = parseNumbers('--shares', text, arms);
  if (!shares.every((share) => share > 0)) throw new UsageError(`--shares ${text}: every share must be above 0`);
  return shares;
}

export function parseNumbers(option: string, text: string, many?: number): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!numbers.every(Number.isFinite) || (many !== undefined && numbers.length !== many))
    throw new UsageError(`${option} ${text}: ${many ?? 'some'} numbers separated by commas`);
  return numbers;
}

/** NAME=COUNT/N per arm; an exposure may be any number above 0. */
export function parseCounts(option: string, text: string, measure: Measure): Arm[] {
  const example = measure === 'conversions' ? 'NAME=CONVERSIONS/VISITORS such as A=120/1000' : 'NAME=EVENTS/EXPOSURE';
  const pattern =
    measure === 'conversions'
      ? /^\s*([^=]+?)\s*=\s*(\d+)\s*\/\s*(\d+)\s*$/
      : /^\s*([^=]+?)\s*=\s*(\d+)\s*\/\s*([\d.]+)\s*$/;
  return text.split(',').map((part, i) => {
    const match = pattern.exec(part);
    if (match === null) throw new UsageError(`${option}, arm ${i + 1}: '${part}' is not ${example}`);
    const arm = { name: match[1]!, count: Number(match[2]), n: Number(match[3]), dispersion: 1 };
    const problem = impossible(arm, measure);
    if (problem !== undefined) throw new UsageError(`${option}, arm ${i + 1}: ${problem}`);
    return arm;
  });
}

function impossible({ n, count }: Arm, measure: Measure): string | undefined {
  if (!(Number.isFinite(n) && n <= Number.MAX_SAFE_INTEGER)) return `${n} is too large`;
  if (!Number.isSafeInteger(count)) return `${count} is too large`;
  if (measure === 'events') return n > 0 ? undefined : `an exposure of ${n}: it must be above 0`;
  return count > n ? `${count} conversions of ${n} visitors; at most one each` : undefined;
}

function usualColumn(file: Table, field: keyof typeof COLUMNS): string {
  const found = guessColumn(file, COLUMNS[field]);
  if (found !== undefined) return found;
  throw new UsageError(
    `${file.name} has no column ${COLUMNS[field][0]} (looked for ${COLUMNS[field].join(', ')}); it has ${file.header.join(', ')}`,
  );
}

/** Conversions where the file has them, else events. */
export function measureOf(file: Table): Measure {
  const has = (field: keyof typeof COLUMNS) => guessColumn(file, COLUMNS[field]) !== undefined;
  return !has('conversions') && has('events') ? 'events' : 'conversions';
}

export function readArms(file: Table, measure: Measure): Arm[] {
  const nameColumn = usualColumn(file, 'name');
  const nameAt = columnIndex(file, nameColumn);
  const numbersOf = (column: string, whole: boolean) => {
    const numbers = numberColumn(file, column);
    numbers.forEach((value, i) => {
      if (!(value >= 0) || (whole && !Number.isSafeInteger(value)))
        throw cellError(file, i, column, `${value} is not a ${whole ? 'whole number' : 'number'} of 0 or more`);
    });
    return numbers;
  };
  const nColumn = usualColumn(file, 'n');
  const n = numbersOf(nColumn, measure === 'conversions');
  const countColumn = usualColumn(file, measure);
  const counts = numbersOf(countColumn, true);
  const squareColumn = measure === 'events' ? guessColumn(file, ['events_sum_sq', 'events_sum_squares']) : undefined;
  const squares = squareColumn === undefined ? undefined : numbersOf(squareColumn, false);
  return file.rows.map((row, i) => {
    const name = row[nameAt] ?? '';
    if (name === '') throw cellError(file, i, nameColumn, 'the arm has no name');
    const arm = { name, n: n[i]!, count: counts[i]!, dispersion: 1 };
    const problem = impossible(arm, measure);
    if (problem !== undefined) throw cellError(file, i, measure === 'events' ? nColumn : countColumn, problem);
    if (squares === undefined) return arm;
    if (squares[i]! * arm.n < arm.count ** 2 * (1 - 1e-9))
      throw cellError(file, i, squareColumn!, `${squares[i]} is less than any counts with that sum can give`);
    return { ...arm, dispersion: dispersionOf({ exposure: arm.n, events: arm.count }, squares[i]!) };
  });
}

/** The buyers' sums per arm, where the file has both columns. */
export function readRevenue(file: Table, arms: Arm[]): ArmRevenue[] | undefined {
  const sumColumn = guessColumn(file, ['revenue_sum']);
  const squareColumn = guessColumn(file, ['revenue_sum_sq', 'revenue_sum_squares']);
  if (sumColumn === undefined && squareColumn === undefined) return undefined;
  if (sumColumn === undefined || squareColumn === undefined)
    throw new UsageError(`${file.name}: comparing money needs both revenue_sum and revenue_sum_sq`);
  const sums = numberColumn(file, sumColumn);
  const squares = numberColumn(file, squareColumn);
  return arms.map(({ n, count }, i) => {
    if (squares[i]! * count < sums[i]! ** 2 * (1 - 1e-9))
      throw cellError(file, i, squareColumn, `${squares[i]} is less than any ${count} amounts with that sum can give`);
    return { visitors: n, buyers: count, revenueSum: sums[i]!, revenueSumSquares: squares[i]! };
  });
}
