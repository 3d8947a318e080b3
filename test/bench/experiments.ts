// What a verdict on an experiment costs. Figures, never assertions.
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import type { Truth } from '#domain/models/experiment/outcomes.ts';
import { playDesign } from '#domain/models/experiment/power.ts';
import { compareRates } from '#domain/models/experiment/rates.ts';
import { atMost, type Benchmark, best, type Measurement } from './benchmark.ts';

async function verdicts(): Promise<Measurement[]> {
  const arms = Array.from({ length: 10 }, (_, i) => ({ trials: 5000 + i, successes: 500 + 7 * i }));
  const events = arms.map(({ trials, successes }) => ({ exposure: trials, events: 3 * successes }));
  const RUNS = 50;
  const design = { shares: [1, 1], looks: 10, rule: { kind: 'always-valid', alpha: 0.05 } } as const;
  const msOf = (truth: Truth) =>
    best(4, () => playDesign({ ...design, shares: [1, 1], truth }, 10_000, 0, RUNS, 1)) / RUNS;
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
    ...(
      [
        { outcome: 'conversions', rates: [0.1, 0.12], prior: [1, 1] },
        { outcome: 'events', rates: [0.5, 0.55], dispersion: 2.5, prior: [0.5, 0.01] },
        { outcome: 'revenue', rates: [0.05, 0.06], spend: [1, 1].map(() => ({ mean: 40, sd: 35 })) },
      ] satisfies Truth[]
    ).map((truth) => ({
      name: `models: a simulated experiment of 2 arms and 10 looks, ${truth.outcome}`,
      value: msOf(truth),
      unit: 'ms',
    })),
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'models-experiment', about: 'the verdict on ten arms, and an experiment played through', run: verdicts },
];
