// Order lines of a whole file, grouped into one document per order (facts §2): exact sums, rounded once; the earliest line's time.
// The outcome does not depend on the order of the lines. An order that cannot be told whole is refused whole.
import { add, type Decimal, roundHalfEven } from './decimal.ts';
import type { ReasonCode } from './events.ts';
import { exponentOf } from './money.ts';

export interface OrderLine {
  order: string;
  customer: string;
  currency: string;
  amount: Decimal;
  /** The time as ISO text, and its instant, ms. */
  time: string;
  at: number;
  channel: string;
  rowNumber: number;
}

/** One order, or one refund document (`minor` positive in both). */
export interface OrderDocument {
  kind: 'placed' | 'refunded';
  order: string;
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

interface Group {
  customer: string;
  currency: string;
  sum: Decimal;
  time: string;
  at: number;
  channel: string;
  rowNumbers: number[];
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

/** @param refundPrefix order ids that begin so are refund documents (Online Retail's 'C536379'); null = there are none. */
export function createGrouper(refundPrefix: string | null): Grouper {
  let groups = new Map<string, Group>();
  let spoilt = new Map<string, { rowNumber: number; reason: ReasonCode }>();
  return {
    add(line) {
      const group = groups.get(line.order);
      if (group === undefined) {
        const { customer, currency, amount, time, at, channel } = line;
        const rowNumbers = [line.rowNumber];
        groups.set(line.order, {
          customer,
          currency,
          sum: amount,
          time,
          at,
          channel,
          rowNumbers,
          otherCustomer: 0,
          otherCurrency: 0,
        });
        return;
      }
      group.sum = add(group.sum, line.amount);
      group.rowNumbers.push(line.rowNumber);
      if (group.customer !== line.customer) group.otherCustomer ||= line.rowNumber;
      if (group.currency !== line.currency) group.otherCurrency ||= line.rowNumber;
      if (isEarlier(line, group)) {
        group.at = line.at;
        group.time = line.time;
        group.channel = line.channel;
      }
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
        yield spoiler === undefined
          ? document(order, group, refundPrefix)
          : refused(
              spoiler.reason === 'missing-customer' ? 'mixed-order' : 'incomplete-order',
              `row ${spoiler.rowNumber} of this order was refused (${spoiler.reason}); the rest is not the whole order`,
              group,
            );
      }
    },
  };
}

function document(order: string, group: Group, refundPrefix: string | null): OrderDocument | RefusedOrder {
  if (group.otherCustomer !== 0)
    return refused(
      'mixed-order',
      `two customers in one order (rows ${group.rowNumbers[0]}, ${group.otherCustomer})`,
      group,
    );
  if (group.otherCurrency !== 0)
    return refused(
      'mixed-order',
      `two currencies in one order (rows ${group.rowNumbers[0]}, ${group.otherCurrency})`,
      group,
    );
  const total = roundHalfEven(group.sum, exponentOf(group.currency) ?? 2);
  if (total === null)
    return refused('bad-amount', 'the sum of the lines is too large: minor units must stay below 2⁵³', group);
  const refund = refundPrefix !== null && order.startsWith(refundPrefix);
  if (refund && total.integer > 0)
    return refused('odd-order', `the number begins with ${refundPrefix}, but its lines sum to more than 0`, group);
  if (!refund && total.integer < 0)
    return refused('odd-order', 'the lines sum to less than 0; refund documents are told by --refund-prefix', group);
  return {
    kind: refund ? 'refunded' : 'placed',
    order,
    customer: group.customer,
    currency: group.currency,
    minor: Math.abs(total.integer),
    rounded: !total.exact,
    time: group.time,
    channel: group.channel,
    rowNumbers: group.rowNumbers,
  };
}

/** Ties by text, so that a shuffled file gives the same document. */
function isEarlier(line: OrderLine, group: Group): boolean {
  if (line.at !== group.at) return line.at < group.at;
  if (line.time !== group.time) return line.time < group.time;
  return line.channel < group.channel;
}

const refused = (reason: ReasonCode, detail: string, group: Group): RefusedOrder => ({
  kind: 'refused',
  reason,
  detail,
  rowNumbers: group.rowNumbers,
});
