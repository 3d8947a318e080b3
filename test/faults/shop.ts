// The shop whose sales are sent while things break. Sale number n is the same whenever it is asked for, so a witness of millions of
// acknowledged sales costs no memory: producers say which numbers were acknowledged, and everybody can say what they were.
import type { PlainEvent } from '../support/independent-fold.ts';

const DAY = 86_400_000;
export const SOURCE = 'shop';

export interface Shop {
  customers: number;
  /** When sale n happened, ms. */
  at(n: number): number;
}

/** A number's scattered twin, 32 bits: the finaliser of MurmurHash3 (Appleby). */
export function scatter(n: number, salt: number): number {
  let z = (n + Math.imul(salt + 1, 0x9e37_79b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

const BEGIN = Date.UTC(2025, 0, 1);
/** Any second of 600 days, in no order at all. */
export const scattered = (n: number): number => BEGIN + (scatter(n, 1) % (600 * 86_400)) * 1_000;
export const shopOf = (customers: number, at = scattered): Shop => ({ customers, at });

export const eventId = (n: number): string => `e-${n}`;

/** As the independent fold counts it. One in 20 is a refund that names no order. */
export const plainSale = (shop: Shop, n: number): PlainEvent => ({
  kind: scatter(n, 2) % 20 === 0 ? 'refund' : 'order',
  customer: `f-${scatter(n, 3) % shop.customers}`,
  key: `o-${n}`,
  day: Math.floor(shop.at(n) / DAY),
  minor: 100 + (scatter(n, 4) % 9_900),
  currency: 'EUR',
  revision: 0,
});

/** As a publisher sends it. */
export function sentSale(shop: Shop, n: number): Record<string, unknown> {
  const { kind, customer, key, minor } = plainSale(shop, n);
  const amount = (minor! / 100).toFixed(2);
  return {
    id: eventId(n),
    type: kind === 'order' ? 'order.placed' : 'order.refunded',
    customer_id: customer,
    at: new Date(shop.at(n)).toISOString(),
    data: { [kind === 'order' ? 'order_id' : 'refund_id']: key, amount, currency: 'EUR' },
  };
}
