// Which column of a table is what: the mapping an import runs under, and the rows it could not take.
import type { DecimalMark } from './decimal.ts';
import type { ReasonCode } from './events.ts';
import type { Snapshot } from './subscription-snapshot.ts';
import type { DateOrder } from './written-dates.ts';

export const IMPORT_KINDS = ['order', 'activity', 'subscription', 'identified', 'event'] as const;
/** `event`: the rows are events already, native or the reference stack's (NDJSON). */
export type ImportKind = (typeof IMPORT_KINDS)[number];

/** Column names are the header's; null = there is none. Part of the import's digest: same file and same mapping are the same import. */
export interface ImportMapping {
  kind: ImportKind;
  customer: string | null;
  time: string | null;
  /** How times that are not ISO 8601 order day and month. */
  dateOrder: DateOrder;
  amount: string | null;
  /** How amounts, quantities and prices are written. */
  decimal: DecimalMark;
  /** Both, or neither: the line's amount is quantity × price. */
  quantity: string | null;
  price: string | null;
  /** order: lines are grouped by it over the whole file. subscription: its id. */
  order: string | null;
  /** Order ids that begin so are refund documents. */
  refundPrefix: string | null;
  /** Lines of an order that sum to less than 0 on a later day than its first are a refund document of that day (facts §6); false = netted. */
  refundLines: boolean;
  currencyColumn: string | null;
  /** ISO 4217 of rows whose currency column is blank, or of all. */
  currency: string;
  channel: string | null;
  id: string | null;
  /** activity: its name; subscription: its plan. */
  name: string | null;
  /** activity: the name when no column holds it. */
  activity: string;
  /** subscription: when it ended; blank = it still runs. */
  end: string | null;
  /** identified: columns sealed as traits. */
  traits: string[];
  /** subscription: the table describes subscribers on one day, instead of saying when each began and ended. */
  snapshot: Snapshot | null;
  /** subscription: columns that become attributes of the customer, in the clear. */
  attributes: string[];
  /** Revision of every order: the run's start second with --amend, else 0. Not part of what the columns mean. */
  revision: number;
}

/** No column is anything yet. */
export const BLANK: Omit<ImportMapping, 'kind'> = {
  customer: null,
  time: null,
  dateOrder: 'iso',
  amount: null,
  decimal: 'plain',
  quantity: null,
  price: null,
  order: null,
  refundPrefix: null,
  refundLines: false,
  currencyColumn: null,
  currency: 'EUR',
  channel: null,
  id: null,
  name: null,
  activity: 'activity',
  end: null,
  traits: [],
  snapshot: null,
  attributes: [],
  revision: 0,
};

export interface RefusedRow {
  /** From 1, after the header. */
  rowNumber: number;
  reason: ReasonCode;
  column?: string;
  detail: string;
  /** The row as JSON {column: text}; null when it must be read from the file again (orders refused as a whole). */
  raw: string | null;
  rows: number;
}

/**
 * Canonical text of a mapping for the digest: sorted keys, without the revision (amending is not another file). Plain decimals, netted
 * refund lines, no snapshot and no attributes are left out: that is what a mapping meant before it could say so, and the digest of such an import must not change.
 */
export const mappingText = ({
  revision: _,
  decimal,
  refundLines,
  snapshot,
  attributes,
  ...rest
}: ImportMapping): string => {
  const mapping = {
    ...rest,
    ...(decimal === 'plain' ? {} : { decimal }),
    ...(refundLines ? { refundLines } : {}),
    ...(snapshot === null ? {} : { snapshot }),
    ...(attributes.length === 0 ? {} : { attributes }),
  };
  return JSON.stringify(Object.entries(mapping).sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** The column a refusal is about, by its reason; null when no single one is. */
export function columnOf(reason: ReasonCode, mapping: ImportMapping, detail: string): string | null {
  switch (reason) {
    case 'missing-customer':
    case 'bad-customer':
      return mapping.customer;
    case 'missing-time':
    case 'bad-time':
    case 'future':
      return mapping.time;
    case 'missing-amount':
    case 'bad-amount':
      return mapping.amount;
    case 'bad-currency':
      return mapping.currencyColumn;
    case 'bad-order':
      return mapping.order;
    case 'bad-name':
      return mapping.name;
    case 'bad-id':
      return mapping.id;
    case 'bad-field':
      return detail.startsWith('name') ? mapping.name : mapping.channel;
    default:
      return null;
  }
}
