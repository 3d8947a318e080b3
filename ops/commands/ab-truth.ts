// What `ab power` assumes to be true of each arm, from its options.
import type { Truth } from '#domain/models/experiment/outcomes.ts';
import { parseNumbers, parsePrior } from './ab-input.ts';
import { CONVERSION_PRIOR, EVENT_PRIOR } from './ab-svg.ts';
import { UsageError } from './command.ts';

interface Told {
  outcome: string;
  rates?: string;
  prior?: string;
  dispersion?: string;
  spend?: string;
  'spend-sd'?: string;
}

/** Which options speak of one outcome only. */
const OF_OUTCOME = {
  conversions: ['prior'],
  events: ['prior', 'dispersion'],
  revenue: ['spend', 'spend-sd'],
} as const satisfies Record<Truth['outcome'], (keyof Told)[]>;

const isOutcome = (told: string): told is Truth['outcome'] => Object.hasOwn(OF_OUTCOME, told);

export function parseTruth(told: Told): Truth {
  const { outcome } = told;
  if (!isOutcome(outcome)) throw new UsageError(`--outcome ${outcome}: one of conversions, events, revenue`);
  const meant: readonly string[] = OF_OUTCOME[outcome];
  for (const option of ['prior', 'dispersion', 'spend', 'spend-sd'] as const)
    if (told[option] !== undefined && !meant.includes(option))
      throw new UsageError(`--${option} says nothing about ${outcome}; see axiom47 ab power --help`);
  if (told.rates === undefined) throw new UsageError('ab power needs --rates 0.10,0.12; see axiom47 ab power --help');
  const rates = parseNumbers('--rates', told.rates);
  if (outcome === 'events') {
    if (rates.length < 2 || !rates.every((rate) => rate > 0 && rate <= 1000))
      throw new UsageError(`--rates ${told.rates}: two or more numbers above 0 and at most 1000, the control first`);
    const prior = told.prior === undefined ? EVENT_PRIOR : parsePrior(told.prior, 'events');
    return { outcome, rates, dispersion: parseDispersion(told.dispersion), prior };
  }
  if (rates.length < 2 || !rates.every((rate) => rate > 0 && rate < 1))
    throw new UsageError(`--rates ${told.rates}: two or more numbers between 0 and 1, the control first`);
  if (outcome === 'conversions') {
    const prior = told.prior === undefined ? CONVERSION_PRIOR : parsePrior(told.prior, 'conversions');
    return { outcome, rates, prior };
  }
  const means = amounts('--spend', told.spend, rates.length);
  const deviations = amounts('--spend-sd', told['spend-sd'], rates.length);
  return { outcome, rates, spend: means.map((mean, i) => ({ mean, sd: deviations[i]! })) };
}

function parseDispersion(told: string | undefined): number | null {
  if (told === undefined) return null;
  const [dispersion] = parseNumbers('--dispersion', told, 1);
  if (!(dispersion! >= 1 && dispersion! <= 100))
    throw new UsageError(`--dispersion ${told}: a number from 1 (every visitor alike) to 100`);
  return dispersion!;
}

/** One amount an arm, or one for all. */
function amounts(option: string, told: string | undefined, arms: number): number[] {
  if (told === undefined)
    throw new UsageError('money needs --spend 40,42 and --spend-sd 35: what a buyer pays, and how much that varies');
  const numbers = parseNumbers(option, told);
  if (numbers.length !== 1 && numbers.length !== arms)
    throw new UsageError(`${option} ${told}: one number for all arms, or ${arms}, one for each`);
  if (!numbers.every((amount) => amount > 0 && amount <= 1e9))
    throw new UsageError(`${option} ${told}: every amount must be above 0`);
  return numbers.length === 1 ? new Array<number>(arms).fill(numbers[0]!) : numbers;
}
