// Order lines of a whole file, grouped into one document per order (facts §2): exact sums, rounded once; the earliest line's time.
// What a later day gave back is a refund document of that day: netted, it would lower the order before it happened (facts §4, §6).
// The outcome does not depend on the order of the lines. An order that cannot be told whole is refused whole.
import { add, type Decimal, roundHalfEven } from './decimal.ts';
import type { ReasonCode } from './events.ts';
import { exponentOf } from './money.ts';
import { DAY_MS } from './time.ts';

export interface OrderLine {
  order: string;
  customer: string;
  currency: string;
  amount: Decimal;
  /** The time as ISO text, and its instant, ms. */
  time: string;
  at: number;
  /** Local day, days since 1970 (facts §3). */
  day: number;
  channel: string;
  rowNumber: number;
}

/** One order, or one refund document (`minor` positive in both). */
export interface OrderDocument {
  kind: 'placed' | 'refunded';
  order: string;
  /** The order a refund document names; null = it names none. */
  refunds: string | null;
  customer: string;
  currency: string;
  minor: number;
  /** Something was rounded away when the exact sum became minor units. */
  rounded: boolean;
  time: string;
  channel: string;
  /** Of its lines, in file order. */
  rowNumbers: number[];
}

export interface RefusedOrder {
  kind: 'refused';
  reason: ReasonCode;
  detail: string;
  rowNumbers: number[];
}

/** Lines of one order taken together. */
interface Part {
  day: number;
  sum: Decimal;
  time: string;
  at: number;
  channel: string;
  rowNumbers: number[];
}

interface Group {
  customer: string;
  currency: string;
  /** The lines of each day, in the order of first appearance; nearly always one. */
  days: Part[];
  /** Row that names another customer or currency than the first did; 0 = none. */
  otherCustomer: number;
  otherCurrency: number;
}

export interface Grouper {
  add(line: OrderLine): void;
  /** A line of this order was refused by itself: the order is incomplete, and its other lines must not pass for the whole. */
  spoil(order: string, rowNumber: number, reason: ReasonCode): void;
  /** Every order once, in the order of first appearance; the grouper is empty afterwards. */
  finish(): Generator<OrderDocument | RefusedOrder>;
}

/**
 * @param refundPrefix order ids that begin so are refund documents (Online Retail's 'C536379'); null = there are none.
 * @param refundLines lines of a later day than the order's first that sum to less than 0 are a refund document; false = they are netted.
 */
export function createGrouper(refundPrefix: string | null, refundLines = false): Grouper {
  let groups = new Map<string, Group>();
  let spoilt = new Map<string, { rowNumber: number; reason: ReasonCode }>();
  return {
    add(line) {
      const group = groups.get(line.order);
      if (group === undefined) {
        const { customer, currency } = line;
        groups.set(line.order, { customer, currency, days: [partOf(line)], otherCustomer: 0, otherCurrency: 0 });
        return;
      }
      if (group.customer !== line.customer) group.otherCustomer ||= line.rowNumber;
      if (group.currency !== line.currency) group.otherCurrency ||= line.rowNumber;
      const part = group.days.find((each) => each.day === line.day);
      if (part === undefined) group.days.push(partOf(line));
      else join(part, partOf(line));
    },
    spoil(order, rowNumber, reason) {
      if (!spoilt.has(order)) spoilt.set(order, { rowNumber, reason });
    },
    *finish() {
      const [all, broken] = [groups, spoilt];
      groups = new Map();
      spoilt = new Map();
      for (const [order, group] of all) {
        const spoiler = broken.get(order);
        if (spoiler === undefined) yield* documents(order, group, refundPrefix, refundLines);
        else
          yield refused(
            spoiler.reason === 'missing-customer' ? 'mixed-order' : 'incomplete-order',
            `row ${spoiler.rowNumber} of this order was refused (${spoiler.reason}); the rest is not the whole order`,
            group,
          );
      }
    },
  };
}

function documents(
  order: string,
  group: Group,
  refundPrefix: string | null,
  refundLines: boolean,
): (OrderDocument | RefusedOrder)[] {
  const rows = rowsOf(group);
  if (group.otherCustomer !== 0)
    return [refused('mixed-order', `two customers in one order (rows ${rows[0]}, ${group.otherCustomer})`, group)];
  if (group.otherCurrency !== 0)
    return [refused('mixed-order', `two currencies in one order (rows ${rows[0]}, ${group.otherCurrency})`, group)];
  const prefixed = refundPrefix !== null && order.startsWith(refundPrefix);
  const first = Math.min(...group.days.map((part) => part.day));
  const isRefund = (part: Part): boolean => refundLines && !prefixed && part.day > first && part.sum.units < 0;
  const own = merged(group.days.filter((part) => !isRefund(part)));
  const found: OrderDocument[] = [];
  for (const part of [own, ...group.days.filter(isRefund).sort((a, b) => a.day - b.day)]) {
    const total = roundHalfEven(part.sum, exponentOf(group.currency) ?? 2);
    if (total === null)
      return [refused('bad-amount', 'the sum of the lines is too large: minor units must stay below 2⁵³', group)];
    if (prefixed && total.integer > 0)
      return [refused('odd-order', `the number begins with ${refundPrefix}, but its lines sum to more than 0`, group)];
    if (part === own && !prefixed && total.integer < 0)
      return [
        refused('odd-order', 'the lines sum to less than 0; refund documents are told by --refund-prefix', group),
      ];
    const later = part !== own;
    found.push({
      kind: prefixed || later ? 'refunded' : 'placed',
      // One document a day, so that an export that goes on later brings the later days' documents and repeats the earlier ones.
      order: later ? `${order}@${new Date(part.day * DAY_MS).toISOString().slice(0, 10)}` : order,
      refunds: later ? order : null,
      customer: group.customer,
      currency: group.currency,
      minor: Math.abs(total.integer),
      rounded: !total.exact,
      time: part.time,
      channel: part.channel,
      rowNumbers: part.rowNumbers,
    });
  }
  return found;
}

const partOf = ({ day, amount, time, at, channel, rowNumber }: OrderLine): Part => ({
  day,
  sum: amount,
  time,
  at,
  channel,
  rowNumbers: [rowNumber],
});

/** Takes `other` into `part`: the sum of both, the time of the earlier. */
function join(part: Part, other: Part): void {
  part.sum = add(part.sum, other.sum);
  for (const row of other.rowNumbers) part.rowNumbers.push(row);
  if (!isEarlier(other, part)) return;
  part.day = other.day;
  part.at = other.at;
  part.time = other.time;
  part.channel = other.channel;
}

function merged(parts: Part[]): Part {
  if (parts.length === 1) return parts[0]!;
  // A part of its own: a refusal still names the rows of each.
  const whole = { ...parts[0]!, rowNumbers: [...parts[0]!.rowNumbers] };
  for (const part of parts.slice(1)) join(whole, part);
  whole.rowNumbers.sort((a, b) => a - b);
  return whole;
}

const rowsOf = (group: Group): number[] => group.days.flatMap((part) => part.rowNumbers).sort((a, b) => a - b);

/** Ties by text, so that a shuffled file gives the same document. */
function isEarlier(line: Part, than: Part): boolean {
  if (line.at !== than.at) return line.at < than.at;
  if (line.time !== than.time) return line.time < than.time;
  return line.channel < than.channel;
}

const refused = (reason: ReasonCode, detail: string, group: Group): RefusedOrder => ({
  kind: 'refused',
  reason,
  detail,
  rowNumbers: rowsOf(group),
});
