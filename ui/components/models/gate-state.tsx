// One gate's verdict: icon, word and colour; and its figures.
import { ABSENT, count, decimal, signed } from '../../format.ts';
import type { Gate } from '../../models.ts';
import { Icon } from '../icon.tsx';

export type GateVerdict = 'none' | 'good' | 'approved' | 'warn' | 'bad';
export const verdictOf = ({ applicable, passed, approved }: Gate): GateVerdict =>
  !applicable ? 'none' : passed === true ? 'good' : approved ? 'approved' : passed === null ? 'warn' : 'bad';

const WORDS = {
  none: 'not applicable',
  good: 'passed',
  approved: 'approved',
  warn: 'not known',
  bad: 'not passed',
} as const;
const ICONS = { none: 'info', good: 'check', approved: 'check', warn: 'warning', bad: 'close' } as const;

export function GateState({ gate }: { gate: Gate }) {
  const verdict = verdictOf(gate);
  return (
    <span className={`gate ${verdict === 'none' || verdict === 'approved' ? 't2' : verdict}`}>
      <Icon name={ICONS[verdict]} small />
      {WORDS[verdict]}
    </span>
  );
}

export function gateFigure(value: number | null): string {
  if (value === null) return ABSENT;
  if (Math.abs(value) < 1e-12) return '0';
  const digits = Math.abs(value) >= 10 ? 1 : 4;
  return Number.isInteger(value) ? count(value) : value < 0 ? signed(value, digits) : decimal(value, digits);
}
