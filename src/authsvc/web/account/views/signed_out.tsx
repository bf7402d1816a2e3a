import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "../failure.ts";
import { ErrorId, troubleOf } from "./failed.tsx";
import { useTexts } from "./texts_context.ts";

/**
 * Why nobody is signed in: they wanted it so (and perhaps others of the browser still are), the session was ended
 * elsewhere, or the sign-in did not come about, as they cancelled it or it was refused.
 */
export type Reason =
  | { kind: "wanted"; others: boolean }
  | { kind: "ended" }
  | { kind: "cancelled" }
  | { kind: "refused"; failure: Failure };

interface Properties {
  readonly reason: Reason;
  readonly signIn: () => Promise<void>;
}

/** Nobody is signed in: why, and a button to sign in. Its heading has the focus unless the page begins with it. */
export function SignedOut({ reason, signIn }: Properties) {
  const texts = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  const [failure, setFailure] = useState<Failure>();
  const wasSignedIn = reason.kind === "wanted" || reason.kind === "ended";
  useEffect(() => {
    if (wasSignedIn) heading.current?.focus();
  }, [wasSignedIn]);
  return (
    <main class="alone">
      <img src="/account/icon.svg" alt="" />
      <h1 ref={heading} tabIndex={-1}>
        {texts.say(wasSignedIn ? "signedOutTitle" : "refusedTitle")}
      </h1>
      {reason.kind === "ended" && <p>{texts.say("sessionEnded")}</p>}
      {reason.kind === "cancelled" && <p>{texts.say("cancelled")}</p>}
      {reason.kind === "refused" && (
        <>
          <p>{troubleOf(reason.failure, texts)}</p>
          <ErrorId failure={reason.failure} />
        </>
      )}
      {failure && (
        <p class="failed" role="alert">
          {texts.say("failedToDo")} {troubleOf(failure, texts)}
        </p>
      )}
      <button type="button" onClick={() => signIn().catch((error: unknown) => setFailure(failureOf(error)))}>
        {texts.say("signIn")}
      </button>
    </main>
  );
}
