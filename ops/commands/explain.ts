// `axiom47 explain`: what a logistic model leans on, why one row scores as it does, and what would take it across a band; without a server.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { explainLogistic } from '#domain/models/explanation/contributions.ts';
import { logisticImportance } from '#domain/models/explanation/logistic-importance.ts';
import { partialDependence } from '#domain/models/explanation/partial-dependence.ts';
import { type Actionable, type Goal, smallestLogisticChange } from '#domain/models/explanation/smallest-change.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, parseLogisticModel, scoreColumns } from '#domain/models/logistic-model.ts';
import { cellError, columnIndex, labelColumn, readTable, type Table, textColumn } from '../table.ts';
import { type Command, UsageError } from './command.ts';
import { numberOption } from './evaluate-input.ts';
import { print, table as textTable } from './options.ts';

export const explain: Command = {
  name: 'explain',
  summary: 'what a logistic model leans on, why a row scores as it does, and the cheapest change across a band',
  help: `axiom47 explain --params FILE --data FILE --label COL[=VALUE] [--json]
axiom47 explain --params FILE --data FILE --feature COL [--json]
axiom47 explain --params FILE --data FILE --row N | --id COL=VALUE [--against N]
                [--below P | --above P --change COL=LOW..HIGH[/STEP] | --change COL=LEVEL,LEVEL … [--cost COL=C …]] [--json]

--params is what \`axiom47 fit logistic --json\` prints. One or more of:

  --label    permutation importance of each column, Brier score and log loss: the expectation over all permutations, so without noise
  --feature  partial dependence on a column: the mean prediction with every row at each of its values, and the middle 80 % of rows
  --row      contributions of each column to the log-odds of row N (from 1), against the population mean or row --against; they add up
  --below, --above  the cheapest change of that row across P; --change says what may change: a number within bounds (in steps), or levels.
             A unit of a number costs 1/standard deviation and another level 1, or --cost

A change speaks about the model, not the world: changing a column need not change what the customer does.

Example:
  axiom47 explain --params model.json --data churn.csv --row 17 --below 0.35 --change support_tickets=0..9/1 --change contract=yearly,biennial`,

  async run(argv, io) {
    const { values } = parseArgs({
      args: argv,
      options: {
        params: { type: 'string' },
        data: { type: 'string' },
        label: { type: 'string' },
        feature: { type: 'string' },
        row: { type: 'string' },
        id: { type: 'string' },
        against: { type: 'string' },
        below: { type: 'string' },
        above: { type: 'string' },
        change: { type: 'string', multiple: true, default: [] },
        cost: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
      },
    });
    const { params, data, label, feature } = values;
    if (params === undefined || data === undefined)
      throw new UsageError('explain needs --params FILE and --data FILE; see axiom47 explain --help');
    const wantsRow = values.row !== undefined || values.id !== undefined;
    if (label === undefined && feature === undefined && !wantsRow)
      throw new UsageError('explain needs --label COL, --feature COL, or --row N; see axiom47 explain --help');
    const model = readModel(params);
    const file = readTable(data);
    const columns: FeatureTable = new Map(model.encoding.map(({ column }) => [column, textColumn(file, column)]));
    const answer = {
      ...(label !== undefined && importanceOf(model, file, columns, label)),
      ...(feature !== undefined && { dependence: dependenceOf(model, file, columns, feature) }),
      ...(wantsRow && rowOf(model, file, columns, values)),
    };
    print(io, values.json, answer, () => describe(answer).join('\n'));
    return 0;
  },
};

function readModel(path: string): LogisticArtefact {
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `--params ${path}: ${(error as Error).message}; give what \`axiom47 fit logistic --json\` prints`,
    );
  }
  const model = parseLogisticModel(file);
  if (!model.ok) throw new UsageError(`--params ${path}: ${model.reason}`);
  return model.value;
}

function scored(model: LogisticArtefact, file: Table, columns: FeatureTable): Float64Array {
  const answer = scoreColumns(model, columns);
  if (!answer.ok) throw cellError(file, answer.reason.row, answer.reason.column, answer.reason.message);
  return answer.value.probability;
}

function importanceOf(model: LogisticArtefact, file: Table, columns: FeatureTable, told: string) {
  scored(model, file, columns);
  const label = labelColumn(file, told);
  const [brier, logLoss] = (['brier', 'log-loss'] as const).map((loss) =>
    logisticImportance(model, columns, label, { loss }),
  );
  return {
    brier: brier!.loss,
    logLoss: logLoss!.loss,
    importance: brier!.importances
      .map(({ feature, importance, exact }, i) => ({
        feature,
        brier: importance,
        logLoss: logLoss!.importances[i]!.importance,
        exact: exact && logLoss!.importances[i]!.exact,
      }))
      .sort((a, b) => b.logLoss - a.logLoss),
  };
}

function dependenceOf(model: LogisticArtefact, file: Table, columns: FeatureTable, name: string) {
  const encoding = model.encoding.find(({ column }) => column === name);
  if (encoding === undefined)
    throw new UsageError(
      `the model has no column '${name}'; it has ${model.encoding.map(({ column }) => column).join(', ')}`,
    );
  scored(model, file, columns);
  const cells = columns.get(name) as readonly string[];
  const numbers = (text: readonly string[]) =>
    Float64Array.from(text, (cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
  const typed = encoding.kind === 'numeric' ? new Map([...columns, [name, numbers(cells)]]) : columns;
  const { feature, grid, mean, lower, upper } = partialDependence((table) => scored(model, file, table), typed, name);
  return { feature, curve: grid.map((value, i) => ({ value, mean: mean[i]!, lower: lower[i]!, upper: upper[i]! })) };
}

interface RowOptions {
  row?: string | undefined;
  id?: string | undefined;
  against?: string | undefined;
  below?: string | undefined;
  above?: string | undefined;
  change: string[];
  cost: string[];
}

function rowOf(model: LogisticArtefact, file: Table, columns: FeatureTable, told: RowOptions) {
  const at = told.id === undefined ? rowNumber(file, '--row', told.row!) : rowOfId(file, told.id);
  const cells = (row: number) => Object.fromEntries(Array.from(columns, ([name, column]) => [name, column[row]!]));
  const other = told.against === undefined ? undefined : cells(rowNumber(file, '--against', told.against));
  const explained = explainLogistic(model, cells(at), other);
  if (!explained.ok) throw cellError(file, at, explained.reason.column, explained.reason.message);
  const answer = { row: at + 1, ...explained.value };
  const goal = goalOf(told);
  if (goal === undefined) return answer;
  try {
    const found = smallestLogisticChange(model, cells(at), goal, actionableOf(told));
    return { ...answer, goal, change: found.ok ? found.value : null, refused: found.ok ? null : found.reason };
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--change: ${error.message}`);
    throw error;
  }
}

function rowNumber(file: Table, option: string, text: string): number {
  const row = numberOption(option, text);
  if (!(Number.isInteger(row) && row >= 1 && row <= file.rows.length))
    throw new UsageError(`${option} ${text}: ${file.name} has rows 1 to ${file.rows.length}`);
  return row - 1;
}

function rowOfId(file: Table, told: string): number {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(told) ?? [];
  if (name === undefined) throw new UsageError(`--id ${told} is not COL=VALUE such as customer_id=K0017`);
  const index = columnIndex(file, name);
  const at = file.rows.findIndex((row) => row[index] === value);
  if (at < 0) throw new UsageError(`${file.name}, column ${name}: no row is '${value}'`);
  return at;
}

function goalOf({ below, above, change, cost }: RowOptions): Goal | undefined {
  if (below === undefined && above === undefined) {
    if (change.length > 0 || cost.length > 0)
      throw new UsageError('--change and --cost go with --below P or --above P');
    return undefined;
  }
  if (below !== undefined && above !== undefined) throw new UsageError('either --below or --above, not both');
  const [option, text] = below === undefined ? ['--above', above!] : ['--below', below];
  const probability = numberOption(option, text);
  if (!(probability > 0 && probability < 1)) throw new UsageError(`${option} ${text} is not between 0 and 1`);
  if (change.length === 0)
    throw new UsageError(`${option} needs --change COL=LOW..HIGH or --change COL=LEVEL,LEVEL: what may change`);
  return { side: below === undefined ? 'above' : 'below', probability };
}

/** `tenure=0..72`, `tickets=0..9/1`, `contract=yearly,biennial`. */
function actionableOf({ change, cost }: RowOptions): Actionable[] {
  const parts = (option: string, text: string): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${option} ${text} is not COL=…`);
    return [text.slice(0, at), text.slice(at + 1)];
  };
  const costs = new Map(
    cost.map((text) => parts('--cost', text)).map(([name, value]) => [name, numberOption('--cost', value)]),
  );
  return change.map((text): Actionable => {
    const [feature, range] = parts('--change', text);
    const own = costs.get(feature);
    const priced = own === undefined ? {} : { cost: own };
    const bounds = /^(.+?)\.\.(.+?)(?:\/(.+))?$/.exec(range);
    if (bounds === null) return { feature, levels: range.split(',').map((level) => level.trim()), ...priced };
    const [lower, upper, step] = bounds
      .slice(1)
      .map((part) => (part === undefined ? undefined : numberOption('--change', part)));
    return { feature, lower: lower!, upper: upper!, ...(step !== undefined && { step }), ...priced };
  });
}

type Answer = Partial<ReturnType<typeof importanceOf>> & {
  dependence?: ReturnType<typeof dependenceOf>;
} & Partial<ReturnType<typeof rowOf>>;

function describe(answer: Answer): string[] {
  const lines: string[] = [];
  const short = (value: number) => Number(value.toPrecision(4));
  if (answer.importance)
    lines.push(
      `loss as it is: Brier ${short(answer.brier!)}, log loss ${short(answer.logLoss!)}; more when a column is dealt out at random:`,
      textTable(
        ['column', 'log loss', 'Brier'],
        answer.importance.map(({ feature, logLoss, brier }) => [feature, short(logLoss), short(brier)]),
      ),
    );
  if (answer.dependence)
    lines.push(
      `mean prediction by ${answer.dependence.feature}`,
      textTable(
        ['value', 'mean', '10 % of rows under', '90 % under'],
        answer.dependence.curve.map(({ value, mean, lower, upper }) => [
          value,
          short(mean),
          short(lower),
          short(upper),
        ]),
      ),
    );
  if (answer.contributions)
    lines.push(
      `row ${answer.row}: probability ${short(answer.probability!)}, ${answer.scale} ${short(answer.score!)}; ${answer.against} ${short(answer.reference!)}`,
      textTable(
        ['column', 'adds'],
        answer.contributions.map(({ feature, amount }) => [feature, short(amount)]),
      ),
    );
  if ('goal' in answer) lines.push(describeChange(answer as Required<Answer>));
  return lines;
}

function describeChange(answer: ReturnType<typeof rowOf>): string {
  if (!('goal' in answer)) return '';
  const { goal, change, refused } = answer;
  const edge = `${goal.side} ${goal.probability}`;
  if (change === null) return `not ${edge}: ${refused!.message}`;
  if (change.changes.length === 0) return `it is ${edge} already`;
  const parts = change.changes.map(
    ({ feature, from, to }) => `${feature} ${from} → ${typeof to === 'number' ? Number(to.toPrecision(6)) : to}`,
  );
  return `${edge} (${change.probability.toPrecision(4)}) by ${parts.join(', ')}; cost ${change.cost.toPrecision(4)}`;
}
