import { useCallback, useEffect, useState } from "preact/hooks";
import { begin, lastWish } from "../beginning.ts";
import { type Failure, failureOf } from "../failure.ts";
import type { Wish } from "../issuer.ts";
import { showsPerson } from "../last_person.ts";
import type { SignIn } from "../sign_in.ts";
import type { Tokens } from "../tokens.ts";
import type { Transport } from "../transport.ts";
import { Failed } from "./failed.tsx";
import { Frame } from "./frame.tsx";
import { Home } from "./home.tsx";
import { Opening } from "./opening.tsx";
import { type Reason, SignedOut } from "./signed_out.tsx";

type Phase =
  | { kind: "opening" }
  | { kind: "failed"; failure: Failure }
  | { kind: "out"; signIn: SignIn; reason: Reason; wish: Wish }
  | { kind: "in"; signIn: SignIn; tokens: Tokens };

interface Properties {
  readonly open: () => Promise<SignIn>;
  readonly transport: Transport;
}

/** The page: it signs in by itself when it comes with nothing, and asks first when that has been refused. */
export function App({ open, transport }: Properties) {
  const [phase, setPhase] = useState<Phase>({ kind: "opening" });
  const enter = useCallback(() => {
    setPhase({ kind: "opening" });
    phaseAfter(open).then(setPhase, (error: unknown) => setPhase({ kind: "failed", failure: failureOf(error) }));
  }, [open]);
  useEffect(enter, [enter]);
  switch (phase.kind) {
    case "opening":
      return <Opening />;
    case "failed":
      return (
        <Frame>
          <Failed failure={phase.failure} about="failedToLoad" again={enter} />
        </Frame>
      );
    case "out":
      return <SignedOut reason={phase.reason} signIn={() => phase.signIn.leave(phase.wish)} />;
    case "in": {
      const { signIn, tokens } = phase;
      const out = (reason: Reason) => {
        const wish = wishAfter(reason);
        tokens.forget();
        showsPerson("");
        // Several calls may find out that the session is over; what the first one says stands.
        setPhase((before) => (before === phase ? { kind: "out", signIn, reason, wish } : before));
      };
      return <Home signIn={signIn} tokens={tokens} transport={transport} out={out} />;
    }
  }
}

/** What the page begins with. Whoever has been sent away to sign in sees it open until the browser is there. */
async function phaseAfter(open: () => Promise<SignIn>): Promise<Phase> {
  const signIn = await open();
  const beginning = await begin(signIn);
  if (beginning.kind === "tokens") {
    return { kind: "in", signIn, tokens: beginning.tokens };
  }
  return { kind: "out", signIn, reason: beginning, wish: lastWish() };
}

/** Whom the button "Sign in" is for: whoever's session has ended; for somebody else, by choice, after a sign-out. */
function wishAfter(reason: Reason): Wish {
  if (reason.kind === "wanted") {
    return reason.others ? { prompt: "select_account" } : {};
  }
  return lastWish();
}
