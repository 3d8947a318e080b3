// A source of customer events: how its times, amounts and fields are read, and the key its publishers show.
import { z } from 'zod';
import { type Coverage, DEFAULT_BURN_IN_DAYS, LONGEST_BURN_IN_DAYS } from './coverage.ts';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result, refuse } from './result.ts';

const rule = z.enum(['keep', 'seal', 'drop']);
const policy = z.object({
  version: z.int().min(1),
  fields: z.record(z.string(), rule),
  otherwise: z.enum(['drop', 'seal']),
  traits: z.enum(['seal', 'drop']),
  orderIds: z.enum(['seal', 'drop']),
});
/** 'complete', or the first day (days since 1970-01-01) the source knows everything from. */
const coverage = z.union([z.literal('complete'), z.int()]);
/** See domain/coverage.ts; events from before it was kept have the default. */
const burnInDays = z.int().min(0).max(LONGEST_BURN_IN_DAYS).default(DEFAULT_BURN_IN_DAYS);
/** ISO 4217, for amounts that come without one; null = the workspace's. */
const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .nullable();
/** SHA-256 of the write key, hex: the key itself is shown once and kept nowhere. */
const writeKeyHash = z.string().regex(/^[0-9a-f]{64}$/);

export const events = {
  /** `ordersAs` names the namespace of event and order ids. It is part of every hash, so it never changes. */
  'source.added': {
    version: 1,
    data: z.object({
      ordersAs: z.string().min(1),
      zone: z.string().min(1),
      currency,
      coverage,
      burnInDays,
      policy,
      writeKeyHash: writeKeyHash.nullable(),
    }),
  },
  'source.policy-set': { version: 1, data: z.object({ policy }) },
  'source.zone-set': { version: 1, data: z.object({ zone: z.string().min(1) }) },
  'source.currency-set': { version: 1, data: z.object({ currency }) },
  'source.coverage-set': { version: 1, data: z.object({ coverage, burnInDays }) },
  /** New credentials were made; those before go on until they are revoked. */
  'source.write-key-rotated': { version: 1, data: z.object({ writeKeyHash }) },
  /** Every credential made so far has stopped working: write keys and the NATS user. */
  'source.credentials-revoked': { version: 1, data: z.object({}) },
} as const;

export type SourceEvent = EventOf<typeof events>;
export type SourceSettings = Extract<SourceEvent, { type: 'source.added' }>['data'];
export type SourcePolicy = SourceSettings['policy'];
/** null: nobody has added it. `revoked`: no credential works until the next one is made. */
export type Source = (SourceSettings & { revoked: boolean }) | null;

export type SourceCommand =
  | { type: 'AddSource'; settings: Omit<SourceSettings, 'policy'> & { policy: Omit<SourcePolicy, 'version'> } }
  /** The policy's version is decided here: it is stored with every event read under it. */
  | { type: 'SetPolicy'; policy: Omit<SourcePolicy, 'version'> }
  | { type: 'SetZone'; zone: string }
  | { type: 'SetCurrency'; currency: string | null }
  | ({ type: 'SetCoverage' } & Coverage)
  | { type: 'RotateWriteKey'; writeKeyHash: string }
  | { type: 'RevokeCredentials' };

export type SourceReason = 'source-unknown' | 'source-exists' | 'orders-as-is-fixed';

function evolve(state: Source, event: SourceEvent): Source {
  if (event.type === 'source.added') return { ...event.data, revoked: false };
  if (state === null) throw new Error(`${event.type} of a source that was never added`);
  if (event.type === 'source.credentials-revoked') return { ...state, writeKeyHash: null, revoked: true };
  if (event.type === 'source.write-key-rotated') return { ...state, ...event.data, revoked: false };
  return { ...state, ...event.data };
}

function decide(command: SourceCommand, state: Source): Result<SourceEvent[], SourceReason> {
  if (command.type === 'AddSource') {
    const { settings } = command;
    const data = { ...settings, policy: { ...settings.policy, version: state?.policy.version ?? 1 } };
    if (state === null) return ok([{ type: 'source.added', data }]);
    if (state.ordersAs !== settings.ordersAs) return refuse('orders-as-is-fixed');
    return same(state, { ...data, revoked: state.revoked }) ? ok([]) : refuse('source-exists');
  }
  if (state === null) return refuse('source-unknown');
  switch (command.type) {
    case 'SetPolicy': {
      const { version } = state.policy;
      if (same({ ...command.policy, version }, state.policy)) return ok([]);
      return ok([{ type: 'source.policy-set', data: { policy: { ...command.policy, version: version + 1 } } }]);
    }
    case 'SetZone':
      if (state.zone === command.zone) return ok([]);
      return ok([{ type: 'source.zone-set', data: { zone: command.zone } }]);
    case 'SetCurrency':
      if (state.currency === command.currency) return ok([]);
      return ok([{ type: 'source.currency-set', data: { currency: command.currency } }]);
    case 'SetCoverage':
      if (state.coverage === command.coverage && state.burnInDays === command.burnInDays) return ok([]);
      return ok([
        { type: 'source.coverage-set', data: { coverage: command.coverage, burnInDays: command.burnInDays } },
      ]);
    case 'RotateWriteKey':
      if (state.writeKeyHash === command.writeKeyHash) return ok([]);
      return ok([{ type: 'source.write-key-rotated', data: { writeKeyHash: command.writeKeyHash } }]);
    case 'RevokeCredentials':
      return state.revoked ? ok([]) : ok([{ type: 'source.credentials-revoked', data: {} }]);
  }
}

/** Equal as JSON, whatever the order of the keys. */
const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

export const source: Decider<Source, SourceCommand, SourceEvent, SourceReason> = {
  aggregate: 'source',
  events,
  initial: null,
  evolve,
  decide,
};
