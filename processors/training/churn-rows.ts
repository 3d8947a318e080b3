// Training rows of churn models, point in time: what the ledger knew of a customer at a cut-off, and whether that customer was lost after it.
import { type ChurnDefinition, hasChurned, isEligible, spells } from '#domain/churn-definition.ts';
import { type FeatureRow, type FeatureValue, featureRow } from '#domain/churn-features.ts';
import type { FeatureContext } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { CustomerColumns, CustomerLedger } from '#domain/ledger-columns.ts';
import { startRow } from '#domain/models/churn-model.ts';

export type KnownCustomer = CustomerColumns & {
  /** Left out of fits: their history may begin before the data. */
  leftTruncated: boolean;
};

/** Customers as a fold holds them; `of` follows links. */
export interface Ledgers {
  customers(): Iterable<CustomerEntries>;
  of(sid: string): CustomerEntries | null;
  /** The same as columns, for whoever reads everybody: each customer is overwritten by the next. */
  columns(): Iterable<KnownCustomer>;
  /** Finds columns by sid; what one finder found is overwritten by what it finds next. */
  finder(): (sid: string) => CustomerColumns | null;
  context: FeatureContext;
  isLeftTruncated(sid: string): boolean;
}

/** What may be known of a customer on a day. */
export type RowOf = (ledger: CustomerLedger, day: number, context: FeatureContext) => FeatureRow;

/** One row per customer and cut-off. */
export interface ChurnRows {
  features: FeatureRow[];
  /** 1 = lost. */
  label: number[];
  /** The cut-off, local day. */
  day: number[];
  /** Sid, hex: rows of one customer stay together wherever rows are divided. */
  customer: string[];
}

export const createRows = (): ChurnRows => ({ features: [], label: [], day: [], customer: [] });

/** Customers the question could be asked of at a cut-off, and what was known of them. */
export interface AskedRows {
  day: number;
  features: FeatureRow[];
  customer: string[];
}

/**
 * Everybody who is eligible on `day`.
 *
 * @param known the ledgers as they were known at the end of `day` (facts §4 known_at); nothing else reaches the features.
 */
export function askedRows(
  definition: ChurnDefinition,
  day: number,
  known: Ledgers,
  rowOf: RowOf = featureRow,
): AskedRows {
  const asked: AskedRows = { day, features: [], customer: [] };
  for (const ledger of known.columns()) {
    if (!isEligible(definition, ledger, day) || ledger.leftTruncated) continue;
    asked.features.push(rowOf(ledger, day, known.context));
    asked.customer.push(ledger.sid);
  }
  return asked;
}

/**
 * What became of those who were asked about; whoever nobody knows of today has no row.
 *
 * @param settled the ledgers when the labels had settled: each customer's is read once, for all cut-offs.  @returns rows by cut-off.
 */
export function labelled(definition: ChurnDefinition, asked: readonly AskedRows[], settled: Ledgers): ChurnRows[] {
  const places = new Map<string, number[]>();
  for (const [k, { customer }] of asked.entries())
    for (const [i, sid] of customer.entries()) {
      const known = places.get(sid);
      if (known) known.push(k, i);
      else places.set(sid, [k, i]);
    }
  const UNKNOWN = 2;
  const labels = asked.map(({ customer }) => new Uint8Array(customer.length).fill(UNKNOWN));
  const find = settled.finder();
  for (const [sid, at] of places) {
    const later = find(sid);
    if (later === null || later.erased) continue;
    for (let j = 0; j < at.length; j += 2) {
      const k = at[j]!;
      labels[k]![at[j + 1]!] = hasChurned(definition, later, asked[k]!.day) ? 1 : 0;
    }
  }
  return asked.map(({ day, features, customer }, k) => {
    const rows = createRows();
    for (const [i, label] of labels[k]!.entries()) {
      if (label === UNKNOWN) continue;
      rows.features.push(features[i]!);
      rows.label.push(label);
      rows.day.push(day);
      rows.customer.push(customer[i]!);
    }
    return rows;
  });
}

/**
 * The rows of one cut-off.
 *
 * @param rowOf what may be known of a customer on a day.
 */
export function rowsAt(
  definition: ChurnDefinition,
  day: number,
  known: Ledgers,
  settled: Ledgers,
  rowOf: RowOf = featureRow,
): ChurnRows {
  const [rows] = labelled(definition, [askedRows(definition, day, known, rowOf)], settled);
  return rows!;
}

/** What one cut-off gave. */
export interface CutoffRows {
  day: number;
  /** Customers of whom the question could be asked then, and how many of them were lost. */
  eligible: number;
  lost: number;
  /** False where everybody or nobody was lost: such a moment lies before the time the data speak of. */
  used: boolean;
}

/** Is told what a cut-off gave, with its rows, which are learned from where it is used. */
export type Counted = (cutoff: CutoffRows, rows: ChurnRows) => void;

/**
 * Rows of several cut-offs, latest first, to learn from. A cut-off at which everybody stayed, or nobody, is before the time the data speak of
 * (a table of one day has no earlier ends) and is left out; one at which nobody was there ends the list. Within a cut-off by sid, so that sums
 * over rows do not depend on whether a fold began at a snapshot.
 *
 * @param counted is told of each.
 */
export async function rowsOfCutoffs(
  definition: ChurnDefinition,
  days: readonly number[],
  knownOn: (day: number) => Ledgers | Promise<Ledgers>,
  settled: Ledgers,
  { rowOf = featureRow, counted = () => undefined }: { rowOf?: RowOf; counted?: Counted } = {},
): Promise<ChurnRows> {
  const rows = createRows();
  for (const day of days) {
    const added = rowsAt(definition, day, await knownOn(day), settled, rowOf);
    if (!joinCutoff(rows, added, day, counted)) break;
  }
  return rows;
}

/** Adds the rows of the next earlier cut-off as `rowsOfCutoffs` does. @returns false where nobody was there. */
export function joinCutoff(into: ChurnRows, added: ChurnRows, day: number, counted: Counted): boolean {
  const eligible = added.label.length;
  const lost = added.label.reduce((sum, label) => sum + label, 0);
  const used = lost > 0 && lost < eligible;
  counted({ day, eligible, lost, used }, added);
  if (used)
    for (const row of bySid(added.customer)) {
      into.features.push(added.features[row]!);
      into.label.push(added.label[row]!);
      into.day.push(day);
      into.customer.push(added.customer[row]!);
    }
  return eligible > 0;
}

/** Positions in the order of the sids; of one sid as they stand. */
const bySid = (customer: readonly string[]): number[] =>
  customer
    .map((_, i) => i)
    .sort((a, b) => (customer[a]! < customer[b]! ? -1 : customer[a]! > customer[b]! ? 1 : a - b));

/** One row per time under contract: days from its start to its end, or to `day` while it runs. */
export interface SurvivalRows {
  features: FeatureRow[];
  /** Days under contract when the row's covariates were first known: only from then on it stands in a risk set. */
  entry: number[];
  duration: number[];
  eventObserved: number[];
  customer: string[];
}

/** The day attributes began to be told; none: everything was known at the start. */
const firstSaid = ({ attributes }: CustomerEntries): number =>
  attributes.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...attributes.map(({ day }) => day));

/**
 * Times under contract as known on `day`; one that began that very day says nothing yet. A table of one day tells of subscribers who had stayed
 * until then and of none who had left: counting the time before as survived would make everybody look faithful (immortal time; delayed entry
 * is the remedy, Klein & Moeschberger 2003, §3.4).
 */
export function survivalRows(
  definition: ChurnDefinition,
  day: number,
  known: Pick<Ledgers, 'customers' | 'context' | 'isLeftTruncated'>,
): SurvivalRows {
  const rows: SurvivalRows = { features: [], entry: [], duration: [], eventObserved: [], customer: [] };
  for (const entries of known.customers()) {
    if (entries.erased || entries.anonymous || known.isLeftTruncated(entries.sid)) continue;
    for (const { startDay, endDay } of spells(entries, day, definition.graceDays)) {
      const until = endDay ?? day;
      const from = Math.max(startDay, firstSaid(entries));
      if (until <= from) continue;
      rows.features.push(startRow(entries, day, known.context));
      rows.entry.push(from - startDay);
      rows.duration.push(until - startDay);
      rows.eventObserved.push(endDay === null ? 0 : 1);
      rows.customer.push(entries.sid);
    }
  }
  const order = bySid(rows.customer);
  const sorted = <T>(column: readonly T[]): T[] => order.map((row) => column[row]!);
  return {
    features: sorted(rows.features),
    entry: sorted(rows.entry),
    duration: sorted(rows.duration),
    eventObserved: sorted(rows.eventObserved),
    customer: sorted(rows.customer),
  };
}

/** More levels than this are an id or a free text, not a category. */
const MOST_LEVELS = 100;

/** Different values, up to one more than is asked about. */
function levelsOf(values: readonly FeatureValue[]): Set<FeatureValue> {
  const found = new Set<FeatureValue>();
  for (const value of values) {
    found.add(value);
    if (found.size > MOST_LEVELS) break;
  }
  return found;
}

/**
 * Rows as columns: numbers where every known value is one, else text. What never varies, and texts of too many levels, are left out by name.
 */
export function tableOf(features: readonly FeatureRow[]): {
  table: Map<string, readonly string[] | Float64Array>;
  left: { column: string; why: string }[];
} {
  const names = new Set<string>();
  for (const row of features) for (const name in row) names.add(name);
  const table = new Map<string, string[] | Float64Array>();
  const left: { column: string; why: string }[] = [];
  for (const name of names) {
    const values = features.map((row) => row[name] ?? null);
    const distinct = levelsOf(values);
    const numeric = values.every((value) => value === null || typeof value === 'number');
    if (distinct.size < 2) left.push({ column: name, why: distinct.has(null) ? 'never known' : 'never varies' });
    else if (numeric)
      table.set(
        name,
        Float64Array.from(values, (value) => (value === null ? Number.NaN : (value as number))),
      );
    else if (distinct.size > MOST_LEVELS) left.push({ column: name, why: `${new Set(values).size} different texts` });
    else
      table.set(
        name,
        values.map((value) => (value === null ? '' : String(value))),
      );
  }
  return { table, left };
}
