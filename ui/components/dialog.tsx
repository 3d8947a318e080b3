// A modal window on the browser's own <dialog>: it traps focus, closes on Escape and gives focus back.
import { type ReactNode, useEffect, useRef } from 'react';

export function Dialog(props: { label: string; className?: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it from the keyboard.
    <dialog
      ref={ref}
      className={`dlg ${props.className ?? ''}`}
      aria-label={props.label}
      // Closing is told late: a window that was opened again meanwhile stays.
      onClose={() => !ref.current?.open && props.onClose()}
      onClick={(event) => event.target === ref.current && props.onClose()}
    >
      {props.children}
    </dialog>
  );
}
