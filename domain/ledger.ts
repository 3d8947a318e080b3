// What a customer's ledger is: a set of entries joined so that the order of arrival cannot matter (facts §2, §5).
// For one key the entry with the greatest (revision, day, minor, currency) stays, of an order then the greatest channel: a join-semilattice, hence
// the same state for any permutation, delay or repetition of the messages. Pure functions; projections/memory holds the compact form.

/** What orders and refunds have in common. */
export interface DocumentEntry {
  /** 64-bit order key, 16 hex digits. */
  key: string;
  /** Days since 1970-01-01 in the workspace's zone. */
  day: number;
  /** Minor units; null = a purchase without money (counts for frequency, not for money). */
  minor: number | null;
  currency: string | null;
  revision: number;
}

export interface OrderEntry extends DocumentEntry {
  /** By which it came, a name its source keeps in the clear; null = it names none. */
  channel: string | null;
}

export interface RefundEntry extends DocumentEntry {
  /** Key of the order this refund names, or null. */
  orderKey: string | null;
}

export interface ActivityEntry {
  day: number;
  kind: string;
  count: number;
}

export const SUBSCRIPTION_STEPS = ['started', 'renewed', 'cancelled'] as const;
export interface SubscriptionEntry {
  day: number;
  step: (typeof SUBSCRIPTION_STEPS)[number];
  /** 64-bit key of the subscription, 16 hex digits. */
  key: string;
  plan: string | null;
  minor: number | null;
  currency: string | null;
  revision: number;
}

interface ConsentEntry {
  purpose: string;
  granted: boolean;
  /** Instant of the last change, ms; at the same instant a withdrawal wins. */
  at: number;
}

/** What was said of a customer that is neither money nor activity: a plan's terms, a channel of contact; enums and numbers the policy keeps in the clear. */
export interface AttributeEntry {
  name: string;
  /** It holds from this day on, until the next one of the name. */
  day: number;
  /** Instant of the last word on that day, ms; at the same instant the greater value (numbers < booleans < texts). */
  at: number;
  value: string | number | boolean;
}

/** Everything known of one canonical customer, each list in its canonical order. */
export interface CustomerEntries {
  /** 32 hex digits. */
  sid: string;
  /** The other sids folded into this one, sorted. */
  linked: string[];
  erased: boolean;
  anonymous: boolean;
  /** Position of the last message that changed this customer. */
  seq: number;
  /** By (day, key). */
  orders: OrderEntry[];
  /** By (day, key). */
  refunds: RefundEntry[];
  /** By (day, kind). */
  activities: ActivityEntry[];
  /** By (day, key, step). */
  subscriptions: SubscriptionEntry[];
  /** By purpose. */
  consents: ConsentEntry[];
  /** By (name, day). */
  attributes: AttributeEntry[];
}

/**
 * What the fold says of one event. 'superseded' = an older revision of an order that is already known in a newer one;
 * 'ignored' = of an erased customer.
 */
export const VERDICTS = ['accepted', 'amended', 'duplicate', 'superseded', 'conflict', 'ignored'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Of two names the greater; used wherever text decides a tie, so that locale never does. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** No money is less than any money. */
export const compareMinor = (a: number | null, b: number | null): number =>
  a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1;

/**
 * No channel is less than any; names by their code points, as PostgreSQL's "C" collation has them, because the tables decide by the same rule (UTF-16
 * would put an emoji below a full-width letter).
 */
export function compareChannel(a: string | null, b: string | null): number {
  const [x, y] = [a ?? '', b ?? ''];
  let i = 0;
  while (i < x.length && x[i] === y[i]) i++;
  return (x.codePointAt(i) ?? -1) - (y.codePointAt(i) ?? -1);
}

export interface Content {
  revision: number;
  day: number;
  minor: number | null;
  currency: string | null;
  /** Of a refund: the order it names. */
  orderKey?: string | null;
  /** Of an order. */
  channel?: string | null;
}

/** Order of the contents of one key at one revision: day, minor, currency (then the order a refund names). Two that differ in it are a conflict. */
export const compareContent = (a: Content, b: Content): number =>
  a.day - b.day ||
  compareMinor(a.minor, b.minor) ||
  compareText(a.currency ?? '', b.currency ?? '') ||
  compareText(a.orderKey ?? '', b.orderKey ?? '');

/**
 * What an incoming entry is beside the known one of the same key, and whether it takes its place. The channel is the least of an order's content: where
 * nothing else differs it is a duplicate, and of one revision the greater channel's name stands.
 */
export function judge(known: Content, incoming: Content): { verdict: Verdict; replaces: boolean } {
  const difference = compareContent(incoming, known);
  if (difference === 0) {
    const later = incoming.revision - known.revision || compareChannel(incoming.channel ?? null, known.channel ?? null);
    return { verdict: 'duplicate', replaces: later > 0 };
  }
  if (incoming.revision > known.revision) return { verdict: 'amended', replaces: true };
  if (incoming.revision < known.revision) return { verdict: 'superseded', replaces: false };
  return { verdict: 'conflict', replaces: difference > 0 };
}

/** Does an incoming change of one purpose's consent take the known one's place? The later; at the same instant the withdrawal. */
export const consentReplaces = (knownAt: number, knownGranted: boolean, at: number, granted: boolean): boolean =>
  at > knownAt || (at === knownAt && knownGranted && !granted);

type Said = Pick<AttributeEntry, 'at' | 'value'>;
const KIND_RANK = { number: 0, boolean: 1, string: 2 } as const;
const rankOf = ({ value }: Said): number => KIND_RANK[typeof value as keyof typeof KIND_RANK];

/** Does an incoming value of one attribute on one day take the known one's place? */
export function attributeReplaces(known: Said, incoming: Said): boolean {
  if (incoming.at !== known.at) return incoming.at > known.at;
  const rank = rankOf(incoming) - rankOf(known);
  return rank !== 0 ? rank > 0 : incoming.value > known.value;
}

/**
 * Can it be told whether an activity is a repeat, although the window has forgotten some? The publisher's `at` is at most
 * `leadMs` ahead of the moment it was first taken in; if even that moment is inside the window, it would be known.
 */
export const isVerifiable = (at: number, forgottenBefore: number | null, leadMs = 86_400_000): boolean =>
  forgottenBefore === null || at - leadMs >= forgottenBefore;
