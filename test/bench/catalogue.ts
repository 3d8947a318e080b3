// Every benchmark, by what it measures: from the kernels to the whole program.
import type { Benchmark } from './benchmark.ts';
import { benchmarks as calibration } from './calibration.ts';
import { benchmarks as experiments } from './experiments.ts';
import { benchmarks as fold } from './fold.ts';
import { benchmarks as gateway } from './gateway.ts';
import { benchmarks as input } from './input.ts';
import { benchmarks as lag } from './lag.ts';
import { benchmarks as log } from './log.ts';
import { benchmarks as metrics } from './metrics.ts';
import { benchmarks as models } from './models.ts';
import { benchmarks as past } from './past.ts';
import { benchmarks as program } from './program.ts';
import { benchmarks as replay } from './replay.ts';
import { benchmarks as score } from './score.ts';
import { benchmarks as serving } from './serving.ts';
import { benchmarks as sketches } from './sketches.ts';
import { benchmarks as tables } from './tables.ts';
import { benchmarks as training } from './training.ts';

export const catalogue: Readonly<Record<string, readonly Benchmark[]>> = {
  models: [...models, ...metrics, ...experiments],
  sketches,
  calibration,
  input,
  log,
  gateway,
  replay,
  fold,
  past,
  tables,
  training,
  score,
  serving,
  program: [...program, ...lag],
};
