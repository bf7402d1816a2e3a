import { useRef } from "preact/hooks";
import type { Failure } from "../failure.ts";
import type { Texts } from "../texts/index.ts";
import { WarningIcon } from "./icons.tsx";
import { useTexts } from "./texts_context.ts";

interface Properties {
  readonly failure: Failure;
  readonly busy?: boolean;
  readonly about: "failedToLoad" | "failedToDo";
  readonly again: () => void;
}

/** What went wrong, and a button to try again. The words are put in anew at each failure, so that they are read again. */
export function Failed({ failure, busy = false, about, again }: Properties) {
  const texts = useTexts();
  const last = useRef({ failure, number: 0 });
  if (last.current.failure !== failure) {
    last.current = { failure, number: last.current.number + 1 };
  }
  return (
    <div class="failed" role="alert">
      <WarningIcon />
      <div key={last.current.number}>
        <p>
          {texts.say(about)} {troubleOf(failure, texts)}
        </p>
        <ErrorId failure={failure} />
      </div>
      <button type="button" class="second small" aria-disabled={busy} onClick={() => busy || again()}>
        {texts.say("tryAgain")}
      </button>
    </div>
  );
}

/** What an operator finds the failure by. */
export function ErrorId({ failure }: { failure: Failure }) {
  const texts = useTexts();
  return failure.id ? <p class="hint">{texts.say("errorId", { id: failure.id })}</p> : null;
}

/** A failure in words. */
export function troubleOf(failure: Failure, texts: Texts): string {
  return texts.say(`trouble.${failure.trouble}`);
}
