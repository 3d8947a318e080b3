// The list of keys.
import { rail } from '../views/catalogue.ts';
import { Dialog } from './dialog.tsx';

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['/', '⌘K'], 'search customers and pages'],
  ...rail.map((entry) => [[`g ${entry.key}`], `go to ${entry.title}`] as const),
  [['j', 'k'], 'next and previous row of a table'],
  [['↵'], 'open the row'],
  [['←', '→'], 'as-of slider: one event; with shift one day'],
  [['←', '→'], 'chart in focus: one point'],
  [['?'], 'this list'],
  [['esc'], 'close'],
];

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keyboard shortcuts" className="keys" onClose={onClose}>
      <h2>Keyboard</h2>
      <dl>
        {KEYS.map(([keys, does]) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
