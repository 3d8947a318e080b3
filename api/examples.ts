// What /docs shows as sample bodies, and what "Try it out" sends: real values instead of what a generator makes of patterns and unions.
// The predictions ask for a customer of the demo; what cannot be undone names nobody who is there.

/** Shown as a list to choose from; the first one is what the page begins with. */
export type Examples<T = unknown> = Readonly<Record<string, T>>;

/** As OpenAPI has them: a key, a summary, a value. */
export const examplesOf = (examples: Examples): Record<string, { summary: string; value: unknown }> =>
  Object.fromEntries(Object.entries(examples).map(([summary, value], i) => [`example${i + 1}`, { summary, value }]));

const placed = {
  id: 'evt-2025-000431',
  type: 'order.placed',
  customer_id: 'c-1042',
  at: '2025-11-03T14:05:00Z',
  data: { order_id: 'o-88213', amount: '59.90', currency: 'EUR', channel: 'web' },
};
const refunded = {
  id: 'evt-2025-000502',
  type: 'order.refunded',
  customer_id: 'c-1042',
  at: '2025-11-10T09:30:00Z',
  data: { refund_id: 'r-1201', order_id: 'o-88213', amount: '19.90', currency: 'EUR' },
};
const visited = {
  id: 'evt-2025-000377',
  type: 'activity.recorded',
  customer_id: 'c-1042',
  at: '2025-11-03T13:58:12Z',
  data: { name: 'product viewed', channel: 'web' },
};
export const EVENTS: Examples = {
  'an order': placed,
  'several events': [visited, placed, refunded],
  'a refund': refunded,
};

const message = { messageId: 'msg-2025-000431', userId: 'c-1042', timestamp: '2025-11-03T14:05:00Z' };
const completed = { event: 'Order Completed', properties: { order_id: 'o-88213', revenue: 59.9, currency: 'EUR' } };
export const SEGMENT: Readonly<
  Record<'track' | 'batch' | 'identify' | 'page' | 'screen' | 'group' | 'alias', Examples>
> = {
  track: {
    'an order': { ...message, ...completed },
    'a refund': {
      ...message,
      messageId: 'msg-2025-000502',
      event: 'Order Refunded',
      properties: { order_id: 'o-88213', revenue: 19.9, currency: 'EUR' },
    },
  },
  batch: {
    'a page and an order': {
      batch: [
        { type: 'page', ...message, messageId: 'msg-2025-000430', name: 'Checkout' },
        { type: 'track', ...message, ...completed },
      ],
    },
  },
  identify: { 'traits of a customer': { ...message, traits: { plan: 'pro' } } },
  page: { 'a page': { ...message, name: 'Checkout', properties: { path: '/checkout' } } },
  screen: { 'a screen': { ...message, name: 'Basket' } },
  group: { 'a company': { ...message, groupId: 'company-7', traits: { industry: 'retail' } } },
  alias: { 'a browser is a customer': { ...message, previousId: 'browser-5c1e' } },
};

const summary = { frequency: 4, recency: 30.5, T: 38.9, monetary_value: 47.2, unit: 'week' as const };
const transactions = [
  { at: '2025-01-14', amount: '35.00', currency: 'EUR' },
  { at: '2025-03-02', amount: '52.50', currency: 'EUR' },
  { at: '2025-06-20', amount: '41.00', currency: 'EUR' },
];
const items = [{ customer_id: 'demo-00042' }, { customer_id: 'demo-00043' }, { summary }];
export const CHURN = {
  'by customer id': { customer_id: 'demo-00042', horizon_days: 90 },
  'as of a moment': { customer_id: 'demo-00042', as_of: '2026-05-31', curve: true },
  'by summary': { summary, horizon_days: 90 },
  'by transactions': { transactions, horizon_days: 90 },
  'several at once': { items, horizon_days: 90 },
};
export const CLV = {
  'by customer id': { customer_id: 'demo-00042', months: 12, discount_monthly: 0.01 },
  'as of a moment': { customer_id: 'demo-00042', as_of: '2026-05-31', months: 12 },
  'by summary': { summary, months: 12 },
  'by transactions': { transactions, months: 12 },
  'several at once': { items, months: 12 },
};
const score_id = 'AgBYhpGVC0hYp1vd1L7bZ4XHkcjD4m3pT5qVbWk0ZyJqLkQAAAAAAAAAAABAQeTLdUIAAAAAAIBWQJ1pYQ8n0m1vXo2c';
export const SCORES_TO_VERIFY = {
  'the whole answer': { score_id, given: { p_churn: 0.3127, p_alive: 0.8461, horizon_days: 90 } },
  'the number that was noted': { score_id, value: 0.3127 },
  'only compute it again': { score_id },
};
const customer_ids = ['demo-00042', 'demo-00043', 'demo-00044'];
export const COLUMNS = {
  'churn risk': { customer_ids, kind: 'churn' as const, horizon_days: 90 },
  'lifetime value': { customer_ids, kind: 'clv' as const, months: 12 },
};

/** Fader, Hardie & Lee (2005), CDNOW, weeks; Gamma-Gamma of the same customers. */
const bgNbd = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const gammaGamma = { p: 6.25, q: 3.74, v: 15.44 };
export const MODEL_FILE = {
  'purchases and money': { model: 'clv', unit: 'week', bgNbd, gammaGamma },
  'two files of fit --json': [
    { model: 'bg-nbd', unit: 'week', params: bgNbd },
    { model: 'gamma-gamma', params: gammaGamma },
  ],
};
