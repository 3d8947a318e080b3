// `axiom47 fit aalen-johansen`: how likely is an end by each cause, when one end rules the others out.
import { parseArgs } from 'node:util';
import { fitGroups, type IncidenceCurves, incidenceAt } from '#domain/models/survival/aalen-johansen.ts';
import type { BandType } from '#domain/models/survival/kaplan-meier.ts';
import { logRank } from '#domain/models/survival/log-rank.ts';
import { columnIndex, numberColumn, readTable } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { describeTest } from './fit-kaplan-meier.ts';
import { print, table } from './options.ts';
import { categories, named, numberList, numberOption, oneOf, short, survivalOptions } from './survival-input.ts';

export const aalenJohansenHelp = `axiom47 fit aalen-johansen --data FILE --duration COL --event COL --causes VALUE,VALUE,… [--by COL] [--start COL] [--weights COL]
                [--at TIME,TIME,…] [--ci log-log|log|plain] [--level 0.95] [--json]    any other value of the event column is censored`;

export function aalenJohansen(args: string[], io: Io): number {
  const { values } = parseArgs({
    args,
    options: {
      ...survivalOptions,
      causes: { type: 'string' },
      by: { type: 'string' },
      at: { type: 'string' },
      ci: { type: 'string', default: 'log-log' },
      level: { type: 'string', default: '0.95' },
    },
  });
  const { data, duration, event } = values;
  if (data === undefined || duration === undefined || event === undefined || values.causes === undefined)
    throw new UsageError(
      'fit aalen-johansen needs --data FILE --duration COL --event COL --causes VALUE,VALUE,…; see axiom47 fit --help',
    );
  const band = oneOf<BandType>('--ci', values.ci, ['log-log', 'log', 'plain']);
  const level = numberOption('--level', values.level, 0);
  const rows = readTable(data);
  const causes = values.causes.split(',').map((name) => name.trim());
  const cells = rows.rows.map((row) => row[columnIndex(rows, event)] ?? '');
  checkCauses(`${rows.name}, column ${event}`, causes, cells);
  const cause = Uint32Array.from(cells, (cell) => causes.indexOf(cell) + 1);
  const columns = {
    duration: numberColumn(rows, duration),
    cause,
    entry: values.start === undefined ? undefined : numberColumn(rows, values.start),
    weight: values.weights === undefined ? undefined : numberColumn(rows, values.weights),
  };
  const by = values.by === undefined ? undefined : categories(rows, values.by);
  const names = by?.names ?? ['all'];
  const group = by?.codes ?? new Uint32Array(cells.length);
  const input = { rows, names: { duration, entry: values.start, weight: values.weights, cause: event } };
  const curves = named(input, () => fitGroups(columns, causes.length, group, names.length, { band, level }));
  // The cause-specific hazards, the other causes censored: what drives an end, beside how often it comes about.
  const tests = causes.flatMap((name, k) => {
    const test =
      by && logRank({ ...columns, eventObserved: cause.map((c) => (c === k + 1 ? 1 : 0)) }, group, names.length);
    return test === undefined ? [] : [{ cause: name, ...test }];
  });
  const censored = {
    n: cause.reduce((n, c) => n + (c === 0 ? 1 : 0), 0),
    values: [...new Set(cells.filter((_, i) => cause[i] === 0))].sort(),
  };
  const at = values.at === undefined ? undefined : numberList('--at', values.at);
  const answer = {
    model: 'aalen-johansen',
    ci: band,
    causes,
    censored,
    groups: curves.map((curve, g) => describe(names[g]!, causes, curve)),
    ...(by && { causeSpecificLogRank: tests }),
  };
  print(io, values.json, answer, () =>
    [
      table(
        ['group', 'n', 'time', ...causes, 'none'],
        curves.flatMap((curve, g) =>
          (at ?? Array.from(curve.time.slice(-1))).map((t) => incidenceRow(names[g]!, causes, curve, t)),
        ),
      ),
      `censored: ${censored.n} rows${censored.values.length > 0 ? ` (${event} ${censored.values.slice(0, 5).join(', ')})` : ''}`,
      ...tests.map((test) => `${test.cause}, cause-specific ${describeTest('log-rank', test)}`),
    ].join('\n'),
  );
  return 0;
}

function checkCauses(where: string, causes: string[], cells: string[]): void {
  const there = new Set(cells);
  causes.forEach((name, k) => {
    if (causes.indexOf(name) < k) throw new UsageError(`--causes names ${name} twice`);
    if (!there.has(name)) {
      const some = [...there].sort().slice(0, 8).join(', ');
      throw new UsageError(`${where}: no row is '${name}'; it has ${some}`);
    }
  });
}

function incidenceRow(name: string, causes: string[], curve: IncidenceCurves, t: number) {
  const each = causes.map((_, k) => incidenceAt(curve, k + 1, t));
  const none = Math.max(0, 1 - each.reduce((sum, value) => sum + value, 0));
  return [name, curve.n, short(t), ...each.map(short), short(none)];
}

function describe(name: string, causes: string[], curve: IncidenceCurves) {
  return {
    name,
    n: curve.n,
    events: Object.fromEntries(causes.map((cause, k) => [cause, curve.causes[k]!.totalEvents])),
    curve: Array.from(curve.time, (time, j) => ({
      time,
      atRisk: curve.atRisk[j]!,
      survival: curve.survival[j]!,
      incidence: Object.fromEntries(
        causes.map((cause, k) => {
          const { events, incidence, standardError, lower, upper } = curve.causes[k]!;
          return [
            cause,
            {
              events: events[j]!,
              value: incidence[j]!,
              standardError: standardError[j]!,
              lower: lower[j]!,
              upper: upper[j]!,
            },
          ];
        }),
      ),
    })),
  };
}
