// What churn means for a customer, and what a model read of them, in words for people.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { count, counted, decimal } from './format.ts';
import type { Customer } from './queries.ts';

type Definition = Customer['definition'];

/** A definition as artefacts and jobs keep it, in the words of the API. */
export const spoken = ({ kind, horizonDays, graceDays, activeWithinDays }: ChurnDefinition): Definition => ({
  kind,
  horizon_days: horizonDays,
  grace_days: graceDays,
  active_within_days: activeWithinDays,
});

export function definitionInWords({ kind, horizon_days, grace_days, active_within_days }: Definition): string {
  if (kind === 'contractual') {
    const grace = grace_days > 0 ? ` and none begins within ${counted(grace_days, 'day')} after` : '';
    return `Lost means here: every subscription ends within ${counted(horizon_days, 'day')}${grace}.`;
  }
  const whom =
    active_within_days === null ? '' : ` Asked of who bought in the last ${counted(active_within_days, 'day')}.`;
  return `Lost means here: no purchase within ${counted(horizon_days, 'day')}.${whom}`;
}

const ATTRIBUTE = 'attribute:';
/** `subscription_tenure_days` → Subscription tenure; an attribute has the name it was sent with. */
export function featureWords(name: string): string {
  if (name.startsWith(ATTRIBUTE)) return name.slice(ATTRIBUTE.length);
  const words = name.replace(/_days$/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const UNITS: Record<string, string> = { days: '\u202fd', ratio: '×' };
export function valueWords(value: number | string | null, unit: string | null): string {
  if (value === null) return 'not known';
  if (typeof value === 'string') return value;
  const shown = Number.isInteger(value) ? count(value) : decimal(value, 2);
  return shown + (UNITS[unit ?? ''] ?? '');
}
