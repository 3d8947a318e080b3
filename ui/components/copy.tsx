// Copies a text and says so where the button was.
import { useEffect, useState } from 'react';
import { Icon, type IconName } from './icon.tsx';
import { Scroll } from './scroll.tsx';

/** Without https or localhost there is no clipboard API; a selection still works there. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function CopyButton(props: {
  text: string | (() => string);
  label: string;
  icon?: IconName;
  ghost?: boolean;
  disabled?: string | undefined;
}) {
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const run = () => {
    if (props.disabled) return;
    copy(typeof props.text === 'string' ? props.text : props.text()).then(
      () => setState('copied'),
      () => setState('failed'),
    );
  };
  const words = { idle: props.label, copied: 'Copied', failed: 'Not allowed by the browser' }[state];
  return (
    <button
      type="button"
      className={`ctl${props.ghost ? ' ghost' : ''}${props.disabled ? ' dis' : ''}`}
      aria-disabled={props.disabled ? true : undefined}
      title={props.disabled}
      onClick={run}
    >
      <Icon name={state === 'copied' ? 'check' : props.disabled ? 'lock' : (props.icon ?? 'code')} small />
      <span aria-live="polite">{words}</span>
    </button>
  );
}

/** A command to copy, readable as it stands. */
export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div className={text.length < 64 && !text.includes('\n') ? 'cmd short' : 'cmd'}>
      <Scroll label="Command">
        <pre>
          <code>{text}</code>
        </pre>
      </Scroll>
      <CopyButton text={text} label={label} />
    </div>
  );
}
