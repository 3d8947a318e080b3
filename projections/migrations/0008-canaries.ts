// A deployment may be to some of the customers: a canary (percent < 100), whose end is one with 0.
export const canaries = `
alter table rm.deployments add column percent double precision not null default 100;
`;
