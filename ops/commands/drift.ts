// `axiom47 drift`: has each feature moved between a reference file and a current one? Without a server.
import { parseArgs } from 'node:util';
import {
  type BinCounts,
  type Bins,
  binCount,
  categoricalBins,
  countLevels,
  countNumbers,
  divergence,
  missingRateTest,
  numericBins,
} from '#domain/models/drift.ts';
import { compareSamples } from '#domain/models/two-samples.ts';
import { driftChart } from '../charts/drift-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import { cellError, columnIndex, readTable, type Table } from '../table.ts';
import { type Command, UsageError } from './command.ts';
import { print, table } from './options.ts';

/** Below this Jensen–Shannon distance a shift is too small to act on, however sure it is. */
const WORTH_ACTING_ON = 0.1;
/** How often chance alone may raise an alarm on one feature. */
const LEVEL = 0.01;
/** A text column with more distinct values than this is an identifier or free text, not a category. */
const MOST_LEVELS = 1000;
/** At most this many of the new levels are named. */
const NAMED_LEVELS = 20;

export const drift: Command = {
  name: 'drift',
  summary: 'compare two files feature by feature: PSI, Jensen–Shannon, χ², missing values',
  help: `axiom47 drift --reference FILE --current FILE [--columns a,b,c] [--svg FILE] [--json]

Bins are frozen from the reference: its deciles with open ends, or its categories and one bin for new ones; empty cells are missing. A column
is numeric when every cell of the reference that is not empty is a number.

  --columns  the columns to compare (those that both files have)
  --svg      draws the distances beside their noise floors
  --json     {features: [{name, kind, psi, psiFloor, jsDivergence, jsDistance, noiseFloor, drifted, chiSquare, missing, bins, newLevels?,
             ks?, ksBinned?, ksFloor?, wasserstein?}]}

psi puts 1e-4 for an empty bin; jsDivergence is in bits, jsDistance its square root, both in [0, 1]. noiseFloor is the jsDistance that chance
alone exceeds in 1 % of comparisons at these sizes, psiFloor and ksFloor the same of psi and of ksBinned, the KS gap at the frozen bins' edges; drifted: jsDistance above both noiseFloor and 0.1. missing.drifted: p of the missing rate < 0.01.

Example:
  axiom47 drift --reference training.csv --current last-week.csv --columns tenure,amount,plan`,

  async run(argv, io) {
    const { values } = parseArgs({
      args: argv,
      options: {
        reference: { type: 'string' },
        current: { type: 'string' },
        columns: { type: 'string' },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    if (values.reference === undefined || values.current === undefined)
      throw new UsageError('drift needs --reference FILE and --current FILE; see axiom47 drift --help');
    const reference = readTable(values.reference);
    const current = readTable(values.current);
    const names = columnsToCompare(reference, current, values.columns);
    const features = names.map((name) => compareColumn(reference, current, name, values.columns !== undefined));
    if (values.svg !== undefined) writeSvg(values.svg, driftChart(features, WORTH_ACTING_ON), io);
    print(io, values.json, { features }, () =>
      table(
        ['feature', 'psi', 'JS distance', 'noise floor', 'drifted', 'missing before', 'now'],
        features.map(({ name, psi, jsDistance, noiseFloor, drifted, missing }) => [
          name,
          short(psi),
          short(jsDistance),
          short(noiseFloor),
          drifted === null ? null : drifted ? 'yes' : 'no',
          percent(missing.referenceRate),
          percent(missing.currentRate) + (missing.drifted ? ' (changed)' : ''),
        ]),
      ),
    );
    return 0;
  },
};

const short = (value: number | null) => (value === null ? null : value.toFixed(4));
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function columnsToCompare(reference: Table, current: Table, told: string | undefined): string[] {
  if (told !== undefined) {
    const names = told.split(',').map((name) => name.trim());
    return names.map((name) => {
      columnIndex(current, name);
      return reference.header[columnIndex(reference, name)]!;
    });
  }
  const both = reference.header.filter((name) => current.header.includes(name));
  if (both.length > 0) return both;
  throw new UsageError(
    `${reference.name} and ${current.name} share no column: ${reference.header.join(', ')} against ${current.header.join(', ')}`,
  );
}

const cellsOf = (file: Table, name: string): string[] => {
  const index = columnIndex(file, name);
  return file.rows.map((row) => row[index] ?? '');
};

const isNumber = (cell: string) => Number.isFinite(Number(cell));

function compareColumn(reference: Table, current: Table, name: string, asked: boolean) {
  const before = cellsOf(reference, name);
  const now = cellsOf(current, name);
  if (before.every((cell) => cell === ''))
    throw new UsageError(`${reference.name}, column ${name}: every cell is empty, so there is nothing to compare with`);
  return before.every(isNumber)
    ? compareNumbers(current, name, before, now)
    : compareLevels(reference, name, before, now, asked);
}

function compareNumbers(current: Table, name: string, before: string[], now: string[]) {
  const wrong = now.findIndex((cell) => !isNumber(cell));
  if (wrong >= 0)
    throw cellError(current, wrong, name, `'${now[wrong]}' is not a number, as every value of the reference is`);
  const numbers = (cells: string[]) => Float64Array.from(cells, (cell) => (cell === '' ? Number.NaN : Number(cell)));
  const [reference, values] = [numbers(before), numbers(now)];
  const bins = numericBins(reference);
  const samples = compareSamples(reference, values);
  const [counted, countedNow] = [countNumbers(bins, reference), countNumbers(bins, values)];
  const { ksBinned, ksFloor } = compared(counted, countedNow) ?? { ksBinned: null, ksFloor: null };
  return {
    ...describe(name, bins, counted, countedNow),
    ksBinned,
    ksFloor,
    ks: samples && { statistic: samples.ks, p: samples.ksP },
    wasserstein: samples?.wasserstein ?? null,
  };
}

function compareLevels(file: Table, name: string, before: string[], now: string[], asked: boolean) {
  const levels = (cells: string[]) => cells.map((cell) => (cell === '' ? null : cell));
  const bins = categoricalBins(levels(before));
  if (bins.levels.length > MOST_LEVELS)
    throw new UsageError(
      `${file.name}, column ${name}: ${bins.levels.length} distinct values are not a category; ${asked ? 'leave it out of --columns' : 'say --columns without it'}`,
    );
  const known = new Set(['', ...bins.levels]);
  const newLevels = [...new Set(now.filter((cell) => !known.has(cell)))].sort().slice(0, NAMED_LEVELS);
  const counted = describe(name, bins, countLevels(bins, levels(before)), countLevels(bins, levels(now)));
  return { ...counted, newLevels };
}

/** A current file where every cell is missing has nothing to measure; the missing rate says it. */
const compared = (reference: BinCounts, current: BinCounts) =>
  current.counts.some((count) => count > 0) ? divergence(reference.counts, current.counts, LEVEL) : null;

function describe(name: string, bins: Bins, reference: BinCounts, current: BinCounts) {
  const rate = ({ counts, missing }: BinCounts) => missing / (missing + counts.reduce((sum, count) => sum + count, 0));
  const { p } = missingRateTest(reference, current);
  const found = compared(reference, current);
  return {
    name,
    kind: bins.kind,
    psi: found?.psi ?? null,
    psiFloor: found?.psiFloor ?? null,
    jsDivergence: found?.jsDivergence ?? null,
    jsDistance: found?.jsDistance ?? null,
    noiseFloor: found?.noiseFloor ?? null,
    drifted: found && found.jsDistance > Math.max(found.noiseFloor, WORTH_ACTING_ON),
    chiSquare: found?.chiSquare ?? null,
    missing: {
      reference: reference.missing,
      current: current.missing,
      referenceRate: rate(reference),
      currentRate: rate(current),
      p,
      drifted: p < LEVEL,
    },
    bins: Array.from({ length: binCount(bins) }, (_, i) => ({
      ...binName(bins, i),
      reference: reference.counts[i]!,
      current: current.counts[i]!,
    })),
  };
}

/** Numeric bins are [from, to), null where open; a categorical one is its level, null for all new levels. */
function binName(bins: Bins, i: number) {
  if (bins.kind === 'categorical') return { level: bins.levels[i] ?? null };
  return { from: bins.edges[i - 1] ?? null, to: bins.edges[i] ?? null };
}
