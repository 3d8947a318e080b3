// Two digests of a state, each Σ SHA-256(canonical row) mod 2^128 (facts §5): a sum, so rows may come in any order and one
// changed customer is one subtraction and one addition. The hash function arrives as an argument; the domain knows no crypto.
import { type CustomerEntries, compareMinor, compareText } from './ledger.ts';

/** SHA-256 of a UTF-8 text, as 64 hex digits. */
export type Sha256Hex = (text: string) => string;

/**
 * One customer within one log: by sid, order keys and revisions included. The row of an erased customer is [sid, "erased"]. Channels are not in it: it is
 * compared with what earlier versions wrote down, which did not know them (backups, the golden log; ADR 0019).
 */
export function stateRow(c: CustomerEntries): string {
  if (c.erased) return JSON.stringify([c.sid, 'erased']);
  return JSON.stringify([
    c.sid,
    c.linked,
    c.orders.map((o) => [o.day, o.key, o.minor, o.currency, o.revision]),
    c.refunds.map((r) => [r.day, r.key, r.orderKey ?? 0, r.minor, r.currency, r.revision]),
    c.activities.map((a) => [a.day, a.kind, a.count]),
    c.subscriptions.map((s) => [s.day, s.key, s.step, s.plan, s.minor, s.currency, s.revision]),
    c.consents.map((n) => [n.purpose, n.granted, n.at]),
    ...attributesOf(c),
  ]);
}

/** Nothing for a customer without any, as it was before there were attributes. */
const attributesOf = ({ attributes }: CustomerEntries) =>
  attributes.length === 0 ? [] : [attributes.map((a) => [a.name, a.day, a.at, a.value])];

/**
 * One customer across workspaces: by raw customer id, entries without sid, hash or position, sorted by content.
 * Null for an erased customer and for one without entries: neither says anything that another workspace could know.
 */
export function portableRow(customerId: string, c: CustomerEntries): string | null {
  const entries = [
    c.orders.map(money).sort(byMoney),
    c.refunds.map(money).sort(byMoney),
    c.activities.map((a) => [a.day, a.kind, a.count]),
    c.subscriptions.map((s) => [s.day, s.step, s.plan, s.minor, s.currency]).sort(byText),
    c.consents.map((n) => [n.purpose, n.granted, n.at]),
    ...attributesOf(c),
  ];
  if (c.erased || entries.every((list) => list.length === 0)) return null;
  return JSON.stringify([customerId, ...entries]);
}

type MoneyRow = [number, number | null, string | null];
const money = (e: { day: number; minor: number | null; currency: string | null }): MoneyRow => [
  e.day,
  e.minor,
  e.currency,
];
const byMoney = (a: MoneyRow, b: MoneyRow): number =>
  a[0] - b[0] || compareMinor(a[1], b[1]) || compareText(a[2] ?? '', b[2] ?? '');
const byText = (a: unknown[], b: unknown[]): number => compareText(JSON.stringify(a), JSON.stringify(b));

const MODULUS = 1n << 128n;

/** A row's term: its SHA-256 as a big-endian number, mod 2^128. */
export const digestTerm = (row: string, sha256: Sha256Hex): bigint => BigInt(`0x${sha256(row).slice(32)}`);

export const addTerms = (a: bigint, b: bigint): bigint => (a + b) % MODULUS;
export const subtractTerms = (a: bigint, b: bigint): bigint => (a - b + MODULUS) % MODULUS;
export const digestHex = (sum: bigint): string => sum.toString(16).padStart(32, '0');

export function digestOf(rows: Iterable<string | null>, sha256: Sha256Hex): string {
  let sum = 0n;
  for (const row of rows) if (row !== null) sum = addTerms(sum, digestTerm(row, sha256));
  return digestHex(sum);
}
