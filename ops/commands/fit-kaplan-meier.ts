// `axiom47 fit kaplan-meier`: survival curves by group with bands, medians, restricted means and a test that they are alike.
import { parseArgs } from 'node:util';
import { type BandType, fitGroups, quantile, type SurvivalCurve } from '#domain/models/survival/kaplan-meier.ts';
import { type LogRank, logRank, type TimeWeights } from '#domain/models/survival/log-rank.ts';
import {
  type RestrictedMean,
  type RestrictedMeanDifference,
  restrictedMean,
  restrictedMeanDifference,
} from '#domain/models/survival/restricted-mean.ts';
import { survivalChart } from '../charts/survival-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import { type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';
import { categories, named, numberOption, oneOf, readInput, short, shown, survivalOptions } from './survival-input.ts';

export const kaplanMeierHelp = `axiom47 fit kaplan-meier --data FILE --duration COL --event COL[=VALUE] [--by COL] [--start COL] [--weights COL]
                [--ci log-log|log|plain] [--level 0.95] [--test log-rank|gehan|tarone-ware|peto-peto|RHO,GAMMA] [--strata COL] [--rmst TAU]
                [--svg FILE] [--json]`;

export function kaplanMeier(args: string[], io: Io): number {
  const { values } = parseArgs({
    args,
    options: {
      ...survivalOptions,
      by: { type: 'string' },
      ci: { type: 'string', default: 'log-log' },
      level: { type: 'string', default: '0.95' },
      test: { type: 'string', default: 'log-rank' },
      strata: { type: 'string' },
      rmst: { type: 'string' },
      svg: { type: 'string' },
    },
  });
  const band = oneOf<BandType>('--ci', values.ci, ['log-log', 'log', 'plain']);
  const level = numberOption('--level', values.level, 0);
  const weights = timeWeights(values.test);
  const tau = values.rmst === undefined ? undefined : numberOption('--rmst', values.rmst, 0);
  if (values.strata !== undefined && values.by === undefined)
    throw new UsageError('--strata compares within strata: say with --by what is compared');
  const input = readInput('axiom47 fit kaplan-meier', values);
  const { columns, rows } = input;
  const by = values.by === undefined ? undefined : categories(rows, values.by);
  const strata = values.strata === undefined ? undefined : categories(rows, values.strata).codes;
  const names = by?.names ?? ['all'];
  const group = by?.codes ?? new Uint32Array(columns.duration.length);
  const curves = named(input, () => fitGroups(columns, group, names.length, { band, level }));
  const means = tau === undefined ? undefined : curves.map((curve) => restrictedMean(curve, tau, level));
  const groups = curves.map((curve, g) => ({
    ...describeCurve(names[g]!, curve),
    ...(means && { restrictedMean: { tau: tau!, ...means[g]! } }),
  }));
  const differences =
    tau === undefined
      ? []
      : curves.slice(1).map((curve, g) => ({
          group: names[g + 1]!,
          against: names[0]!,
          ...restrictedMeanDifference(curve, curves[0]!, tau, level),
        }));
  const comparison = by && logRank(columns, group, names.length, { weights, strata });
  if (by !== undefined && comparison === undefined)
    io.stderr('axiom47: warning: no test: there is nothing to compare\n');
  if (values.svg !== undefined) {
    const drawn = curves.map((curve, g) => ({ name: names[g]!, curve }));
    const test = comparison && describeTest(values.test, comparison, comparison.p < 1e-4 ? '< 0.0001' : undefined);
    writeSvg(values.svg, survivalChart(drawn, { duration: values.duration!, event: values.event!, test }), io);
  }
  const answer = {
    model: 'kaplan-meier',
    ci: band,
    groups,
    ...(tau !== undefined && by && { differences }),
    ...(comparison && { logRank: { test: values.test, ...comparison } }),
  };
  print(io, values.json, answer, () =>
    [
      table(
        ['group', 'n', 'events', 'median', 'lower', 'upper'],
        groups.map(({ name, n, events, median, medianLower, medianUpper }) => [
          name,
          n,
          events,
          median,
          medianLower,
          medianUpper,
        ]),
      ),
      ...(means ? [describeMeans(tau!, names, means, differences)] : []),
      ...(comparison ? [describeTest(values.test, comparison)] : []),
    ].join('\n'),
  );
  return 0;
}

/** @throws UsageError for a name that is none, or exponents that are not two numbers ≥ 0. */
function timeWeights(text: string): TimeWeights {
  const named = (['log-rank', 'gehan', 'tarone-ware', 'peto-peto'] as const).find((name) => name === text);
  if (named !== undefined) return named;
  const [rho, gamma, ...more] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!(rho! >= 0 && gamma! >= 0 && Number.isFinite(rho! + gamma!)) || more.length > 0)
    throw new UsageError(
      `--test ${text}: one of log-rank, gehan, tarone-ware, peto-peto, or the exponents RHO,GAMMA of Fleming and Harrington, e.g. 0,1`,
    );
  return { rho: rho!, gamma: gamma! };
}

export const describeTest = (name: string, { chiSquare, degreesOfFreedom, p }: LogRank, shownP = short(p)) =>
  `${name.includes(',') ? `Fleming–Harrington ${name}` : name} ${short(chiSquare)} on ${degreesOfFreedom} df, p ${shownP}`;

function describeMeans(
  tau: number,
  names: string[],
  means: RestrictedMean[],
  differences: (RestrictedMeanDifference & { group: string; against: string })[],
): string {
  return [
    `mean within ${short(tau)}:`,
    table(
      ['group', 'mean', 'se', 'lower', 'upper'],
      means.map(({ value, standardError, lower, upper }, g) => [
        names[g]!,
        ...[value, standardError, lower, upper].map(shown),
      ]),
    ),
    ...differences.map(
      ({ group, against, difference, lower, upper, p }) =>
        `${group} − ${against}: ${short(difference)} (${short(lower)} to ${short(upper)})${p === null ? '' : `, p ${short(p)}`}`,
    ),
  ].join('\n');
}

function describeCurve(name: string, curve: SurvivalCurve) {
  const median = quantile(curve, 0.5);
  return {
    name,
    n: curve.n,
    events: curve.totalEvents,
    median: median.value,
    medianLower: median.lower,
    medianUpper: median.upper,
    curve: Array.from(curve.time, (time, i) => ({
      time,
      atRisk: curve.atRisk[i]!,
      events: curve.events[i]!,
      survival: curve.survival[i]!,
      standardError: curve.standardError[i] ?? null,
      lower: curve.lower[i] ?? null,
      upper: curve.upper[i] ?? null,
    })),
  };
}
