// The field policy of a source: what travels in the clear, what is sealed under the customer's key, what is dropped with a count (facts §1).

export type FieldRule = 'keep' | 'seal' | 'drop';

/** Versioned per source; stored with every event as `policyVersion`. */
export interface FieldPolicy {
  version: number;
  /** By field name of `data`, `props`, `properties`, `traits`; what is not named follows `otherwise`. */
  fields: Readonly<Record<string, FieldRule>>;
  /** Fields nobody named. */
  otherwise: 'drop' | 'seal';
  traits: 'seal' | 'drop';
  orderIds: 'seal' | 'drop';
}

/** What a source has said so far: names beyond 200 become 'other'. One a source, kept by the gateway; changed by parsing. */
export interface PolicyState {
  names: Set<string>;
  channels: Set<string>;
}

export const DEFAULT_POLICY: FieldPolicy = {
  version: 1,
  fields: {},
  otherwise: 'drop',
  traits: 'seal',
  orderIds: 'seal',
};

export const createPolicyState = (names: Iterable<string> = [], channels: Iterable<string> = []): PolicyState => ({
  names: new Set(names),
  channels: new Set(channels),
});
