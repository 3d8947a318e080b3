// The tables of the read models, keyed by sid: who a customer is stays in the keyring (facts §7). All LOGGED: a checkpoint that survives
// a kill -9 beside rows that do not would lose them silently (architecture §6). fillfactor 70 leaves room to update a row in its page.
export const tables = `
create table rm.checkpoints (
  projection text primary key,
  -- Definition of its tables; another one than the program's means: rebuild.
  version integer not null,
  -- Last log position whose effect is in the tables, committed together with it.
  seq bigint not null default 0,
  -- One life of one writer: a writer whose epoch is no longer here has been replaced and must stop.
  epoch bigint not null default 0,
  updated_at timestamptz not null default now()
);

-- One row: what the events projection knows of the workspace, committed with its checkpoint.
create table rm.meta (
  one boolean primary key default true check (one),
  workspace_id text,
  reporting_currency text,
  clock_mode text not null default 'log' check (clock_mode in ('log', 'wall')),
  -- Workspace clock in log mode: the largest event time, ms since 1970, and the largest event day.
  clock_at bigint,
  clock_day integer,
  -- First day that rm.events and the view "events" hold; it only moves forward.
  window_start integer not null default -2147483648
);
insert into rm.meta default values;

-- Written by state from the fold thread, not from the log: the latest row of each customer wins by seq.
create table rm.customers (
  sid_key bigint primary key,
  sid uuid not null,
  anonymous boolean not null,
  -- Days since 1970 in the workspace's zone; null without a purchase.
  first_day integer,
  last_day integer,
  -- Largest day of anything known of the customer.
  change_day integer,
  orders integer not null,
  -- Purchase days after the first one (x).
  frequency integer not null,
  -- Repeat days with net money above 0, and their sum, in minor units of the currency.
  money_days integer not null,
  money_minor bigint not null,
  net_minor bigint not null,
  currency text collate "C",
  seq bigint not null
) with (fillfactor = 70);
create index customers_last_day on rm.customers (last_day desc nulls last, sid_key);
create index customers_orders on rm.customers (orders desc nulls last, sid_key);
create index customers_net on rm.customers (net_minor desc nulls last, sid_key);
create index customers_first_day on rm.customers (first_day, sid_key);

-- Orders (kind 0) and refunds (kind 1), one row a key; which of several wins is facts §2, the same in any order of arrival.
create table rm.transactions (
  sid_key bigint not null,
  order_key bigint not null,
  event_hash uuid not null,
  at timestamptz not null,
  minor bigint,
  refunded_order_key bigint,
  revision bigint not null,
  -- Log position of the event that won.
  seq bigint not null,
  day integer not null,
  kind smallint not null check (kind in (0, 1)),
  currency text collate "C",
  channel text,
  source text not null,
  run text,
  props jsonb,
  primary key (sid_key, order_key, kind)
) with (fillfactor = 70);
-- Days come roughly in order, so a summary of page ranges finds a window; a btree would cost a fifth of the merge rate.
create index transactions_day on rm.transactions using brin (day) with (pages_per_range = 32, autosummarize = on);

-- Everything that is neither order nor refund, in daily partitions of a moving window; the log holds the rest.
create table rm.events (
  event_hash uuid not null,
  sid_key bigint not null,
  at timestamptz not null,
  seq bigint not null,
  minor bigint,
  day integer not null,
  type smallint not null,
  currency text collate "C",
  name text,
  channel text,
  source text not null,
  run text,
  props jsonb,
  -- An id counts within its customer, type and instant, as in the ledger.
  primary key (day, event_hash, sid_key, at, type)
) partition by range (day);
create index events_sid on rm.events (sid_key, day);

create table rm.event_types (code smallint primary key, name text not null unique);

-- Sids that are one person, and under which of them the rows of all live.
create table rm.links (
  sid_key bigint primary key,
  sid uuid not null,
  -- Some link calls it the known one.
  known boolean not null,
  canonical_key bigint not null,
  canonical uuid not null,
  -- Log position of the last link of the group.
  seq bigint not null
);
create index links_canonical on rm.links (canonical_key);

create table rm.erasures (sid_key bigint primary key, seq bigint not null);
-- What is left of the erased: by month, without a person.
create table rm.erased_totals (
  month date not null,
  kind smallint not null,
  currency text collate "C" not null,
  rows bigint not null,
  -- Not bigint: 1,025 absurd amounts would overflow it, and the projector could never pass that erasure.
  minor numeric not null,
  primary key (month, kind, currency)
);

create table rm.scores (
  sid_key bigint not null,
  model_id text collate "C" not null,
  p_churn double precision,
  p_alive double precision,
  clv_mean double precision,
  clv_p05 double precision,
  clv_p50 double precision,
  clv_p95 double precision,
  expected_purchases double precision,
  horizon_days integer not null,
  seq bigint not null,
  ts timestamptz not null,
  primary key (sid_key, model_id)
) with (fillfactor = 70);
create index scores_clv on rm.scores (model_id, clv_mean desc nulls last, sid_key);
create index scores_churn on rm.scores (model_id, p_churn desc nulls last, sid_key);

create table rm.models (
  model_id text collate "C" primary key,
  -- What it predicts: clv, churn …
  type text not null,
  model text not null,
  version integer not null,
  digest text not null,
  metrics jsonb,
  created_at timestamptz not null
);
create table rm.deployments (
  -- A barrier written twice (a retry after a crash) is one deployment, at its first place in the log.
  ctl_sequence bigint primary key,
  seq bigint not null,
  type text not null,
  model_id text collate "C" not null,
  digest text not null,
  deployed_at timestamptz not null
);
create index deployments_type on rm.deployments (type, seq desc);

create table rm.experiments (
  exp_id text collate "C" primary key,
  name text not null,
  variants jsonb not null,
  status text not null,
  created_at timestamptz not null
);
-- Exposures carry neither y nor amount; outcomes do.
create table rm.observations (
  event_hash uuid primary key,
  sid_key bigint not null,
  exp_id text collate "C" not null,
  variant text not null,
  at timestamptz not null,
  y double precision,
  minor bigint,
  currency text collate "C",
  seq bigint not null
);
create index observations_experiment on rm.observations (exp_id, variant, at);
create index observations_sid on rm.observations (sid_key);
`;
