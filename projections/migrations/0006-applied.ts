/** What the tables have taken from the log, counted in the transaction that took it (applied.ts). */
export const applied = `
alter table rm.checkpoints
  -- Counted are the messages after this position; before it stood a version that did not count.
  add column counted_from bigint not null default 0,
  add column events bigint not null default 0,
  -- Sums of the first two 32-bit words of the events' hashes, modulo 2^62: in any order the same, of what is doubled or missing another.
  add column ids_a bigint not null default 0,
  add column ids_b bigint not null default 0;
update rm.checkpoints set counted_from = seq;
`;
