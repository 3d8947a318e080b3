// What cannot be taken back lightly: its effect is said before, a reason is asked for where one is kept, and a refusal stays in the window.
import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { Dialog } from './dialog.tsx';
import { Failed } from './states.tsx';

export function Confirm(props: {
  title: string;
  /** What will happen. */
  children: ReactNode;
  confirm: string;
  /** Asks for a reason of at least so many letters, which is kept. */
  reason?: { label: string; least: number };
  danger?: boolean;
  onConfirm: (reason: string) => Promise<unknown>;
  onClose: () => void;
}) {
  const [reason, setReason] = useState('');
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const hintId = useId();
  const short = props.reason !== undefined && reason.trim().length < props.reason.least;
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (short || busy) return;
    setBusy(true);
    setError(null);
    props
      .onConfirm(reason.trim())
      .then(props.onClose)
      .catch((refusal: unknown) => setError(refusal instanceof Error ? refusal : new Error(String(refusal))))
      .finally(() => setBusy(false));
  };
  return (
    <Dialog label={props.title} className="confirm" onClose={props.onClose}>
      <form onSubmit={onSubmit}>
        <h2>{props.title}</h2>
        <div className="effect">{props.children}</div>
        {props.reason && (
          <label className="wide">
            <span>{props.reason.label}</span>
            <textarea
              rows={2}
              value={reason}
              maxLength={500}
              aria-describedby={hintId}
              onChange={(event) => setReason(event.target.value)}
            />
            <small id={hintId} className="t3">
              {short
                ? `At least ${props.reason.least} letters; it is kept with the change.`
                : 'It is kept with the change.'}
            </small>
          </label>
        )}
        {error && <Failed lead="Not done.">{error.message}</Failed>}
        <div className="acts">
          <button type="button" className="ctl" onClick={props.onClose}>
            Close
          </button>
          <button type="submit" className={props.danger ? 'ctl bad' : 'ctl pri'} disabled={short || busy}>
            {busy ? 'One moment…' : props.confirm}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
