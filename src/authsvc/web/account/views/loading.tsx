import { useTexts } from "./texts_context.ts";

/** Grey lines where something is going to be. */
export function Loading({ lines }: { lines: number }) {
  const texts = useTexts();
  return (
    <div class="skeleton">
      <p class="unseen">{texts.say("loading")}</p>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="bone" aria-hidden="true" />
      ))}
    </div>
  );
}
