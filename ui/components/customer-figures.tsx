// The headline figures of a customer at one moment.
import { definitionInWords } from '../churn-words.ts';
import { dayOf } from '../customer-moment.ts';
import {
  ABSENT,
  count,
  counted,
  days,
  daysBetween,
  decimal,
  money,
  moneyInterval,
  percent,
  splitUnit,
} from '../format.ts';
import type { Customer } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { Kpi } from './panel.tsx';

function lastOrder(customer: Customer): string {
  if (customer.last_day === null) return 'no order';
  const ago = daysBetween(customer.last_day, dayOf(customer));
  return ago === 0 ? 'last order on this day' : `last order ${days(ago)} ago`;
}

/** What a model takes for granted is not a figure just below it (nobody leaves: a chance to of 1e-12 a purchase). */
export const aliveShown = (alive: number, caveat: string | null): number =>
  caveat !== null && alive > 1 - 1e-6 ? 1 : alive;

export function aliveInterval(alive: number | null, caveat: string | null): string {
  if (alive === null) return 'a classifier does not say';
  return caveat === null ? 'interval not estimated' : 'by assumption';
}

export function CustomerFigures({ customer, past }: { customer: Customer; past: boolean }) {
  const { churn, clv, currency } = customer;
  const fades = !past;
  const refused = reasonWords(customer.not_applicable.churn?.reason ?? 'no-model');
  const none: readonly [string, string] = [ABSENT, ''];
  return (
    <div className="kpis top">
      <Kpi
        name="Churn risk"
        unit={`${churn?.horizon_days ?? customer.definition.horizon_days} d`}
        value={churn ? splitUnit(percent(churn.p_churn)) : none}
        title={definitionInWords(customer.definition)}
        interval={churn ? 'interval not estimated' : refused}
        fades={fades}
      />
      <Kpi
        name="P(alive)"
        value={churn && churn.p_alive !== null ? splitUnit(percent(aliveShown(churn.p_alive, customer.caveat))) : none}
        title="The probability of still being a customer at all"
        interval={churn ? aliveInterval(churn.p_alive, customer.caveat) : refused}
        fades={fades}
      />
      <Kpi
        name="CLV"
        unit={`${clv?.months ?? 12} mo, p05–p95`}
        value={clv ? splitUnit(money(clv.clv_mean, currency, 'figure')) : none}
        interval={
          clv
            ? moneyInterval(clv.clv_p05, clv.clv_p95, currency)
            : reasonWords(customer.not_applicable.clv?.reason ?? 'no-model')
        }
        fades={fades}
      />
      <Kpi
        name="Expected orders"
        unit={`${clv?.months ?? 12} mo`}
        value={clv ? [decimal(clv.expected_purchases), ''] : none}
        interval={clv ? `P(none) ${percent(clv.p_zero_spend, 0)}` : refused}
        fades={fades}
      />
      <Kpi
        name="Orders"
        unit="so far"
        value={[count(customer.orders), '']}
        interval={counted(customer.frequency, 'repeat day')}
        fades={fades}
      />
      <Kpi
        name="Net revenue"
        unit="so far"
        value={
          customer.net === null
            ? [customer.net_by_currency.map((each) => `${each.net} ${each.currency}`).join(', '), '']
            : splitUnit(money(customer.net, currency, 'figure'))
        }
        interval={lastOrder(customer)}
        fades={fades}
      />
    </div>
  );
}
