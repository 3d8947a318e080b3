// `axiom47 rfm`: transactions → one row per customer, without a server.
import { parseArgs } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import type { TimeUnit } from '#domain/models/fit.ts';
import { totals } from '#domain/models/rfm.ts';
import { readTransactions } from '../summary-input.ts';
import { type Command, UsageError } from './command.ts';

export const rfm: Command = {
  name: 'rfm',
  summary: 'summarise transactions: frequency, recency, T and mean repeat spend per customer',
  help: `axiom47 rfm --data FILE [--customer COL] [--time COL] [--amount COL] [--date-order dmy|mdy] [--decimal point|comma]
            [--unit week|day] [--grain day|week] [--until DATE] [--json]

One row per customer in the order of first appearance: frequency (repeat purchases), recency (age at the last one), T (age at --until) and
the mean money of the repeat purchases. Orders of one customer on one day (--grain week: in one Monday-to-Sunday week) are one purchase.

  --customer, --time, --amount  columns; guessed as \`axiom47 import\` does when not told
  --date-order, --decimal       how dates and decimals are written; guessed when the file itself tells
  --unit    unit of recency and T (week)          --grain  what counts as one purchase (day)
  --until   last day that counts (the last one in the file)
  --json    one document {n, unit, totals, rows}; without it, CSV that \`axiom47 fit --data\` reads

Example:
  axiom47 rfm --data orders.csv --customer customer_id --time date --amount amount --until 1997-09-30 > summary.csv`,

  async run(argv, io) {
    const { values } = parseArgs({
      args: argv,
      options: {
        data: { type: 'string' },
        customer: { type: 'string' },
        time: { type: 'string' },
        amount: { type: 'string' },
        'date-order': { type: 'string' },
        decimal: { type: 'string' },
        unit: { type: 'string', default: 'week' },
        grain: { type: 'string', default: 'day' },
        until: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    if (values.data === undefined) throw new UsageError('rfm needs --data FILE; see axiom47 rfm --help');
    const unit = timeUnit('--unit', values.unit);
    const summary = readTransactions(values.data, { ...values, unit, grain: timeUnit('--grain', values.grain) });
    const rows = summary.ids.map((id, i) => ({
      id,
      frequency: summary.frequency[i]!,
      recency: summary.recency[i]!,
      T: summary.T[i]!,
      monetaryValue: summary.hasMoney ? summary.monetaryValue[i]! : null,
    }));
    if (values.json) io.stdout(`${JSON.stringify({ n: rows.length, unit, totals: totals(summary), rows })}\n`);
    else io.stdout(stringify(rows, { header: true }));
    return 0;
  },
};

export function timeUnit(option: string, value: string): TimeUnit {
  if (value === 'week' || value === 'day') return value;
  throw new UsageError(`${option} must be week or day, not '${value}'`);
}
