// Orders and refunds of one customer as columns: what the counting core reads instead of objects.
/** No purchase yet; less than every real day. */
export const NO_DAY = -2_147_483_648;
/** Later than every real day: "all entries". Days are limited to ±2^23 (the year 22,900). */
export const LAST_DAY = 8_388_607;

/** Orders or refunds of one customer as columns, in any order; filled up to `count`. */
export interface Documents {
  count: number;
  day: Int32Array;
  /** The 64-bit key, big-endian halves. */
  keyHigh: Uint32Array;
  keyLow: Uint32Array;
  /** Minor units; NaN = no money. */
  minor: Float64Array;
  /** Position in `Money.currencies`; 0 = none. */
  currency: Uint8Array;
  /** Orders: position in the ledger's list of channels; 0 = none. */
  channel: Uint16Array;
  /** Refunds: 1 = names an order, by these halves. */
  named: Uint8Array;
  orderHigh: Uint32Array;
  orderLow: Uint32Array;
}

export function createDocuments(capacity = 16): Documents {
  const n = capacity;
  const [keyHigh, keyLow, orderHigh, orderLow] = Array.from({ length: 4 }, () => new Uint32Array(n)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const [currency, named] = [new Uint8Array(n), new Uint8Array(n)];
  return {
    count: 0,
    day: new Int32Array(n),
    minor: new Float64Array(n),
    keyHigh,
    keyLow,
    orderHigh,
    orderLow,
    currency,
    channel: new Uint16Array(n),
    named,
  };
}

/** Doubles the columns, keeping what is in them. */
export function growDocuments(documents: Documents): void {
  const wider = createDocuments(documents.day.length * 2);
  const columns = [
    'day',
    'minor',
    'keyHigh',
    'keyLow',
    'orderHigh',
    'orderLow',
    'currency',
    'channel',
    'named',
  ] as const;
  for (const name of columns) {
    wider[name].set(documents[name]);
    Object.assign(documents, { [name]: wider[name] });
  }
}

/** Sorts positions by (day, key). */
export const byDayAndKey = (d: Documents) => (a: number, b: number) =>
  d.day[a]! - d.day[b]! || d.keyHigh[a]! - d.keyHigh[b]! || d.keyLow[a]! - d.keyLow[b]!;
