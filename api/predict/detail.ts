// Everything the customer page shows, from one ledger view: the timeline, P(alive) on every day that matters, churn and lifetime value.
import { type CustomerEntries, compareText } from '#domain/ledger.ts';
import { predictChurn } from '#domain/models/clv-model.ts';
import { formatMinor } from '#domain/money.ts';
import { hasBought, netOf, scaleOf, toCustomer } from '#projections/memory/history.ts';
import { Problem } from '../problem.ts';
import type { LedgerView } from '../read-deps.ts';
import { dayText, type Moment } from './as-of.ts';
import type { ChurnPredictions } from './churn.ts';
import type { Coordinate } from './coordinates.ts';
import type { Predictions } from './service.ts';
import { orProblem, type Subject } from './subjects.ts';
import { subscriptionOf } from './subscription.ts';
import { namingCurrencies } from './unrated.ts';

const MAX_POINTS = 200;
const VALUE = { discountMonthly: 0.01 };

interface TimelineEntry {
  day: number;
  type: 'order' | 'refund' | 'activity' | 'subscription';
  amount: string | null;
  currency: string | null;
  name: string | null;
  /** Of an order. */
  channel: string | null;
  count: number;
}

/** Order keys and subscription keys stay out: hashes are no names, but nobody can use them either. */
export function timelineOf(entries: CustomerEntries, day: number): TimelineEntry[] {
  const money = (minor: number | null, currency: string | null) =>
    minor === null || currency === null ? null : formatMinor(minor, currency);
  const all: TimelineEntry[] = [
    ...entries.orders.map((e) => ({
      day: e.day,
      type: 'order' as const,
      amount: money(e.minor, e.currency),
      currency: e.currency,
      name: null,
      channel: e.channel,
      count: 1,
    })),
    ...entries.refunds.map((e) => ({
      day: e.day,
      type: 'refund' as const,
      amount: e.minor === null ? null : money(-e.minor, e.currency),
      currency: e.currency,
      name: null,
      channel: null,
      count: 1,
    })),
    ...entries.activities.map((e) => ({
      day: e.day,
      type: 'activity' as const,
      amount: null,
      currency: null,
      name: e.kind,
      channel: null,
      count: e.count,
    })),
    ...entries.subscriptions.map((e) => ({
      day: e.day,
      type: 'subscription' as const,
      amount: money(e.minor, e.currency),
      currency: e.currency,
      name: e.plan === null ? e.step : `${e.step} ${e.plan}`,
      channel: null,
      count: 1,
    })),
  ];
  return all
    .filter((entry) => entry.day <= day)
    .sort((a, b) => b.day - a.day || (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}

/** Orders less refunds up to a day, each currency by itself; exact. */
export function netByCurrency({ orders, refunds }: CustomerEntries, day: number): { currency: string; net: string }[] {
  const sums = new Map<string, bigint>();
  const add = (minor: number | null, currency: string | null, sign: bigint) => {
    if (minor !== null && currency !== null) sums.set(currency, (sums.get(currency) ?? 0n) + sign * BigInt(minor));
  };
  for (const order of orders) if (order.day <= day) add(order.minor, order.currency, 1n);
  for (const refund of refunds) if (refund.day <= day) add(refund.minor, refund.currency, -1n);
  return [...sums]
    .sort(([a], [b]) => compareText(a, b))
    .map(([currency, minor]) => ({ currency, net: formatMinor(minor, currency) }));
}

/** Days to evaluate: an even grid, each purchase day (where the curve jumps), and the moment itself. */
function gridOf(first: number, last: number, purchaseDays: readonly number[]): number[] {
  const step = Math.max(1, Math.ceil((last - first) / MAX_POINTS));
  const days = new Set<number>([last]);
  for (let day = first; day < last; day += step) days.add(day);
  for (const day of purchaseDays.slice(-MAX_POINTS)) {
    days.add(day);
    if (day > first) days.add(day - 1);
  }
  return [...days].filter((day) => day >= first && day <= last).sort((a, b) => a - b);
}

const refusedBy = (answer: unknown) =>
  answer instanceof Problem
    ? { reason: String(answer.extra.applicable ?? answer.reason), detail: answer.message }
    : null;

const caveatIn = (answer: object): string | null =>
  'caveat' in answer && typeof answer.caveat === 'string' ? answer.caveat : null;

export function customerDetail(
  predictions: Predictions,
  churnPredictions: ChurnPredictions,
  asked: {
    view: LedgerView;
    sid: Uint8Array;
    ref: string;
    at: Coordinate | null;
    moment: Moment;
    timeline: number;
    currency: string;
  },
) {
  const { view, sid, ref, moment, currency } = asked;
  const scale = scaleOf(currency);
  const history = view.at(moment.day);
  const bought = hasBought(history);
  const timeline = timelineOf(view.entries, moment.day);
  const contracts = predictions.contractsAt(moment);
  const customer = toCustomer(history, moment.day, scale, contracts);
  const subject: Subject = {
    customerId: ref,
    sid,
    person: Buffer.from(view.entries.sid, 'hex'),
    customer,
    basis: 'history',
    knownAt: { seq: history.seq, day: dayText(moment.day) },
  };
  const at = asked.at && predictions.settled(asked.at, subject);
  const definition = churnPredictions.definitionFor(moment, view);
  const churn = churnPredictions.byView(moment, subject, view, { horizonDays: null, curve: false, explain: true });
  const clv = clvOf();

  const series = [];
  if (at && bought && definition.kind === 'non-contractual') {
    const purchaseDays = [...new Set(view.entries.orders.map((order) => order.day))].filter((day) => day <= moment.day);
    for (const day of gridOf(history.firstDay, moment.day, purchaseDays)) {
      const then = view.at(day);
      const answer = predictChurn(at.serving.model, toCustomer(then, day, scale, contracts), definition.horizonDays);
      if (answer.ok)
        series.push({
          day: dayText(day),
          p_alive: answer.value.pAlive,
          p_churn: answer.value.pChurn,
          purchases: then.frequency + 1,
        });
    }
  }
  return {
    first_day: bought ? dayText(history.firstDay) : null,
    last_day: bought ? dayText(history.lastDay) : null,
    orders: history.orders,
    frequency: history.frequency,
    ...netOf(history, currency),
    net_by_currency: netByCurrency(view.entries, moment.day),
    anonymous: view.entries.anonymous,
    linked: view.entries.linked.length,
    timeline: timeline.slice(0, asked.timeline).map((entry) => ({ ...entry, day: dayText(entry.day) })),
    timeline_total: timeline.length,
    p_alive_series: series,
    definition: {
      kind: definition.kind,
      horizon_days: definition.horizonDays,
      grace_days: definition.graceDays,
      active_within_days: definition.activeWithinDays,
    },
    subscription: subscriptionOf(view, definition, moment.day),
    ahead: churnPredictions.ahead(moment, view),
    churn:
      churn instanceof Problem
        ? null
        : {
            p_churn: churn.p_churn,
            p_alive: churn.p_alive,
            band: churn.band,
            horizon_days: churn.horizon_days,
            model: churn.model?.id ?? null,
            contributions: churnPredictions.valuesOf(moment, view, churn.model?.id ?? '', churn.contributions ?? []),
            explanation: churn.explanation ?? null,
          },
    clv:
      clv instanceof Problem
        ? null
        : {
            clv_mean: clv.clv_mean,
            clv_p05: clv.clv_p05,
            clv_p50: clv.clv_p50,
            clv_p95: clv.clv_p95,
            p_zero_spend: clv.p_zero_spend,
            expected_purchases: clv.expected_purchases,
            expected_spend: clv.expected_spend,
            months: clv.months,
          },
    caveat: caveatIn(churn) ?? caveatIn(clv),
    not_applicable: { churn: refusedBy(churn), clv: refusedBy(clv) },
  };

  function clvOf() {
    // Lifetime value is fitted to purchases; what a contract is worth is another model's business.
    if (definition.kind === 'contractual' && !bought)
      return new Problem('not-applicable', 'lifetime value speaks of purchases; this customer has a contract', {
        extra: { applicable: 'contractual' },
      });
    const answer = orProblem(() => predictions.clv(predictions.at(moment), subject, VALUE));
    return answer instanceof Problem && answer.extra.applicable === 'without-rate'
      ? namingCurrencies(answer, view, moment.day)
      : answer;
  }
}
