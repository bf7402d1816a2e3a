import { useEffect, useState } from "preact/hooks";
import { copy } from "../clipboard.ts";
import { CheckIcon, CopyIcon } from "./icons.tsx";
import { useTexts } from "./texts_context.ts";

const SHOWN = 2_000;

interface Properties {
  readonly label: string;
  /** What the label leaves to the eye: what the button stands beside. */
  readonly subject?: string;
  readonly text: () => Promise<string>;
  /** What is said when it has been copied. */
  readonly done: () => string;
  readonly say: (message: string) => void;
}

/** A button that copies a text. */
export function CopyButton({ label, subject = "", text, done, say }: Properties) {
  const texts = useTexts();
  const [copied, setCopied] = useState(0);
  useEffect(() => {
    if (copied === 0) return;
    const timer = setTimeout(() => setCopied(0), SHOWN);
    return () => clearTimeout(timer);
  }, [copied]);
  const act = async () => {
    try {
      await copy(text());
      setCopied((times) => times + 1);
      say(done());
    } catch {
      say(texts.say("notCopied"));
    }
  };
  return (
    <button type="button" class="second small copy" onClick={act}>
      {copied ? <CheckIcon /> : <CopyIcon />}
      <span>
        {label}
        {subject && <span class="unseen"> {subject}</span>}
      </span>
    </button>
  );
}
