// From the rows of a table to input events: the mapping says which column is what, the importer applies it row by row.
// Every row ends in exactly one place: counted in an event's `lines`, or among the refused with row, column and reason.
import { parseNative } from './adapters/native.ts';
import { isReferenceStack, parseReferenceStack } from './adapters/reference-stack.ts';
import { ZERO } from './decimal.ts';
import type { InputEvent, ParseContext, ReasonCode } from './events.ts';
import { type Cells, createCells, type Imported, type Row } from './import-cells.ts';
import type { ImportMapping } from './import-mapping.ts';
import { createGrouper, type Grouper, type OrderDocument } from './order-lines.ts';
import { attributeOf, spanOf } from './subscription-snapshot.ts';
import { cleanId } from './text.ts';
import { DAY_MS, dayOf, instantOf, parseTimeText } from './time.ts';

export interface Importer {
  /** @param value the parsed line of an NDJSON file, kept as the raw of a refusal; the row itself for kind `event`. */
  row(cells: readonly string[], rowNumber: number, into: Imported, value?: unknown): void;
  /** What only the end of the file can tell: its orders, in pieces of about 5,000 events. */
  finish(): Generator<Imported>;
}

const PIECE = 5000;

/** @param context its `occurrences` made for this file alone: twins are counted within one file (facts §2). */
export function createImporter(mapping: ImportMapping, header: readonly string[], context: ParseContext): Importer {
  const cells = createCells(mapping, header);
  const ctx: ParseContext = { ...context, defaultCurrency: mapping.currency };
  const grouper =
    mapping.kind === 'order' && mapping.order !== null
      ? createGrouper(mapping.refundPrefix, mapping.refundLines)
      : null;
  const read =
    mapping.kind === 'event'
      ? (row: Row) => readEvent(row, cells, ctx)
      : grouper !== null
        ? (row: Row) => readLine(row, cells, grouper, ctx)
        : (row: Row) => readRow(row, cells, mapping, ctx);
  return {
    row: (values, number, into, value) => read({ cells: values, number, into, value }),
    *finish() {
      let into: Imported = { events: [], refused: [] };
      for (const found of grouper?.finish() ?? []) {
        if (found.kind === 'refused') refuseAll(found.rowNumbers, found.reason, found.detail, into);
        else documentEvent(found, cells.hasMoney, mapping.revision, ctx, into);
        if (into.events.length + into.refused.length >= PIECE) {
          yield into;
          into = { events: [], refused: [] };
        }
      }
      if (into.events.length + into.refused.length > 0) yield into;
    },
  };
}

/** A row that is an event by itself (or, for a subscription, its start and its end). */
function readRow(row: Row, cells: Cells, mapping: ImportMapping, ctx: ParseContext): void {
  const { cell, columns } = cells;
  const money = cells.money(row);
  if (money === null) return;
  const take = (type: string, at: string, id: string, data: object, lines: number): InputEvent | null => {
    const native = { type, id, customer_id: cell(row, columns.customer), at, data };
    const parsed = parseNative(native, row.number, ctx);
    if (!parsed.ok) return cells.refuse(row, parsed.reason.reason, parsed.reason.detail);
    parsed.value.producerNumber = row.number;
    parsed.value.lines = lines;
    parsed.value.roundedFloats += lines * money.rounded;
    return parsed.value;
  };
  const push = (...events: (InputEvent | null)[]): void => {
    for (const event of events) if (event !== null) row.into.events.push(event);
  };
  const id = cell(row, columns.id);
  const at = cells.time(row);
  const channel = cell(row, columns.channel);
  const paid = money.minor === null ? {} : { amount_minor: money.minor, currency: money.stated };
  switch (mapping.kind) {
    case 'order':
      if ((money.minor ?? 0) < 0)
        cells.refuse(row, 'bad-amount', 'data.amount is negative; refunds are read with --order and --refund-prefix');
      else push(take('order.placed', at, id, { ...paid, channel, revision: mapping.revision }, 1));
      return;
    case 'activity': {
      const name = columns.name < 0 ? mapping.activity : cell(row, columns.name);
      push(take('activity.recorded', at, id, { name, channel }, 1));
      return;
    }
    case 'identified': {
      const said = cells.traits.map(([name, column]) => [name, cell(row, column)] as const);
      const traits = Object.fromEntries(said.filter(([, text]) => text !== ''));
      push(take('customer.identified', at, id, { traits }, 1));
      return;
    }
    case 'subscription': {
      const data = { ...paid, subscription_id: cell(row, columns.order), plan: cell(row, columns.name), channel };
      const span = spanOfRow(row, cells, mapping);
      if (span === null) return;
      const { start, end } = span;
      const named = (what: string) => (id === '' ? '' : `${id}:${what}`);
      // The end first: a row is taken whole or not at all. Its line is counted once, with the start.
      const ended = end === '' ? null : take('subscription.cancelled', end, named('end'), data, 0);
      if (end !== '' && ended === null) return;
      const started = take('subscription.started', start, named('start'), data, 1);
      if (started === null) return;
      push(started, ended);
      const said = cells.attributes.flatMap(([name, column]) => {
        const value = attributeOf(cell(row, column));
        return value === null ? [] : [[name, value] as const];
      });
      // As it stood on the snapshot's day, else from the start on. Kept in the clear only where the source's policy says so.
      const on = mapping.snapshot?.day ?? start;
      if (said.length > 0)
        push(take('customer.identified', on, named('attributes'), { traits: Object.fromEntries(said) }, 0));
      return;
    }
  }
}

/** When the row's subscription began and, if it did, ended ('' = it runs); null = refused. */
function spanOfRow(row: Row, cells: Cells, { snapshot }: ImportMapping): { start: string; end: string } | null {
  const { cell, columns } = cells;
  if (snapshot === null) return { start: cells.time(row), end: cells.time(row, columns.end) };
  const span = spanOf(snapshot, cell(row, columns.tenure), cell(row, columns.ended));
  return span ?? cells.refuse(row, 'bad-field', `is not a number of ${snapshot.tenureUnit} ≥ 0`, snapshot.tenure);
}

/** A line of an order: judged by itself now, grouped at the end. (null = done, refused or not.) */
function readLine(row: Row, cells: Cells, orders: Grouper, ctx: ParseContext): null {
  const { cell, columns } = cells;
  const order = cleanId(cell(row, columns.order));
  if (order === null) return cells.refuse(row, 'bad-order', 'data.order_id is blank, or holds what cannot be printed');
  const spoil = (reason: ReasonCode): null => {
    orders.spoil(order, row.number, reason);
    return null;
  };
  const refuse = (reason: ReasonCode, why: string): null => spoil(reason) ?? cells.refuse(row, reason, why);
  const written = cell(row, columns.customer);
  if (written === '') return refuse('missing-customer', 'customer_id is blank');
  const customer = cleanId(written);
  if (customer === null)
    return refuse('bad-customer', 'customer_id is longer than 256 characters or not printable UTF-8');
  const time = cells.time(row);
  if (time === '') return refuse('missing-time', 'at is blank');
  const moment = parseTimeText(time);
  if (!moment.ok) return refuse('bad-time', `at ${moment.reason}`);
  const amount = cells.hasMoney ? cells.amount(row) : ZERO;
  if (amount === null) return spoil('bad-amount');
  const currency = cells.currency(row);
  if (currency === null) return spoil('bad-currency');
  const at = instantOf(moment.value, ctx.zoneOffsets);
  orders.add({
    order,
    customer,
    currency,
    amount,
    time,
    at,
    day: moment.value.kind === 'date' ? Math.floor(at / DAY_MS) : dayOf(at, ctx.zoneOffsets),
    channel: cell(row, columns.channel),
    rowNumber: row.number,
  });
  return null;
}

function documentEvent(
  found: OrderDocument,
  hasMoney: boolean,
  revision: number,
  ctx: ParseContext,
  into: Imported,
): void {
  const own =
    found.kind === 'placed' ? { order_id: found.order } : { refund_id: found.order, order_id: found.refunds ?? '' };
  const money = hasMoney ? { amount_minor: found.minor, currency: found.currency } : {};
  const data = { ...own, ...money, channel: found.channel, revision };
  const native = { type: `order.${found.kind}`, customer_id: found.customer, at: found.time, data };
  const parsed = parseNative(native, found.rowNumbers[0]!, ctx);
  if (parsed.ok) {
    parsed.value.producerNumber = found.rowNumbers[0]!;
    parsed.value.lines = found.rowNumbers.length;
    parsed.value.roundedFloats += found.rounded ? 1 : 0;
    into.events.push(parsed.value);
  } else refuseAll(found.rowNumbers, parsed.reason.reason, parsed.reason.detail, into);
}

function refuseAll(rowNumbers: number[], reason: ReasonCode, why: string, into: Imported): void {
  for (const rowNumber of rowNumbers)
    into.refused.push({ rowNumber, reason, detail: `row ${rowNumber}: ${why}`, raw: null, rows: 1 });
}

function readEvent(row: Row, cells: Cells, ctx: ParseContext): void {
  const value = row.value ?? cells.asObject(row.cells);
  const parse = isReferenceStack(value) ? parseReferenceStack : parseNative;
  const parsed = parse(value, row.number, ctx);
  if (parsed.ok) {
    parsed.value.producerNumber = row.number;
    row.into.events.push(parsed.value);
  } else cells.refuse(row, parsed.reason.reason, parsed.reason.detail);
}
