/**
 * Lists by last purchase, orders and net money are read from the columns in memory (memory/ordered-rows.ts). Without these indexes a changed
 * customer's row finds room in its page and no index is written (HOT): what is indexed now, the key and the first day, seldom changes.
 */
export const ordersInMemory = `
drop index if exists rm.customers_last_day;
drop index if exists rm.customers_orders;
drop index if exists rm.customers_net;
`;
