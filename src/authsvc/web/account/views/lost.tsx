import { useLayoutEffect, useRef } from "preact/hooks";
import { WarningIcon } from "./icons.tsx";
import { useTexts } from "./texts_context.ts";

/** Says that the server is away, as long as it is. When it goes and its button had the focus, the page's parts get it. */
export function Lost({ retry }: { retry: () => void }) {
  const texts = useTexts();
  const banner = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const shown = banner.current;
    return () => {
      if (shown?.contains(document.activeElement)) {
        document.getElementById("content")?.focus({ preventScroll: true });
      }
    };
  }, []);
  return (
    <div class="lost" role="alert" ref={banner}>
      <WarningIcon />
      <p>{texts.say("connectionLost")}</p>
      <button type="button" class="second small" onClick={retry}>
        {texts.say("tryAgainNow")}
      </button>
    </div>
  );
}
