// The ledger's rules once more, by sorting and scanning plain objects (facts: "a fold written independently, ≤ 60 lines").
// It shares no code with domain/ or projections/: agreement of the two is the test.
import { createHash } from 'node:crypto';

export interface PlainEvent {
  kind: 'order' | 'refund';
  customer: string;
  key: string;
  day: number;
  minor: number | null;
  currency: string | null;
  revision: number;
  /** Instant (ms) and version of the zone its day was stamped with; absent for a date without a time. */
  stamped?: { at: number; version: number };
  source?: string;
  channel?: string | null;
}
/** Days of events stamped with an earlier version are those of this one; `minutes` east of UTC at an instant. */
export interface PlainZone {
  version: number;
  minutes: (at: number) => number;
}
export interface PlainLink {
  anonymous: string;
  known: string;
}
/** What a source said it holds; the greatest version is its last word. */
export interface PlainCoverage {
  source: string;
  fromDay: number | null;
  burnInDays: number;
  version: number;
}
type Row = [number, number | null, string | null];

const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const content = (a: Row, b: Row) =>
  a[0] - b[0] || (a[1] ?? -Infinity) - (b[1] ?? -Infinity) || 0 || text(a[2] ?? '', b[2] ?? '');
const row = (e: PlainEvent): Row => [e.day, e.minor, e.currency];
/** As UTF-8 bytes. */
const channels = (a: PlainEvent, b: PlainEvent) =>
  a.kind === 'refund' ? 0 : Buffer.compare(Buffer.from(a.channel ?? ''), Buffer.from(b.channel ?? ''));
const dayIn = ({ day, stamped }: PlainEvent, zone?: PlainZone) =>
  zone && stamped && stamped.version < zone.version
    ? Math.floor((stamped.at / 60_000 + zone.minutes(stamped.at)) / 1440)
    : day;

export function independentFold(
  events: PlainEvent[],
  links: PlainLink[] = [],
  erased: string[] = [],
  zone?: PlainZone,
) {
  const known = new Map(links.map((link) => [link.anonymous, link.known]));
  const canonical = (id: string) => known.get(id) ?? id;
  const gone = new Set(erased.map(canonical));
  const of = events.map((e) => ({ ...e, customer: canonical(e.customer), day: dayIn(e, zone) }));
  const ledgers = new Map<string, { order: Row[]; refund: Row[] }>();
  const named = new Map<string, string[]>();
  surviving(of.filter((e) => !gone.has(e.customer))).forEach((e) => {
    if (e.kind === 'order' && e.channel)
      named.set(e.customer, [...(named.get(e.customer) ?? []), JSON.stringify([...row(e), e.channel])]);
    if (!ledgers.has(e.customer)) ledgers.set(e.customer, { order: [], refund: [] });
    ledgers.get(e.customer)![e.kind].push(row(e));
  });
  const total = { customers: ledgers.size, orders: 0, gross: 0, refunds: 0, frequency: 0, digest: '' };
  let sum = 0n;
  for (const [id, { order, refund }] of ledgers) {
    total.orders += order.length;
    total.gross += order.reduce((s, r) => s + (r[1] ?? 0), 0);
    total.refunds += refund.reduce((s, r) => s + (r[1] ?? 0), 0);
    total.frequency += Math.max(0, new Set(order.map((r) => r[0])).size - 1);
    const line = JSON.stringify([id, order.sort(content), refund.sort(content), [], [], []]);
    sum += BigInt(`0x${createHash('sha256').update(line).digest('hex')}`);
  }
  total.digest = (sum % (1n << 128n)).toString(16).padStart(32, '0');
  // The erased are one customer without a name.
  const nobody = surviving(of.filter((e) => gone.has(e.customer)).map((e) => ({ ...e, customer: '' })));
  const erased_ = new Map<string, { orders: number; refunds: number; gross: Money; refunded: Money }>();
  for (const { kind, day, minor, currency } of nobody) {
    const month = new Date(day * 86_400_000).toISOString().slice(0, 7);
    const total = erased_.get(month) ?? { orders: 0, refunds: 0, gross: {}, refunded: {} };
    erased_.set(month, total);
    total[kind === 'order' ? 'orders' : 'refunds']++;
    const money = total[kind === 'order' ? 'gross' : 'refunded'];
    if (minor !== null) money[currency!] = (money[currency!] ?? 0) + minor;
  }
  for (const list of named.values()) list.sort();
  return { ...total, ledgers, named, erasedMonths: Object.fromEntries(erased_), erasedCustomers: gone.size };
}

type Money = Record<string, number>;

/** Of several events of one key the one that stands. */
function surviving(events: PlainEvent[]): PlainEvent[] {
  const sorted = events.toSorted(
    (a, b) =>
      text(a.customer, b.customer) ||
      text(a.kind, b.kind) ||
      text(a.key, b.key) ||
      b.revision - a.revision ||
      content(row(b), row(a)) ||
      channels(b, a),
  );
  return sorted.filter((e, i) => {
    const before = sorted[i - 1];
    return !(before && before.customer === e.customer && before.kind === e.kind && before.key === e.key);
  });
}

/** Customers whose first purchase lies before what one of their orders' sources knows for sure, by name. */
export function independentlyTruncated(events: PlainEvent[], links: PlainLink[], said: PlainCoverage[]): string[] {
  const known = new Map(links.map((link) => [link.anonymous, link.known]));
  const of = events
    .filter((e) => e.kind === 'order')
    .map((e) => ({ ...e, customer: known.get(e.customer) ?? e.customer }));
  const certain = new Map<string, number>();
  for (const { source, fromDay, burnInDays } of said.toSorted((a, b) => a.version - b.version))
    certain.set(source, fromDay === null ? -Infinity : fromDay + burnInDays);
  const first = new Map<string, number>();
  for (const { customer, day } of surviving(of)) first.set(customer, Math.min(day, first.get(customer) ?? Infinity));
  const truncated = of.filter((e) => first.get(e.customer)! < (certain.get(e.source!) ?? -Infinity));
  return [...new Set(truncated.map((e) => e.customer))].sort();
}
