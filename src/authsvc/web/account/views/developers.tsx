import { useId, useState } from "preact/hooks";
import type { Account, Call } from "../account.ts";
import type { Tokens } from "../tokens.ts";
import { CopyButton } from "./copy_button.tsx";
import { MethodAnswer } from "./method_answer.tsx";
import { useTexts } from "./texts_context.ts";
import { useNamed } from "./use_hash.ts";

interface Properties {
  readonly calls: ReadonlyMap<string, Call>;
  readonly account: Account;
  readonly tokens: Tokens;
  readonly say: (words: string) => void;
}

/** The calls of this page as they are, and how to make them elsewhere. Nothing of it is there before it is asked for. */
export function Developers({ calls, account, tokens, say }: Properties) {
  const texts = useTexts();
  const id = useId();
  const [open, setOpen] = useState(false);
  useNamed("developers", () => setOpen(true));
  return (
    <section id="developers" class="card developers" aria-labelledby={id}>
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <h2 id={id}>{texts.say("developers")}</h2>
        </summary>
        {open && (
          <div class="answers">
            <p class="quiet">{texts.say("developersAbout")}</p>
            <div class="token">
              <CopyButton
                label={texts.say("copyToken")}
                text={() => account.token()}
                done={() => texts.say("tokenCopied", { time: texts.time(tokens.expiresAt) })}
                say={say}
              />
              <p class="hint">{texts.say("tokenAbout")}</p>
            </div>
            {calls.size === 0 && <p>{texts.say("nothingYet")}</p>}
            {[...calls].map(([name, call]) => (
              <MethodAnswer key={name} call={call} say={say} />
            ))}
          </div>
        )}
      </details>
    </section>
  );
}
