import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "../failure.ts";
import { ErrorId, troubleOf } from "./failed.tsx";
import { useTexts } from "./texts_context.ts";

/**
 * Why nobody is signed in: they wanted it so (and perhaps others of the browser still are), the session was ended
 * elsewhere, or the sign-in did not come about.
 */
export type Reason = { kind: "wanted"; others: boolean } | { kind: "ended" } | { kind: "refused"; failure: Failure };

interface Properties {
  readonly reason: Reason;
  readonly signIn: () => Promise<void>;
}

/** Nobody is signed in: why, and a button to sign in. Its heading has the focus unless the page begins with it. */
export function SignedOut({ reason, signIn }: Properties) {
  const texts = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  const [failure, setFailure] = useState<Failure>();
  const refused = reason.kind === "refused" ? reason.failure : undefined;
  useEffect(() => {
    if (reason.kind !== "refused") heading.current?.focus();
  }, [reason]);
  return (
    <main class="alone">
      <img src="/account/icon.svg" alt="" />
      <h1 ref={heading} tabIndex={-1}>
        {texts.say(refused ? "refusedTitle" : "signedOutTitle")}
      </h1>
      {reason.kind === "ended" && <p>{texts.say("sessionEnded")}</p>}
      {refused && <Refusal failure={refused} />}
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

/** Why there was no sign-in; who cancelled it knows enough. */
function Refusal({ failure }: { failure: Failure }) {
  const texts = useTexts();
  if (failure.id === "access_denied") {
    return <p>{texts.say("cancelled")}</p>;
  }
  return (
    <>
      <p>{troubleOf(failure, texts)}</p>
      <ErrorId failure={failure} />
    </>
  );
}
