// What makes two messages the same order (facts §2): key material, occurrences of rows without ids, grouping of lines.
import type { InputEvent } from './events.ts';

/** Counts how often a canonical row has come in this batch: the k-th twin gets key 'row#k', so genuine twins survive. */
export type Occurrences = Map<string, number>;
export const createOccurrences = (): Occurrences => new Map();

export function rowKey(row: string, occurrences: Occurrences): string {
  const k = (occurrences.get(row) ?? 0) + 1;
  occurrences.set(row, k);
  return `${row}#${k}`;
}

/**
 * The text whose keyed hash is the order key. Orders, refund documents and subscriptions have key spaces of their own,
 * so a refund numbered like an order is not that order.
 */
export function orderKeyMaterial(event: InputEvent, namespace: string): string {
  if (event.orderId !== null) return `${ORDER_SPACE[event.type] ?? 'o'}\0${namespace}\0${event.orderId}`;
  if (event.id !== null) return `e\0${namespace}\0${event.id}`;
  return `r\0${namespace}\0${event.rowKey ?? ''}`;
}

/** The order a refund names: the same text as that order's own key. */
export const refundedOrderKeyMaterial = (orderId: string, namespace: string): string => `o\0${namespace}\0${orderId}`;

/** The text whose keyed hash is the event's identity (activities are recognised by it; orders by their order key). */
export const eventKeyMaterial = (event: InputEvent, namespace: string): string =>
  event.id !== null ? `i\0${namespace}\0${event.id}` : `${event.type}\0${orderKeyMaterial(event, namespace)}`;

const ORDER_SPACE: { [type: string]: string } = {
  'order.placed': 'o',
  'order.refunded': 'f',
  'subscription.started': 's',
  'subscription.renewed': 's',
  'subscription.cancelled': 's',
};

/**
 * The mapped fields after parsing, before any clock correction: what a row without ids is recognised by.
 * A currency that only the source's default supplied is no field of the row: the same file read again as USD instead of EUR is the same
 * orders, amended or in conflict, never twice the revenue.
 * @param time `timeText(written)`. @param stated the currency the row itself says, '' = none.
 * @param extra further fields of the row, whatever the policy keeps of them.
 */
export const canonicalRow = (event: InputEvent, time: string, stated: string, extra?: unknown): string =>
  [
    event.type,
    event.anonymous ? 'anonymous' : '',
    event.customerId,
    time,
    event.minor ?? '',
    stated,
    event.channel ?? '',
    event.name ?? '',
    event.refundedOrderId ?? '',
    event.linkAnonymousId ?? '',
    extra === undefined || extra === null ? '' : stableText(extra, 0),
  ].join('\u001f');

/** JSON with sorted keys, so that the order a publisher writes fields in is no difference. Beyond 32 levels only '…'. */
function stableText(value: unknown, depth: number): string {
  if (depth > 32) return '"…"';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map((item) => stableText(item, depth + 1)).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${stableText(item, depth + 1)}`).join(',')}}`;
}
