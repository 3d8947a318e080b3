// The field policy of a source: what travels in the clear, what is sealed under the customer's key, what is dropped with a count (facts §1).
import { parseExact } from './exact-number.ts';
import { ok, type Result, refuse } from './result.ts';
import { cleanText, looksPersonal } from './text.ts';

type FieldRule = 'keep' | 'seal' | 'drop';

/** Versioned per source; stored with every event as `policyVersion`. */
export interface FieldPolicy {
  version: number;
  /** By field name of `data`, `props`, `properties` and `traits`; what is not named follows `otherwise`. */
  fields: Readonly<Record<string, FieldRule>>;
  /** Fields nobody named. */
  otherwise: 'drop' | 'seal';
  traits: 'seal' | 'drop';
  orderIds: 'seal' | 'drop';
}

/** In the clear: type, times, amount, currency, channel, name. Sealed: traits, raw order ids. The rest, session ids included, is dropped and counted. */
export const DEFAULT_POLICY: FieldPolicy = {
  version: 1,
  fields: {},
  otherwise: 'drop',
  traits: 'seal',
  orderIds: 'seal',
};

/** What a source has said so far, one a source, kept by the gateway; parsing adds to it. */
export interface PolicyState {
  names: Set<string>;
  channels: Set<string>;
}

export const createPolicyState = (names: Iterable<string> = [], channels: Iterable<string> = []): PolicyState => ({
  names: new Set(names),
  channels: new Set(channels),
});

/** Distinct names (and channels) a source may have in the clear; a flood of them is data about persons, not an enum. */
export const MAX_LABELS = 200;
const MAX_LABEL_LENGTH = 64;
const OTHER = 'other';

/**
 * A label in the clear, or 'other' once the source has used up its 200 (the caller seals the original).
 * Refuses what looks personal. A label is remembered only when it is admitted.
 */
export function admitLabel(label: string, seen: Set<string>): Result<string> {
  if (seen.has(label)) return ok(label);
  const personal = looksPersonal(label);
  if (personal !== null) return refuse(`looks like ${personal}; it would travel in the clear`);
  if (seen.size >= MAX_LABELS) return ok(OTHER);
  seen.add(label);
  return ok(label);
}

/** Both labels of an event; beyond the 200 the original is sealed. Null, or what is wrong, beginning with the field. */
export function admitLabels(
  event: { channel: string | null; name: string | null },
  state: PolicyState,
  into: Sorted,
): string | null {
  for (const field of ['channel', 'name'] as const) {
    const label = event[field];
    const seen = field === 'name' ? state.names : state.channels;
    if (label === null || seen.has(label)) continue;
    const admitted = admitLabel(label, seen);
    if (!admitted.ok) return `${field} ${admitted.reason}`;
    if (admitted.value === OTHER && label !== OTHER) seal(field, label, into);
    event[field] = admitted.value;
  }
  return null;
}

/** What the policy makes of one event's free fields. */
export interface Sorted {
  props: Record<string, string | number | boolean> | null;
  sealed: Record<string, unknown> | null;
  dropped: number;
}

/** Sorts one field; the reason says why a field declared `keep` may not travel in the clear. */
export function sortField(name: string, value: unknown, policy: FieldPolicy, into: Sorted): Result<null> {
  const rule = Object.hasOwn(policy.fields, name) ? policy.fields[name]! : policy.otherwise;
  // '__proto__' would set the object's prototype instead of a field.
  if (rule === 'drop' || value === undefined || name === '__proto__') into.dropped++;
  else if (rule === 'seal') seal(name, value, into);
  else if (value !== null) {
    const plain = plainValue(value);
    if (!plain.ok) return plain;
    into.props ??= {};
    into.props[name] = plain.value;
  }
  return ok(null);
}

export function seal(name: string, value: unknown, into: Sorted): void {
  into.sealed ??= {};
  into.sealed[name] = value;
}

/** Enums, numbers and booleans that look like nobody's. */
export function plainValue(value: unknown): Result<string | number | boolean> {
  if (typeof value === 'boolean') return ok(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return refuse('is not a finite number');
    // The log holds integers only (facts §1, §5): any other number is written out as the decimal it is.
    if (!Number.isSafeInteger(value)) {
      const text = String(value);
      if (parseExact(text) === null) return refuse('is a number of more than 15 digits; send it as a text');
      value = text;
    }
  }
  if (typeof value !== 'number') {
    const label = cleanText(value, MAX_LABEL_LENGTH);
    if (label === null)
      return refuse(`is not a number, a boolean or a text of 1 … ${MAX_LABEL_LENGTH} printable characters`);
    value = label;
  }
  const personal = looksPersonal(value as string | number);
  return personal === null
    ? ok(value as string | number)
    : refuse(`looks like ${personal}; the field policy keeps this field in the clear`);
}

/** Upper bound of a sealed part, characters of text in it: a pack must always find room for one event. */
const MAX_SEALED = 65_536;

/** Whether a value's texts, keys and numbers stay below `limit` characters (depth ≤ 32). Stops as soon as they do not. */
export function isSmall(value: unknown, limit = MAX_SEALED): boolean {
  let left = limit;
  const walk = (node: unknown, depth: number): void => {
    if (typeof node === 'string') left -= node.length + 2;
    else if (typeof node !== 'object' || node === null) left -= 8;
    else if (depth > 32) left = -1;
    else
      for (const key in node) {
        if (left < 0) return;
        left -= key.length + 4;
        walk((node as Record<string, unknown>)[key], depth + 1);
      }
  };
  walk(value, 0);
  return left >= 0;
}
