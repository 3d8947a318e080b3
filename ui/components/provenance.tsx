// How a customer's figures were read: position, moment, model, what it was told; and the signed name of the score.
import { useQuery } from '@tanstack/react-query';
import { useMay, useMe } from '../account.ts';
import { dayOf } from '../customer-moment.ts';
import { ABSENT, clock, count, day, days, daysBetween, position } from '../format.ts';
import { type Customer, scoreQuery } from '../queries.ts';
import { CopyButton } from './copy.tsx';
import { Panel } from './panel.tsx';

export function Provenance({ customer, past }: { customer: Customer; past: boolean }) {
  const mayPredict = useMay('predict');
  const score = useQuery({
    ...scoreQuery(customer),
    enabled: mayPredict && !customer.masked && customer.churn !== null,
  });
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const id = score.data?.score_id ?? null;
  return (
    <Panel title="How this was read" span="c4" className="snug">
      <dl className="kv">
        <dt>Log position</dt>
        <dd className="mono">{position(customer.as_of.seq)}</dd>
        <dt>Moment</dt>
        <dd>
          {customer.as_of.at ? `${day(dayOf(customer))}${past ? '' : `, ${clock(customer.as_of.at, zone)}`}` : ABSENT}
        </dd>
        <dt>Model</dt>
        <dd className="mono">{customer.churn?.model ?? customer.model?.id ?? ABSENT}</dd>
        {customer.subscription && customer.first_day === null ? (
          <>
            <dt>Under contract</dt>
            <dd>{days(customer.subscription.days)}</dd>
            <dt>Plan</dt>
            <dd>{customer.subscription.plan ?? ABSENT}</dd>
          </>
        ) : (
          <>
            <dt>Repeat days x</dt>
            <dd>{count(customer.frequency)}</dd>
            <dt>Recency t_x</dt>
            <dd>
              {customer.first_day && customer.last_day
                ? days(daysBetween(customer.first_day, customer.last_day))
                : ABSENT}
            </dd>
            <dt>Age T</dt>
            <dd>{customer.first_day ? days(daysBetween(customer.first_day, dayOf(customer))) : ABSENT}</dd>
          </>
        )}
        <dt>Further ids</dt>
        <dd>{count(customer.linked)}</dd>
      </dl>
      <div className="acts">
        <CopyButton
          icon="link"
          label="Copy score id"
          text={id ?? ''}
          disabled={
            id
              ? undefined
              : customer.masked
                ? 'Needs a role that sees customer ids (Analyst, Product manager, Administrator)'
                : 'No score at this moment'
          }
        />
      </div>
    </Panel>
  );
}
