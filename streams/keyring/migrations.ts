// The keyring's tables, forward only: append a statement, never change one that has been released.

export const KEYRING_MIGRATIONS: readonly string[] = [
  `
  -- Who a sid stands for, and the seed of its key. Deleting a row destroys both (facts §8).
  create table identities (
    created_no bigint generated always as identity primary key,
    customer_id text collate "C" not null,
    anonymous boolean not null,
    sid uuid not null,
    sid_key bigint not null unique,
    key_seed bytea not null check (length(key_seed) = 32),
    linked_to uuid,
    -- Events at or before this instant (ms) belong to somebody who was erased under the same id.
    refuse_until bigint,
    unique (customer_id, anonymous)
  );
  create index identities_linked on identities (linked_to) where linked_to is not null;
  create index identities_reopened on identities (created_no) where refuse_until is not null;

  -- HMAC(id key, customer id) of erased customers, and the instant (ms) up to which their input is refused.
  create table erased (mac bytea primary key, at bigint not null);

  -- Keys of the workspace, wrapped under the data directory's secret.
  create table secrets (name text primary key, generation int not null, wrapped bytea not null);

  -- Facts decided here and not yet known to be in the log: links and erasures (appended again after a crash; folds take them as a set).
  create table pending_facts (no bigint generated always as identity primary key, fact bytea not null);

  create table counters (name text primary key, value bigint not null);

  -- The names and channels a source may use in the clear (at most 200 each).
  create table source_values (source text, kind text, value text, primary key (source, kind, value));
  `,
];
