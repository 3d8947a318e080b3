// What models may know of a customer: the catalogue of features, one of them with its values over the base, and the check of a set.
import type { FeatureReport, FeatureStatistics } from '#processors/evaluation/feature-report.ts';
import { dataDirOf, withServer } from '../client.ts';
import { doJob } from '../jobs/watch.ts';
import { type Command, UsageError } from './command.ts';
import { isDay, parseCommand, print, table } from './options.ts';

interface Feature {
  name: string;
  version: number;
  group: string;
  dtype: string;
  unit: string;
  owner: string;
  docs: string;
  range: (number | null)[];
  nulls: string;
  current: boolean;
  used_by: string[];
}
interface Catalogue {
  set: { name: string; version: number };
  sets: { name: string; version: number; features: string[] }[];
  items: Feature[];
}

export const features: Command = {
  name: 'features',
  summary: 'what models may know of a customer: list, show one, check a set over the base',
  help: `
axiom47 features [list] [--json]
axiom47 features show NAME[@VERSION]
axiom47 features check [--set N] [--at DATE]         DATE: today at the latest

Each feature is a pure function of what the log holds of a customer up to a day; it has a version, and a model reads the versions it was trained on
for ever. check computes a set for the base (50,000 customers at most) and holds it against its definitions: how often a feature is unknown, values
out of range, values where none may be missing, rows that move with the future. Exit code 2 when something was found. No single customer shows in it:
least and most leave out nine at each end, and what fewer than ten have is counted with others.

Example: axiom47 features show purchase_trend
Example: axiom47 features check --at 2026-01-31
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { set: { type: 'string' }, at: { type: 'string' } });
    const [verb = 'list', name, ...more] = positionals;
    if (!['list', 'show', 'check'].includes(verb) || more.length > 0 || (verb === 'show') !== (name !== undefined))
      throw new UsageError('features, features show NAME, or features check');
    if (values.at !== undefined && !isDay(values.at)) throw new UsageError(`--at ${values.at}: a day as YYYY-MM-DD`);
    const set = values.set?.replace(/^customer@/, '');
    if (set !== undefined && !/^\d{1,6}$/.test(set)) throw new UsageError(`--set ${values.set}: a version, e.g. 2`);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'show') {
        const path = `/api/features/${encodeURIComponent(name!)}`;
        const found = await client.call<Feature & { versions: Feature[]; statistics: FeatureStatistics | null }>(
          'GET',
          path,
        );
        print(io, values.json, found, () => described(found, found.statistics));
        return 0;
      }
      if (verb === 'check') {
        const body = {
          ...(set !== undefined && { set: Number(set) }),
          ...(values.at !== undefined && { as_of: values.at }),
        };
        const ended = await doJob<FeatureReport>(client, 'check-features', body, io);
        if (ended.result === null) return ended.code;
        const { result } = ended;
        print(io, values.json, result, () => reported(result));
        return result.findings.length === 0 ? 0 : 2;
      }
      const all = await client.call<Catalogue>('GET', '/api/features');
      print(io, values.json, all, () => listed(all));
      return 0;
    });
  },
};

const rangeOf = ({ dtype, range: [least, most] }: Feature): string =>
  dtype === 'text' || (least === null && most === null) ? 'any' : `${least ?? '…'} to ${most ?? '…'}`;

const listed = ({ set, sets, items }: Catalogue): string =>
  [
    table(
      ['feature', 'sets', 'group', 'unit', 'range', 'what it is', 'read by'],
      items.map((each) => {
        const pin = `${each.name}@${each.version}`;
        const holding = sets.filter(({ features: held }) => held.includes(pin)).map(({ version }) => version);
        return [pin, holding.join(', '), each.group, each.unit, rangeOf(each), each.docs, each.used_by.join(', ')];
      }),
    ),
    `trainings read ${set.name}@${set.version} unless told otherwise (--features); attributes of a source follow as attribute:NAME`,
  ].join('\n');

const short = (value: number | null): string => (value === null ? '–' : String(Number(value.toPrecision(5))));

function described(feature: Feature & { versions: Feature[] }, statistics: FeatureStatistics | null): string {
  const lines = [
    `${feature.name}@${feature.version} (${feature.group}, ${feature.unit}, ${rangeOf(feature)}; owner ${feature.owner})`,
    feature.docs,
    `not known: ${feature.nulls}`,
    ...(feature.used_by.length > 0 ? [`read by ${feature.used_by.join(', ')}`] : []),
    ...feature.versions
      .filter(({ version }) => version !== feature.version)
      .map(({ version, docs }) => `@${version}: ${docs}`),
  ];
  if (statistics === null) return [...lines, 'over the base: `axiom47 features check` looks'].join('\n');
  const { n, nullRate, min, max, mean, histogram, levels } = statistics;
  const most = Math.max(1, ...(histogram ?? levels ?? []).map(({ count }) => count));
  const bar = (count: number) => '█'.repeat(Math.round((40 * count) / most));
  return [
    ...lines,
    `${n.toLocaleString('en-US')} customers, ${(100 * nullRate).toFixed(1)} % not known${min === null ? '' : `, ${short(min)} to ${short(max)}, mean ${short(mean)}`}`,
    table(
      ['value', 'customers', ''],
      histogram
        ? histogram.map(({ from, to, count }) => [
            from === to ? short(from) : `${short(from)} – ${short(to)}`,
            count,
            bar(count),
          ])
        : (levels ?? []).map(({ level, count }) => [level, count, bar(count)]),
    ),
  ].join('\n');
}

function reported({ set, asOf, customers, sampled, leakage, features: found, findings }: FeatureReport): string {
  return [
    table(
      ['feature', 'not known', 'least', 'mean', 'most', 'out of range'],
      found.map((each) => [
        `${each.name}@${each.version}`,
        `${(100 * each.nullRate).toFixed(1)} %`,
        short(each.min),
        short(each.mean),
        short(each.max),
        each.outOfRange,
      ]),
    ),
    `${set.name}@${set.version} on ${asOf.at}: ${sampled.toLocaleString('en-US')} of ${customers.toLocaleString('en-US')} customers; leakage: ${leakage.checked} rows computed again with another future, ${leakage.differing} differ`,
    ...(findings.length === 0
      ? ['nothing found']
      : findings.map(({ feature, message }) => `FOUND ${feature ?? ''} ${message}`)),
  ].join('\n');
}
