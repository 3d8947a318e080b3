// What the pages ask the API, by name: one place that knows keys, lifetimes and when an answer is old.
import { keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';
import { answer, api } from './client.ts';
import { reading } from './patience.ts';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What `navigator` thinks of the network says nothing of a server on this machine.
      networkMode: 'always',
      ...reading,
    },
    mutations: { networkMode: 'always' },
  },
});

export const meQuery = queryOptions({ queryKey: ['me'], queryFn: () => answer(api.api.me.$get()), staleTime: 60_000 });

const home = () => answer(api.api.home.$get());
export type Home = Awaited<ReturnType<typeof home>>;
export const homeQuery = queryOptions({
  queryKey: ['home'],
  queryFn: home,
  placeholderData: keepPreviousData,
});

const people = () => answer(api.api.home.people.$get());
export type PeopleThere = Awaited<ReturnType<typeof people>>;
export const peopleQuery = queryOptions({ queryKey: ['people'], queryFn: people, placeholderData: keepPreviousData });

export const readyQuery = queryOptions({
  queryKey: ['ready'],
  queryFn: async () => {
    // 503 is an answer here, not a failure.
    const response = await api.readyz.$get();
    return await response.json();
  },
  // That nobody answers is an answer here too.
  retry: false,
  refetchInterval: 15_000,
});

export const SORTS = ['last_day', 'p_churn', 'clv', 'orders', 'net'] as const;
export type Sort = (typeof SORTS)[number];
export const PAGE_ROWS = 200;

export interface CustomersAsked {
  q?: string | undefined;
  sort: Sort;
  cursor?: string | undefined;
}
/** What is searched for may be an id: it travels in a body, never in an address. */
const found = (q: string, limit: number) => answer(api.api.customers.search.$post({ json: { q, limit } }));
const customersPage = ({ q, sort, cursor }: CustomersAsked) =>
  q
    ? found(q, PAGE_ROWS)
    : answer(api.api.customers.$get({ query: { sort, limit: PAGE_ROWS, ...(cursor && { cursor }) } }));
export type CustomerPage = Awaited<ReturnType<typeof customersPage>>;
export type CustomerRow = CustomerPage['items'][number];
export const customersQuery = (asked: CustomersAsked) =>
  queryOptions({
    queryKey: ['customers', asked],
    queryFn: () => customersPage(asked),
    placeholderData: keepPreviousData,
  });

/** Matches of a search box: few, and by the beginning of the id. */
export const matchesQuery = (q: string) =>
  queryOptions({
    queryKey: ['matches', q],
    queryFn: () => found(q, 8),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  });

const customerAt = (ref: string, asOf: string | undefined) =>
  answer(api.api.customers[':ref'].$get({ param: { ref }, query: { timeline: 5000, ...(asOf && { as_of: asOf }) } }));
export type Customer = Awaited<ReturnType<typeof customerAt>>;
export const customerQuery = (ref: string, asOf: string | undefined) =>
  queryOptions({
    queryKey: ['customer', ref, asOf ?? 'now'],
    queryFn: () => customerAt(ref, asOf),
    // Another moment of the same customer keeps the page; another customer does not.
    placeholderData: (previous, query) => (query?.queryKey[1] === ref ? previous : undefined),
    // A past moment changes only when something late arrives.
    staleTime: asOf ? 60_000 : 10_000,
  });

export const modelQuery = (id: string | undefined) =>
  queryOptions({
    queryKey: ['model', id],
    queryFn: () => answer(api.api.models[':id'].$get({ param: { id: id! } })),
    enabled: id !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The signed name of the score on the page: the same coordinates give the same digits. */
export const scoreQuery = (customer: Pick<Customer, 'customer_id' | 'ref' | 'as_of'>) =>
  queryOptions({
    queryKey: ['score', customer.ref, customer.as_of.seq, customer.as_of.at],
    queryFn: async () => {
      const { seq, at } = customer.as_of;
      const scored = await answer(
        api.api.predict.churn.$post({
          json: { customer_id: customer.customer_id, as_of: { seq, ...(at !== null && { at }) } },
        }),
      );
      return 'items' in scored ? null : scored;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What the model says of somebody nothing is known of. */
export const priorQuery = (id: string) =>
  queryOptions({
    queryKey: ['prior', id],
    queryFn: async () => {
      const [churn, clv] = await Promise.all([
        answer(api.api.predict.churn.$post({ json: { customer_id: id } })),
        answer(api.api.predict.clv.$post({ json: { customer_id: id } })),
      ]);
      if ('items' in churn || 'items' in clv) throw new Error('one customer was asked about, many answered');
      return [churn, clv] as const;
    },
  });
