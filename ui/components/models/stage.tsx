// Where a version stands on its way to answering: word and glyph, never colour alone.
import { percent as share } from '../../format.ts';
import { Icon, type IconName } from '../icon.tsx';

const LOOK: Record<string, { tone: string; icon: IconName; word: string }> = {
  registered: { tone: '', icon: 'models', word: 'Registered' },
  shadow: { tone: '', icon: 'activity', word: 'Shadow' },
  canary: { tone: ' warn', icon: 'activity', word: 'Canary' },
  active: { tone: ' on', icon: 'check', word: 'Active' },
  retired: { tone: '', icon: 'stop', word: 'Retired' },
};

export function StageChip({ stage, percent }: { stage: string; percent: number | null }) {
  const { tone, icon, word } = LOOK[stage] ?? { tone: '', icon: 'info' as const, word: stage };
  return (
    <span className={`chip status${tone}`} data-stage={stage}>
      <Icon name={icon} small />
      {word}
      {percent !== null && <b>{share(percent / 100, 0)}</b>}
    </span>
  );
}
