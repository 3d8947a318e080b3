// Whom a question is about, and what is known of them at the moment asked about: by id from the columns or the ledger, by a summary, by transactions.
import { NO_DAY } from '#domain/documents.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { CustomerHistory } from '#domain/models/clv-model.ts';
import {
  emptyHistory,
  type History,
  hasBought,
  isErased,
  isParked,
  scaleOf,
  toCustomer,
  UNSEEN,
} from '#projections/memory/history.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import type { LedgerView } from '../read-deps.ts';
import { dayText, type Moment } from './as-of.ts';
import type { Coordinates, Person } from './coordinates.ts';
import { fromTransactions, type Transaction } from './transactions.ts';

export const BASES = ['history', 'prior', 'summary', 'transactions'] as const;
export type Basis = (typeof BASES)[number];

/** Whom a prediction is about, and what is known of them at the moment asked about. */
export interface Subject extends Person {
  customerId: string | null;
  customer: CustomerHistory;
  basis: Basis;
  /** Position and day of the customer's last known change; null when there is none. */
  knownAt: { seq: number; day: string } | null;
  /** The id is somebody's, of whom nothing had been heard yet at that moment: in a sentence. */
  late?: string;
  /** An event of theirs is parked, and what came behind it waits: what is known is what was before. */
  parked?: true;
}
export interface SummaryInput {
  frequency: number;
  recency: number;
  T: number;
  monetary_value?: number | null | undefined;
  unit?: 'week' | 'day' | undefined;
}
/** One of the three ways to say whom a question is about. */
export interface Question {
  customer_id?: string | undefined;
  summary?: SummaryInput | undefined;
  transactions?: Transaction[] | undefined;
}

export function createSubjects(deps: Deps, { contractsAt }: Coordinates) {
  const { columns, ids, ledgers } = deps;
  const currency = deps.workspace.reportingCurrency;
  const scale = scaleOf(currency);
  const row = emptyHistory();

  const unseen = (customerId: string, strict: boolean, late: string | null = null): Subject => {
    if (strict) throw unknownCustomer(late ?? 'nothing is known of this customer at that moment', late);
    return {
      customerId,
      sid: null,
      customer: UNSEEN,
      basis: 'prior',
      knownAt: null,
      ...(late !== null && { late }),
    };
  };
  const known = (customerId: string, sid: Uint8Array, history: History, moment: Moment, strict: boolean): Subject => {
    const { day } = moment;
    // An erased customer is nobody we know; one who has only looked around has no purchase to speak of.
    if (isErased(history) || (hasBought(history) && history.firstDay > day)) return unseen(customerId, strict);
    return {
      customerId,
      sid,
      customer: toCustomer(history, day, scale, contractsAt(moment)),
      basis: 'history',
      // Named somewhere, but nothing dated is known of them.
      knownAt: history.changeDay === NO_DAY ? null : { seq: history.seq, day: dayText(history.changeDay) },
      ...(isParked(history) ? { parked: true as const } : {}),
    };
  };

  /** From the columns alone; null when the moment lies before something the row already knows. */
  function subjectInline(customerId: string, moment: Moment, strict: boolean): Subject | null {
    return subjectOfSid(customerId, ids.lookup(customerId), moment, strict);
  }
  function subjectOfSid(customerId: string, sid: Uint8Array | null, moment: Moment, strict: boolean): Subject | null {
    const at = sid === null ? -1 : columns.rowOf(sid);
    if (sid === null || at < 0 || !columns.read(at, row)) return unseen(customerId, strict);
    if (moment.day < row.changeDay || (moment.past && row.seq > moment.seq)) return null;
    return known(customerId, sid, row, moment, strict);
  }

  /** A Problem in place of a subject stands for that one only; the others are answered. */
  async function subjects(
    customerIds: readonly string[],
    moment: Moment,
    strict: boolean,
  ): Promise<(Subject | Problem)[]> {
    const found: (Subject | Problem | null)[] = customerIds.map((id) =>
      orProblem(() => subjectInline(id, moment, strict)),
    );
    const open = customerIds.map((_, index) => index).filter((index) => found[index] === null);
    if (open.length > 0) {
      const sids = open.map((index) => ids.lookup(customerIds[index]!)!);
      const views = moment.past ? await ledgers.past(sids, moment.seq) : await ledgers.present(sids);
      for (const [i, index] of open.entries()) {
        const id = customerIds[index]!;
        found[index] = orProblem(() => fromLedger(id, sids[i]!, views[i] ?? null, moment, strict));
      }
    }
    return found as (Subject | Problem)[];
  }
  const fromLedger = (
    id: string,
    sid: Uint8Array,
    view: LedgerView | null,
    moment: Moment,
    strict: boolean,
  ): Subject => {
    const { day } = moment;
    // Nothing known by that day: unseen then, whatever came later.
    return view && heardOf(view.entries, day)
      ? personal(known(id, sid, view.at(day), moment, strict), view)
      : unseen(id, strict, lateOf(view, moment));
  };
  const personal = (subject: Subject, { entries }: LedgerView): Subject =>
    subject.sid === null ? subject : { ...subject, person: Buffer.from(entries.sid, 'hex') };

  /** Whom a replayed score is of, as `known` has it; null when nothing was known of the sid by that day. */
  const subjectOfView = (sid: Uint8Array, view: LedgerView | null, moment: Moment): Subject | null => {
    if (!view || !heardOf(view.entries, moment.day)) return null;
    const subject = personal(known('', sid, view.at(moment.day), moment, false), view);
    return subject.sid === null ? null : { ...subject, customerId: null };
  };

  const fromSummary = ({ frequency, recency, T, monetary_value, unit }: SummaryInput): Subject => {
    const days = unit === 'day' ? 1 : 7;
    return {
      customerId: null,
      sid: null,
      customer: { frequency, recency: recency * days, T: T * days, monetaryValue: monetary_value ?? null },
      basis: 'summary',
      knownAt: null,
    };
  };
  const sent = (transactions: Transaction[], moment: Moment, bounded: boolean, pointer: string): Subject => {
    const { customer, lastDay } = fromTransactions(transactions, {
      offsets: deps.clock().offsets,
      currency,
      today: moment.day,
      lastDay: bounded ? moment.day : null,
      pointer,
    });
    const basis = lastDay === null ? 'prior' : 'transactions';
    return { customerId: null, sid: null, customer, basis, knownAt: null };
  };

  /** @param bounded an as_of was given, so later transactions do not count. @param pointers where each question stands in the body. */
  async function ask(
    questions: readonly Question[],
    moment: Moment,
    options: { strict: boolean; bounded: boolean; pointers: readonly string[] },
  ): Promise<(Subject | Problem)[]> {
    const named = questions.flatMap((question, index) => (question.customer_id === undefined ? [] : [index]));
    const byId = await subjects(
      named.map((index) => questions[index]!.customer_id!),
      moment,
      options.strict,
    );
    const answers = new Map(named.map((index, i) => [index, byId[i]!]));
    return questions.map((question, index) => {
      const already = answers.get(index);
      if (already) return already;
      const pointer = `${options.pointers[index]}/transactions`;
      return orProblem(() =>
        question.summary
          ? fromSummary(question.summary)
          : sent(question.transactions ?? [], moment, options.bounded, pointer),
      );
    });
  }

  return {
    subjectInline,
    subjectOfSid,
    subjectOfView,
    subjects,
    ask,
    /** The columns of one row, overwritten by the next call; null for no row. */
    historyOf: (at: number): History | null => (at >= 0 && columns.read(at, row) ? row : null),
    /** What the columns said of the subject found inline last. */
    lastRead: (): History => row,
  };
}

/** @param late why nothing is known yet of an id that is somebody's. */
export const unknownCustomer = (detail: string, late: string | null = null): Problem =>
  new Problem('unknown-customer', detail, {
    fields: [{ pointer: '/customer_id', detail: late === null ? 'unknown' : 'not known yet at that moment' }],
    ...(late !== null && { extra: { late } }),
  });

function lateOf(view: LedgerView | null, { day, seq, past }: Moment): string | null {
  if (view === null)
    return past ? `this customer is not known at log position ${seq} yet: their first event came later` : null;
  const { orders, refunds, activities, subscriptions } = view.entries;
  const first = [orders, refunds, activities, subscriptions].reduce(
    (least, entries) => entries.reduce((of, entry) => Math.min(of, entry.day), least),
    Number.POSITIVE_INFINITY,
  );
  return first === Number.POSITIVE_INFINITY
    ? null
    : `this customer is known only from ${dayText(first)} on: nothing had happened by ${dayText(day)}`;
}

const heardOf = ({ orders, refunds, activities, subscriptions }: CustomerEntries, day: number): boolean =>
  [orders, refunds, activities, subscriptions].some((entries) => entries.some((entry) => entry.day <= day));

/** A refusal as a value, where one of many must not fail the rest. */
export function orProblem<T>(work: () => T): T | Problem {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
