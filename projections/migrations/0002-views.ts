// The read models under the names people ask for. Each schema shows the same views: in "masked" a customer is a pseudonym (the sid's text);
// in "identified" (made by ../identified-views.ts where the keyring can be reached) the customer id as the keyring knows it.
// The views run with their owner's rights, so a role that may select from them reaches neither rm nor the keyring itself.
import { currencies, exponentOf } from '#domain/money.ts';

/** How a schema names a customer `c` (a row of rm.customers), and what it has to join for it. */
export interface CustomerNaming {
  schema: 'masked' | 'identified';
  name: string;
  join: string;
}
export const MASKED: CustomerNaming = { schema: 'masked', name: 'c.sid::text', join: '' };

/** Roles of the views; they cannot log in: grant them to those who can. */
export const ROLE_OF = { masked: 'axiom47_analyst', identified: 'axiom47_analyst_identified' } as const;

/** Order and type of columns are a contract: append only. Scores: migration 0003. */
export const customerViews = ({ schema, name, join }: CustomerNaming): string => `
create or replace view ${schema}.customers as
select ${name} as customer_id,
       case when c.orders = 0 then 'prospect' when c.frequency = 0 then 'one-time' else 'repeat' end as segment,
       (date '1970-01-01' + c.first_day)::timestamp at time zone 'UTC' as created_at,
       (date '1970-01-01' + c.last_day) as last_order_on,
       c.orders, c.frequency, c.anonymous,
       rm.amount_of(c.net_minor, c.currency) as net_amount,
       c.currency, c.seq
from rm.customers c ${join};

create or replace view ${schema}.transactions as
select ${name} as customer_id, t.at as txn_ts,
       rm.amount_of(case when t.kind = 1 then -t.minor else t.minor end, t.currency) as amount,
       t.channel, t.currency, case t.kind when 0 then 'order' else 'refund' end as kind,
       (date '1970-01-01' + t.day) as day, t.revision, t.source, t.run, t.seq
from rm.transactions t join rm.customers c using (sid_key) ${join};

create or replace view ${schema}.events as
select ${name} as customer_id, e.at as event_ts, e.type,
       coalesce(e.props, '{}'::jsonb) || jsonb_strip_nulls(jsonb_build_object(
         'name', e.name, 'channel', e.channel, 'currency', e.currency,
         'amount', rm.amount_of(e.minor, e.currency))) as props,
       (date '1970-01-01' + e.day) as day, e.source, e.run, e.seq
from (
  select t.sid_key, t.at, t.day, case t.kind when 0 then 'order.placed' else 'order.refunded' end as type,
         null as name, t.channel, t.currency, t.minor, t.props, t.source, t.run, t.seq
  from rm.transactions t where t.day >= (select window_start from rm.meta)
  union all
  select a.sid_key, a.at, a.day, n.name, a.name, a.channel, a.currency, a.minor, a.props, a.source, a.run, a.seq
  from rm.events a join rm.event_types n on n.code = a.type where a.day >= (select window_start from rm.meta)
) e join rm.customers c using (sid_key) ${join};

create or replace view ${schema}.features as
select ${name} as customer_id, 'rfm-1' as version,
       jsonb_build_object(
         'frequency', c.frequency, 'recency_days', c.last_day - c.first_day, 'age_days', m.clock_day - c.first_day,
         'orders', c.orders, 'money_days', c.money_days,
         'monetary_value', case when c.money_days > 0
           then round(rm.amount_of(c.money_minor, c.currency) / c.money_days, 6) end) as vector,
       to_timestamp(m.clock_at / 1000.0) as ts, c.seq
from rm.customers c cross join rm.meta m ${join}
where c.orders > 0;

create or replace view ${schema}.models as
select model_id, type, version, metrics, created_at, model, digest from rm.models;

create or replace view ${schema}.experiments as
select exp_id, name, variants, status, created_at from rm.experiments;

create or replace view ${schema}.observations as
select exp_id, variant, at as ts, y, rm.amount_of(minor, currency) as amount, currency
from rm.observations;
`;

/** Minor units → an exact decimal; the exponents are ISO 4217's, from the one table in domain/money.ts. */
export const amountFunction = (): string => {
  const codes = (exponent: number) =>
    currencies()
      .filter((code) => exponentOf(code) === exponent)
      .map((code) => `'${code}'`)
      .join(', ');
  return `create or replace function rm.amount_of(minor bigint, code text) returns numeric language sql immutable parallel safe
  return case when code in (${codes(0)}) then minor::numeric
    when code in (${codes(3)}) then minor * 0.001
    when code in (${codes(4)}) then minor * 0.0001 else minor * 0.01 end;`;
};

/** As it was before scores had a clock (0003). */
const firstScoresView = ({ schema, name, join }: CustomerNaming): string => `
create or replace view ${schema}.scores as
select ${name} as customer_id, s.model_id, s.p_churn, s.clv_mean, s.clv_p05, s.clv_p95, s.ts,
       s.p_alive, s.clv_p50, s.expected_purchases, s.horizon_days, s.seq
from rm.scores s join rm.customers c using (sid_key) ${join};
`;

export const views = `${amountFunction()}\ncreate schema masked;\n${customerViews(MASKED)}${firstScoresView(MASKED)}`;
