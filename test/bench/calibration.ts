// Whether the law of spend says how often it is wrong: the tables of ops/calibration.md, printed as they stand there, and their last rows as
// figures. Nothing is timed. The tests hold the known-parameter case to its limits.
import { CASES, type Case, calibrationTable } from '../support/calibration.ts';
import { type Benchmark, CannotRun, type Measurement, type Progress, sharedFile } from './benchmark.ts';

async function judged(
  { name, title, files, judge }: Case,
  progress: Progress = () => undefined,
): Promise<Measurement[]> {
  const path = (file: string) => {
    const found = sharedFile('data', file);
    if (found === null) throw new CannotRun(`data/${file} is not beside the checkout; set AXIOM47_SHARED`);
    return found;
  };
  for (const file of files) path(file);
  const classes = judge(path);
  progress(`### ${title}`);
  for (const line of calibrationTable(classes)) progress(line);
  const all = classes.at(-1)!;
  const rows = [
    { name: `calibration: ${name}: within p95`, value: 100 * all.within.share, unit: '%', against: '95 %' },
    {
      name: `calibration: ${name}: bought, forecast / came`,
      value: all.bought.predicted / all.bought.actual,
      unit: '',
    },
    { name: `calibration: ${name}: mean, forecast / came`, value: all.mean.predicted / all.mean.actual, unit: '' },
  ];
  return all.pitP === null ? rows : [...rows, { name: `calibration: ${name}: PIT, χ² p`, value: all.pitP, unit: '' }];
}

export const benchmarks: Benchmark[] = CASES.map((each) => ({
  name: `calibration-${each.name}`,
  about: each.title,
  run: (progress) => judged(each, progress),
}));
