// What a verdict on an experiment costs. Figures, never assertions.
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { playDesign } from '#domain/models/experiment/power.ts';
import { compareRates } from '#domain/models/experiment/rates.ts';
import { atMost, type Benchmark, best, type Measurement } from './benchmark.ts';

async function verdicts(): Promise<Measurement[]> {
  const arms = Array.from({ length: 10 }, (_, i) => ({ trials: 5000 + i, successes: 500 + 7 * i }));
  const events = arms.map(({ trials, successes }) => ({ exposure: trials, events: 3 * successes }));
  const design = {
    rates: [0.1, 0.12],
    shares: [1, 1],
    looks: 10,
    rule: { kind: 'always-valid', alpha: 0.05 },
    prior: [1, 1],
  } as const;
  const RUNS = 50;
  const played = best(4, () => playDesign({ ...design, rates: [...design.rates], shares: [1, 1] }, 10_000, 0, RUNS, 1));
  return [
    atMost(
      'models: A/B/n of 10 arms, conversions, everything',
      best(40, () => compareConversions(arms)),
      'ms',
      5,
    ),
    atMost(
      'models: A/B/n of 10 arms, events',
      best(40, () => compareRates(events)),
      'ms',
      5,
    ),
    { name: 'models: a simulated experiment of 2 arms and 10 looks', value: played / RUNS, unit: 'ms' },
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'models-experiment', about: 'the verdict on ten arms, and an experiment played through', run: verdicts },
];
