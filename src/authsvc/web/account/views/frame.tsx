import type { ComponentChildren } from "preact";
import { useTexts } from "./texts_context.ts";

/** What is around the parts of the page: the way past the head, the head, and what stands above all else. */
export function Frame({ above, children }: { above?: ComponentChildren; children: ComponentChildren }) {
  const texts = useTexts();
  return (
    <>
      <a class="skip" href="#content">
        {texts.say("skip")}
      </a>
      <header class="head">
        <img src="/account/icon.svg" alt="" />
        <h1>{texts.say("title")}</h1>
      </header>
      {above}
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
