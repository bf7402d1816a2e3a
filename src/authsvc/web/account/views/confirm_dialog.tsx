import { useEffect, useId, useRef } from "preact/hooks";
import { useTexts } from "./texts_context.ts";

interface Properties {
  readonly title: string;
  readonly about: string;
  readonly action: string;
  readonly busy: boolean;
  readonly confirm: () => void;
  readonly close: () => void;
}

/** A question before something is done. It is shown as soon as it is there; the browser keeps the focus in it. */
export function ConfirmDialog({ title, about, action, busy, confirm, close }: Properties) {
  const texts = useTexts();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    cancel.current?.focus();
    // Closed before it goes away: only then does the browser give the focus back to the button that asked.
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} aria-describedby={`${id}-about`} onClose={close}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p id={`${id}-about`}>{about}</p>
      <div class="row">
        <button ref={cancel} type="button" class="second" onClick={() => dialog.current?.close()}>
          {texts.say("cancel")}
        </button>
        <button type="button" class="grave" aria-disabled={busy} onClick={() => busy || confirm()}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
