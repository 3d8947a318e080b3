// The headline figures of a customer under contract: nothing of purchases, which say nothing about them.
import { definitionInWords } from '../churn-words.ts';
import { ABSENT, count, day, days, money, percent, splitUnit } from '../format.ts';
import type { Customer } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { Kpi } from './panel.tsx';

export function SubscriberFigures({ customer, past }: { customer: Customer; past: boolean }) {
  const { churn, ahead, subscription, definition, not_applicable: refused } = customer;
  const none: readonly [string, string] = [ABSENT, ''];
  const fades = !past;
  const last = ahead?.points.at(-1);
  const price = subscription?.price ?? null;
  return (
    <div className="kpis top k5">
      <Kpi
        name="Churn risk"
        unit={`${churn?.horizon_days ?? definition.horizon_days} d`}
        value={churn ? splitUnit(percent(churn.p_churn)) : none}
        title={definitionInWords(definition)}
        interval={churn ? 'interval not estimated' : reasonWords(refused.churn?.reason ?? 'no-model')}
        fades={fades}
      />
      <Kpi
        name="Still here"
        unit={last && last.days > 0 ? `in ${count(last.days)} d` : ''}
        value={last && last.days > 0 ? splitUnit(percent(last.p_stays)) : none}
        title={`P(still under contract then | under contract now), by the Cox model in force${ahead?.caveat ? `; ${ahead.caveat}` : ''}`}
        interval={
          ahead
            ? ahead.reason
              ? reasonWords(ahead.reason)
              : ahead.caveat !== null && ahead.watched_days !== null
                ? `extrapolated beyond ${days(ahead.watched_days)} seen`
                : 'interval not estimated'
            : 'no Cox model is in force'
        }
        fades={fades}
      />
      <Kpi
        name="Under contract"
        unit={subscription?.ended ? 'was' : 'so far'}
        value={subscription ? splitUnit(days(subscription.days)) : none}
        interval={
          subscription
            ? subscription.ended
              ? `ended ${day(subscription.ended)}`
              : `since ${day(subscription.since)}`
            : ''
        }
        fades={fades}
      />
      <Kpi
        name="Price"
        value={price === null ? none : [money(Number(price), subscription?.currency ?? ''), '']}
        interval={subscription?.plan ?? 'no plan named'}
        fades={fades}
      />
      <Kpi
        name="CLV"
        value={none}
        title={refused.clv?.detail ?? ''}
        interval={
          refused.clv?.reason === 'contractual'
            ? 'speaks of purchases only'
            : reasonWords(refused.clv?.reason ?? 'no-model')
        }
        fades={fades}
      />
    </div>
  );
}
