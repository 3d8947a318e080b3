// Scores say by which clock they were made (facts §4), and the tables which zone their days were computed anew with (facts §3).
// Scores from before cannot say it: they are emptied and made again (catalogue.ts, version 2).
import { type CustomerNaming, MASKED } from './0002-views.ts';

export const scoresView = ({ schema, name, join }: CustomerNaming): string => `
create or replace view ${schema}.scores as
select ${name} as customer_id, s.model_id, s.p_churn, s.clv_mean, s.clv_p05, s.clv_p95, s.ts,
       s.p_alive, s.clv_p50, s.expected_purchases, s.horizon_days, s.seq, s.clock
from rm.scores s join rm.customers c using (sid_key) ${join};
`;

export const clockAndZone = `
truncate rm.scores;
alter table rm.scores add column clock text not null check (clock in ('log', 'wall'));
${scoresView(MASKED)}
-- {"version", "offsets"} that every earlier day was computed anew with; null: days are as the gateway stamped them.
alter table rm.meta add column zone jsonb;
-- Which decision is the latest is CTL's order, not the log's.
drop index rm.deployments_type;
create index deployments_type on rm.deployments (type, ctl_sequence desc);
`;
