/** Events of the log that the ledger has parked and these tables have therefore left out, by place; index −1: a whole message. */
export const parkedEvents = `
create table rm.parked (
  seq bigint not null,
  index integer not null,
  primary key (seq, index)
);
`;
