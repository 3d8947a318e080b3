// A parse context for tests of what comes in: the default policy, UTC, one batch.
import type { ParseContext } from '#domain/events.ts';
import { REJECT_AFTER_MS } from '#domain/events.ts';
import { createOccurrences } from '#domain/orders.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { UTC } from '#domain/time.ts';

export const NOW = Date.UTC(2026, 10, 20, 12);

export const parseContext = (overrides: Partial<ParseContext> = {}): ParseContext => ({
  source: 'shop',
  zoneOffsets: UTC,
  defaultCurrency: 'EUR',
  policy: DEFAULT_POLICY,
  policyState: createPolicyState(),
  occurrences: createOccurrences(),
  now: NOW,
  rejectAfterMs: REJECT_AFTER_MS,
  ...overrides,
});
