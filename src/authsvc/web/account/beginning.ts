/** How the page begins: what its own URL brought, and what follows from that. */

import { Failure } from "./failure.ts";
import type { Wish } from "./issuer.ts";
import { lastPerson } from "./last_person.ts";
import type { Arrival, SignIn } from "./sign_in.ts";
import type { Tokens } from "./tokens.ts";
import { isBack, mayLeave } from "./unasked.ts";

/** Somebody is signed in, or has thought better of it, or could not be signed in. */
export type Beginning =
  { kind: "tokens"; tokens: Tokens } | { kind: "cancelled" } | { kind: "refused"; failure: Failure };

/** Who is signed in. As long as the browser is on its way to the sign-in, this does not resolve; rejects with a `Failure`. */
export async function begin(signIn: SignIn): Promise<Beginning> {
  const arrival = await signIn.arrive();
  switch (arrival.kind) {
    case "tokens":
      isBack();
      return arrival;
    case "refused":
      return afterRefusal(signIn, arrival);
    case "nothing":
      if (!mayLeave()) {
        return { kind: "refused", failure: new Failure("unexpected", "signing in leads back here without an answer") };
      }
      return signIn.leave(lastWish());
  }
}

/** The sign-in of whom the page showed last in this tab. */
export function lastWish(): Wish {
  const loginHint = lastPerson();
  return loginHint ? { loginHint } : {};
}

/**
 * Whoever cancels the sign-in of somebody else comes back to the person that was shown before, if they are signed in
 * still. That is tried once, and nobody is asked: otherwise one who cancels would be sent to sign in for ever.
 */
async function afterRefusal(
  signIn: SignIn,
  { failure, silent }: Extract<Arrival, { kind: "refused" }>,
): Promise<Beginning> {
  if (silent && failure.trouble === "refused") {
    return { kind: "cancelled" };
  }
  if (silent || failure.id !== "access_denied") {
    return { kind: "refused", failure };
  }
  const wish = lastWish();
  return wish.loginHint === undefined ? { kind: "cancelled" } : signIn.leave({ ...wish, prompt: "none" });
}
