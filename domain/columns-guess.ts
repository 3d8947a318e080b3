// Guessing which column is what from the header and a sample of rows, and saying so in plain words. What the user names is never guessed.
import { columnFor, nearestColumn, plainName, type Role } from './column-names.ts';
import { type DecimalMark, parseWritten } from './decimal.ts';
import { guessDecimal } from './decimal-guess.ts';
import { BLANK, type ImportKind, type ImportMapping } from './import-mapping.ts';
import { parseCurrency } from './money.ts';
import { ok, type Result, refuse } from './result.ts';
import { type SnapshotWish, snapshotOf } from './subscription-snapshot.ts';
import { parseTimeText } from './time.ts';
import { type DateOrder, dateOrderOf, isWritten } from './written-dates.ts';

/** What the user said. A column name must be in the header; 'none' says there is no such column and nothing is to be guessed. */
export interface Wish {
  kind?: ImportKind;
  customer?: string;
  time?: string;
  amount?: string;
  decimal?: DecimalMark;
  quantity?: string;
  price?: string;
  order?: string;
  refundPrefix?: string;
  /** Negative lines of a later day are a refund document of that day; false = netted into their order. */
  refundLines?: boolean;
  /** A column, or an ISO 4217 code for every row. */
  currency?: string;
  channel?: string;
  id?: string;
  name?: string;
  end?: string;
  dateOrder?: DateOrder;
  revision?: number;
  /** subscription: the table stands for one day. */
  snapshot?: SnapshotWish;
  /** subscription: columns that travel in the clear, or 'all' that are left. */
  attributes?: string[] | 'all';
}

export interface Guess {
  mapping: ImportMapping;
  /** One line a role: what is read as what, and why. */
  explanation: string[];
  warnings: string[];
}

/** `message` says what is wrong and what to do; `columns` are those there are. */
export interface MappingProblem {
  message: string;
  columns: readonly string[];
}

const NONE = 'none';
const LINES = 40;

/** @param sample some thousand rows from the file's beginning. @param defaultCurrency for files that name none. */
export function guessMapping(
  header: readonly string[],
  sample: readonly (readonly string[])[],
  wish: Wish,
  defaultCurrency: string,
): Result<Guess, MappingProblem> {
  const problem = (message: string) =>
    refuse({ message: `${message} Columns there are: ${header.join(', ')}.`, columns: header });
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) return problem(`The column '${twice}' is there twice; give each its own name.`);
  for (const option of [
    'customer',
    'time',
    'amount',
    'quantity',
    'price',
    'order',
    'channel',
    'id',
    'name',
    'end',
  ] as const) {
    const column = wish[option];
    if (column === undefined || column === NONE || header.includes(column)) continue;
    const nearest = nearestColumn(column, header);
    return problem(
      `There is no column '${column}' (--${option}).${nearest === null ? '' : ` Did you mean '${nearest}'?`}`,
    );
  }
  const kind = wish.kind ?? (holdsEvents(header) ? 'event' : 'order');
  const explanation: string[] = [];
  const warnings: string[] = [];
  const used = new Set(
    Object.values(wish).filter((value): value is string => typeof value === 'string' && header.includes(value)),
  );
  const say = (what: string, text: string): void => {
    explanation.push(`${what.padEnd(9)} ${text}`);
  };
  const choose = (role: Role, wished: string | undefined): string | null => {
    if (wished !== undefined) return wished === NONE ? null : wished;
    const column = columnFor(role, header, used);
    if (column !== null) used.add(column);
    return column;
  };
  const at = (column: string): string[] => {
    const index = header.indexOf(column);
    return sample.map((row) => (row[index] ?? '').trim()).filter((text) => text !== '');
  };

  const mapping: ImportMapping = { ...BLANK, kind, currency: defaultCurrency, revision: wish.revision ?? 0 };
  if (kind === 'event') {
    say('rows', 'are events already, read as they stand');
    return ok({ mapping, explanation, warnings });
  }

  /** Null, or what is missing. */
  function chooseTimes(): string | null {
    mapping.time = choose(kind === 'subscription' ? 'start' : 'time', wish.time) ?? timeByContent(header, used, at);
    if (mapping.time === null) {
      const summary = ['frequency', 'recency'].every((name) => header.some((column) => plainName(column) === name));
      const hint = summary ? ' This looks like a summary, one row a customer: `fit bg-nbd --data FILE` reads it.' : '';
      const snapshot =
        kind === 'subscription' ? ' A table of subscribers as they stood on one day is read with --snapshot DATE.' : '';
      return `No column looks like a time; name it with --time COL.${hint}${snapshot}`;
    }
    used.add(mapping.time);
    const dates = dateOrder(at(mapping.time), wish.dateOrder);
    if (!dates.ok) return `Column '${mapping.time}': ${dates.reason}`;
    mapping.dateOrder = dates.value;
    say(
      'time',
      mapping.time + (dates.value === 'iso' ? '' : ` (${dates.value === 'dmy' ? 'day first' : 'month first'})`),
    );
    if (kind !== 'subscription') return null;
    mapping.end = choose('end', wish.end);
    say('end', mapping.end ?? 'none: every subscription still runs');
    return null;
  }
  function chooseSnapshot(wished: SnapshotWish): string | null {
    const snapshot = snapshotOf(wished, header, at);
    if (!snapshot.ok) return snapshot.reason;
    mapping.snapshot = snapshot.value;
    const { day, tenure, tenureUnit, ended, withinDays } = snapshot.value;
    for (const column of [tenure, ended?.column]) if (column !== undefined) used.add(column);
    say('start', `${tenure} (${tenureUnit}) before ${day}, the day of the snapshot`);
    say(
      'end',
      ended === null
        ? 'none: every subscription still runs'
        : `${ended.column} = ${ended.value}: ${withinDays} days after ${day}`,
    );
    return null;
  }

  mapping.customer = choose('customer', wish.customer);
  if (mapping.customer === null) return problem('No column looks like a customer; name it with --customer COL.');
  say('customer', mapping.customer);

  const timed = wish.snapshot === undefined ? chooseTimes() : chooseSnapshot(wish.snapshot);
  if (timed !== null) return problem(timed);
  if (kind === 'order' || kind === 'subscription') {
    mapping.order = choose(kind === 'order' ? 'order' : 'subscription', wish.order);
    const money = chooseMoney(mapping, wish, choose);
    if (money !== null) return problem(money);
    if (wish.refundPrefix !== undefined && wish.refundPrefix !== NONE && mapping.order === null)
      return problem('--refund-prefix tells refunds by their order number: name its column with --order COL.');
    if (mapping.amount !== null) say('amount', mapping.amount);
    else if (mapping.quantity !== null) say('amount', `${mapping.quantity} × ${mapping.price}`);
    else {
      say('amount', 'none: purchases without money, counted for frequency only');
      const perhaps = header.filter((column) => !used.has(column) && looksLikeMoney(at(column)));
      if (wish.amount === undefined && perhaps.length > 0)
        warnings.push(`No column is called like an amount; if it is ${perhaps.join(' or ')}, say --amount COL.`);
    }
    const decimal = guessDecimal(moneyColumns(mapping).flatMap(at), wish.decimal);
    if (!decimal.ok) return problem(decimal.reason);
    mapping.decimal = decimal.value.mark;
    if (decimal.value.explanation !== null) say('decimal', decimal.value.explanation);
    if (decimal.value.warning !== null) warnings.push(decimal.value.warning);
    if (kind === 'order' && mapping.order !== null) orderLines(mapping, wish, header, sample, say, warnings);
    const currency = chooseCurrency(mapping, wish, header, choose);
    if (currency !== null) return problem(currency);
    // The file's own currency, not the default: a new workspace reports in it, and blanks most likely mean it.
    if (mapping.currencyColumn !== null) mapping.currency = commonest(at(mapping.currencyColumn)) ?? mapping.currency;
    const told =
      mapping.currencyColumn === null && wish.currency === undefined ? currencyInNames(mapping, header) : null;
    if (told !== null) mapping.currency = told.code;
    if (mapping.currencyColumn !== null) say('currency', `${mapping.currencyColumn} (${mapping.currency} where blank)`);
    else if (told !== null) say('currency', `${told.code} in every row, by the name of the column '${told.column}'`);
    else if (mapping.amount !== null || mapping.quantity !== null) {
      say('currency', `${mapping.currency} in every row`);
      if (wish.currency === undefined)
        warnings.push(`No column says the currency: ${mapping.currency} assumed; say it with --currency.`);
    }
    oddMoney(mapping, at, warnings);
  }
  if (kind === 'activity' || kind === 'subscription') {
    mapping.name = choose('name', wish.name);
    say(kind === 'activity' ? 'name' : 'plan', mapping.name ?? `none: '${mapping.activity}'`);
  }
  mapping.channel = choose('channel', wish.channel);
  if (mapping.channel !== null) say('channel', mapping.channel);
  mapping.id = choose('id', wish.id);
  if (mapping.id !== null && wish.id === undefined && hasTwins(at(mapping.id))) mapping.id = null;
  if (mapping.id !== null) say('id', mapping.id);
  if (kind === 'subscription' && wish.attributes !== undefined) {
    mapping.attributes = header.filter((column) =>
      wish.attributes === 'all' ? !used.has(column) : wish.attributes!.includes(column),
    );
    const unknown = wish.attributes === 'all' ? undefined : wish.attributes.find((name) => !header.includes(name));
    if (unknown !== undefined) return problem(`There is no column '${unknown}' (--attributes).`);
    for (const column of mapping.attributes) used.add(column);
    say('attributes', `${mapping.attributes.join(', ')} (in the clear)`);
  }
  const rest = header.filter((column) => !used.has(column));
  if (kind === 'identified') {
    mapping.traits = rest;
    say('traits', `${rest.join(', ') || 'none'} (sealed under the customer's key)`);
  } else if (rest.length > 0) say('not read', rest.slice(0, LINES).join(', '));
  if (kind === 'order')
    for (const column of rest.filter((name) => REFUND_COLUMN.test(plainName(name))))
      warnings.push(
        `${column} is not read, so what it gives back lowers nothing: refunds are rows of their own, negative, with the day of the refund.`,
      );
  return ok({ mapping, explanation, warnings });
}

/** Columns that hold what was given back beside the order, without the day it happened (Shopify's 'Refunded Amount'). */
const REFUND_COLUMN = /refund|chargeback|creditnote|gutschrift|erstattung|erstattet|rückerstattet|storno/;

type Choose = (role: Role, wished: string | undefined) => string | null;

/** A total when there is one, else quantity × price when there are both, else the price alone. Null, or what is missing. */
function chooseMoney(mapping: ImportMapping, wish: Wish, choose: Choose): string | null {
  if (isColumn(wish.amount) && (isColumn(wish.quantity) || isColumn(wish.price)))
    return '--amount is the whole amount, --quantity and --price multiply to it: name one or the other.';
  const byLine = wish.quantity !== undefined || wish.price !== undefined;
  if (wish.amount !== undefined || !byLine) mapping.amount = choose('amount', wish.amount);
  if (mapping.amount !== null || wish.amount === NONE) return null;
  const quantity = choose('quantity', wish.quantity);
  const price = choose('price', wish.price);
  if (quantity !== null && price !== null) {
    mapping.quantity = quantity;
    mapping.price = price;
  } else if (wish.quantity !== undefined && wish.quantity !== NONE)
    return '--quantity needs a price beside it: name its column with --price COL.';
  else mapping.amount = price;
  return null;
}

/** The ISO 4217 code most rows of the sample say; the first of the alphabet among equals. */
function commonest(texts: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const code = parseCurrency(text);
    if (code !== null) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? null;
}

/** Codes that are words beside an amount too ('Total all'): read as codes in capitals only. */
const WORDS: ReadonlySet<string> = new Set(['ALL', 'CUP', 'GEL', 'MOP', 'PEN', 'TOP', 'TRY']);
const SIGNS: Readonly<Record<string, string>> = { '€': 'EUR', '£': 'GBP' };

/** ISO 4217 codes that a column's name holds: 'Amount (EUR incl. VAT)', 'price_eur', 'Umsatz €'. */
function codesIn(column: string): string[] {
  const shouted = column === column.toUpperCase();
  const words = column.match(/\p{Lu}?\p{Ll}+|\p{Lu}+/gu) ?? [];
  const codes = words.flatMap((word) => {
    const code = word.length === 3 ? parseCurrency(word) : null;
    return code === null || (WORDS.has(code) && (shouted || word !== code)) ? [] : [code];
  });
  return [...codes, ...Object.entries(SIGNS).flatMap(([sign, code]) => (column.includes(sign) ? [code] : []))];
}

/** The one currency that names of columns say: those of the money, else the only one in the header. */
function currencyInNames(mapping: ImportMapping, header: readonly string[]): { code: string; column: string } | null {
  for (const columns of [moneyColumns(mapping), header]) {
    const named = columns.flatMap((column) => codesIn(column).map((code) => ({ code, column })));
    const [first] = named;
    if (first === undefined) continue;
    return named.every(({ code }) => code === first.code) ? first : null;
  }
  return null;
}

/** Null, or what is wrong with --currency. */
function chooseCurrency(mapping: ImportMapping, wish: Wish, header: readonly string[], choose: Choose): string | null {
  if (wish.currency === undefined) {
    mapping.currencyColumn = choose('currencyColumn', undefined);
    return null;
  }
  if (header.includes(wish.currency)) mapping.currencyColumn = wish.currency;
  else {
    const code = parseCurrency(wish.currency);
    if (code === null) return `--currency '${wish.currency}' is neither a column nor an ISO 4217 code like EUR.`;
    mapping.currency = code;
  }
  return null;
}

/** Says how lines become orders; finds the prefix that refund documents share ('C536379' beside '536365'). */
function orderLines(
  mapping: ImportMapping,
  wish: Wish,
  header: readonly string[],
  sample: readonly (readonly string[])[],
  say: (what: string, text: string) => void,
  warnings: string[],
): void {
  const order = header.indexOf(mapping.order!);
  const signed = header.indexOf(mapping.quantity ?? mapping.amount ?? '');
  const customer = header.indexOf(mapping.customer!);
  const lines = sample.filter((row) => (row[customer] ?? '').trim() !== '' && (row[order] ?? '').trim() !== '');
  const orders = new Map<string, Set<string>>();
  let negative = 0;
  const byPrefix = new Map<string, { lines: number; negative: number }>();
  for (const row of lines) {
    const id = row[order]!.trim();
    const amounts = orders.get(id) ?? new Set();
    orders.set(id, amounts.add(row[signed] ?? ''));
    const below = (row[signed] ?? '').startsWith('-');
    if (below) negative++;
    const prefix = /^\p{L}+[-_]?/u.exec(id)?.[0] ?? '';
    const seen = byPrefix.get(prefix) ?? { lines: 0, negative: 0 };
    byPrefix.set(prefix, { lines: seen.lines + 1, negative: seen.negative + (below ? 1 : 0) });
  }
  const repeated = lines.length - orders.size;
  say(
    'order',
    `${mapping.order}: lines with the same value are one order (${orders.size} orders in ${lines.length} sampled lines)`,
  );
  // Every line of an order showing the same amount is the mark of an order total repeated on each line.
  const several = lines.length > 0 && repeated >= 20 && mapping.amount !== null;
  if (several && [...orders.values()].every((amounts) => amounts.size === 1))
    warnings.push(
      `All lines of an order have the same ${mapping.amount}: if that is the order's total, the sum of its lines is too much.`,
    );
  if (wish.refundPrefix !== undefined) mapping.refundPrefix = wish.refundPrefix === NONE ? null : wish.refundPrefix;
  else
    for (const [prefix, seen] of byPrefix)
      if (prefix !== '' && seen.negative >= 3 && seen.negative >= 0.95 * Math.max(negative, seen.lines))
        mapping.refundPrefix = prefix;
  mapping.refundLines = wish.refundLines ?? true;
  if (mapping.refundPrefix !== null) {
    const seen = byPrefix.get(mapping.refundPrefix);
    const why = seen === undefined ? '' : ` (${seen.negative} of ${negative} sampled negative lines)`;
    say('refunds', `orders whose number begins with ${mapping.refundPrefix}${why}`);
  } else if (negative > 0) {
    say(
      'refunds',
      mapping.refundLines
        ? 'lines of a later day than their order that sum to less than 0: a refund document of that day'
        : 'netted into their order, also in what was known before they happened (--refund-lines off)',
    );
    warnings.push(
      `${negative} of ${lines.length} sampled lines are negative; if refunds have a number prefix, say it with --refund-prefix.`,
    );
  }
}

/** How times are written: as ISO 8601, or day and month in an order that the sample itself gives away. */
function dateOrder(texts: string[], wished: DateOrder | undefined): Result<DateOrder> {
  if (wished !== undefined) return ok(wished);
  const odd = texts.filter((text) => !parseTimeText(text).ok);
  if (odd.length < texts.length * 0.5 || texts.length === 0) return ok('iso');
  const order = dateOrderOf(odd);
  if (order === 'either')
    return refuse('day and month could be exchanged in every sampled row; say --date-order dmy or mdy.');
  if (order === null && odd.filter(isWritten).length > odd.length / 2)
    return refuse('some dates have the day first and some the month; say --date-order dmy or mdy, or mend the others.');
  return ok(order ?? 'iso');
}

/** A column nobody would call a time but whose sampled values nearly all are one. */
function timeByContent(
  header: readonly string[],
  used: ReadonlySet<string>,
  at: (column: string) => string[],
): string | null {
  const share = (column: string): number => {
    const texts = at(column);
    return texts.length === 0
      ? 0
      : texts.filter((text) => /\D/.test(text) && parseTimeText(text).ok).length / texts.length;
  };
  return header.find((column) => !used.has(column) && share(column) >= 0.9) ?? null;
}

const moneyColumns = ({ amount, quantity, price }: ImportMapping): string[] =>
  [amount, quantity, price].filter((column) => column !== null);

const isColumn = (wished: string | undefined): boolean => wished !== undefined && wished !== NONE;

/** Ids that repeat are not ids of rows: taking them would make one event of many. */
const hasTwins = (texts: string[]): boolean => new Set(texts).size < texts.length;

function oddMoney(mapping: ImportMapping, at: (column: string) => string[], warnings: string[]): void {
  for (const column of moneyColumns(mapping)) {
    const texts = at(column);
    const unread = (mark: DecimalMark): number => texts.filter((text) => parseWritten(text, mark) === null).length;
    const odd = unread(mapping.decimal);
    if (odd <= texts.length * 0.1) continue;
    const what = mapping.decimal === 'plain' ? 'plain decimals' : `decimals with a ${mapping.decimal}`;
    const other = (['point', 'comma'] as const).find((mark) => unread(mark) < odd);
    const hint = other === undefined ? '' : ` With --decimal ${other} it is ${unread(other)} of them.`;
    warnings.push(
      `${odd} of ${texts.length} sampled values of ${column} are no ${what}; such rows go to the quarantine.${hint}`,
    );
  }
}

/** Whether the header is that of events: the native ones, or the reference stack's. */
const holdsEvents = (header: readonly string[]): boolean =>
  ['type', 'customer_id', 'at'].every((name) => header.includes(name)) ||
  ['event_type', 'user_id', 'event_time'].every((name) => header.includes(name));

/** Numbers throughout, some of them with one or two decimals. */
function looksLikeMoney(values: readonly string[]): boolean {
  return (
    values.length > 0 &&
    values.every((text) => /^[-+]?\p{Sc}?\s*\d[\d.,'\s]*\p{Sc}?$/u.test(text)) &&
    values.some((text) => /\d[.,]\d{1,2}\D*$/.test(text))
  );
}
