import { useId, useMemo } from "preact/hooks";
import type { Call } from "../account.ts";
import { answerJson, bufLine, curlLine, grpcurlLine } from "../commands.ts";
import { CopyButton } from "./copy_button.tsx";
import { useTexts } from "./texts_context.ts";

const LINES = [
  ["copyCurl", curlLine],
  ["copyGrpcurl", grpcurlLine],
  ["copyBuf", bufLine],
] as const;

/** One call: its answer as JSON, and lines that make it in a terminal. */
export function MethodAnswer({ call, say }: { call: Call; say: (words: string) => void }) {
  const texts = useTexts();
  const id = useId();
  const json = useMemo(() => answerJson(call), [call]);
  const method = call.method.name;
  return (
    <article aria-labelledby={id}>
      <h3 id={id}>
        {call.method.parent.typeName}/<wbr />
        <strong>{method}</strong>
      </h3>
      <pre tabIndex={0} role="region" aria-label={texts.say("answerOf", { method })}>
        {json}
      </pre>
      <ul class="lines">
        {LINES.map(([label, make]) => {
          const line = make(call, location.origin);
          return (
            <li key={label}>
              <code>{line}</code>
              <CopyButton
                label={texts.say(label)}
                subject={texts.say("forMethod", { method })}
                text={() => Promise.resolve(line)}
                done={() => texts.say("copied")}
                say={say}
              />
            </li>
          );
        })}
      </ul>
    </article>
  );
}
