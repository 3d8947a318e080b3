/** Orders and refunds of the erased, under their keys alone: totals over them do not depend on what came before the erasure (ADR 0003). */
export const erasedDocuments = `
drop table rm.erased_totals;
create table rm.erased_documents (
  order_key bigint not null,
  kind smallint not null,
  revision bigint not null,
  day integer not null,
  minor bigint,
  currency text collate "C",
  refunded_order_key bigint,
  primary key (order_key, kind)
);
create view rm.erased_totals as
  select date_trunc('month', date '1970-01-01' + day)::date as month, kind, coalesce(currency, '') as currency, count(*) as rows,
    coalesce(sum(minor), 0) as minor
  from rm.erased_documents group by 1, 2, 3;
`;
