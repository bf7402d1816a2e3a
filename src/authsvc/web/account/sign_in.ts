/**
 * Signing in: the code flow with PKCE (RFC 6749, section 4.1; RFC 7636) as a page goes through it.
 *
 * The browser leaves the page and comes back to it. What must survive that waits in the tab's session storage, under the
 * state of the request, so that several sign-ins do not get in each other's way. No token is ever stored.
 */

import { generateRandomCodeVerifier, generateRandomNonce, generateRandomState } from "oauth4webapi";
import { Failure, failureOf } from "./failure.ts";
import { Issuer, type Secrets, type Wish } from "./issuer.ts";
import { Tokens } from "./tokens.ts";

/** What the page's own URL brought. `silent`: nobody was to be asked anything. */
export type Arrival =
  { kind: "nothing" } | { kind: "tokens"; tokens: Tokens } | { kind: "refused"; failure: Failure; silent: boolean };

interface Pending extends Secrets {
  readonly hash: string;
  readonly silent: boolean;
}

const WAITING = "authsvc.sign_in.";
const MOVED = "authsvc.moved";
const AGAIN = "again.";
const SOON = 10_000; // ms

/** The sign-in of this page. */
export class SignIn {
  readonly #issuer: Issuer;
  #mark = "";

  constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  /**
   * Learns about the authorization server of the page's origin. Rejects with a `Failure`.
   *
   * Where the issuer has another origin (127.0.0.1 for localhost), the browser goes to the page there.
   */
  static async open(origin: string): Promise<SignIn> {
    const issuer = await Issuer.discover(origin);
    if (new URL(issuer.page).origin === origin) {
      return new SignIn(issuer);
    }
    try {
      refuseToCircle(issuer.page);
    } catch (error) {
      throw failureOf(error);
    }
    return goTo(issuer.page + location.hash);
  }

  /** What the page's URL brought; the URL is cleaned, so that neither a reload nor a bookmark brings it again. */
  async arrive(): Promise<Arrival> {
    const parameters = new URLSearchParams(location.search);
    if (!parameters.has("code") && !parameters.has("error")) {
      return { kind: "nothing" };
    }
    const state = parameters.get("state") ?? "";
    const pending = take(state);
    history.replaceState(null, "", location.pathname + (location.hash || (pending?.hash ?? "")));
    if (pending === null) {
      return this.#astray(state);
    }
    try {
      const grant = await this.#issuer.exchange(parameters, state, pending);
      return { kind: "tokens", tokens: new Tokens(grant, (refresh) => this.#issuer.refresh(refresh)) };
    } catch (error) {
      return { kind: "refused", failure: failureOf(error), silent: pending.silent };
    }
  }

  /** Sends the browser to sign in. It comes back to a new page, so this never resolves; rejects with a `Failure`. */
  async leave(wish: Wish = {}): Promise<never> {
    const state = this.#mark + generateRandomState();
    const pending: Pending = {
      verifier: generateRandomCodeVerifier(),
      nonce: generateRandomNonce(),
      hash: location.hash,
      silent: wish.prompt === "none",
    };
    let url: string;
    try {
      sessionStorage.setItem(WAITING + state, JSON.stringify(pending));
      url = await this.#issuer.authorizationUrl(state, pending, wish);
    } catch (error) {
      throw failureOf(error);
    }
    return goTo(url);
  }

  /**
   * An answer to a sign-in that is not under way here: a used one (the back button), or one that somebody else began.
   *
   * It is worth nothing, and the page may sign in anew by itself. In a browser that keeps nothing for the page every
   * answer would be such, for ever; so the state of the next request is marked, and if its answer is unknown as well,
   * the page stops.
   */
  #astray(state: string): Arrival {
    if (state.startsWith(AGAIN)) {
      const failure = new Failure("refused", "the answer is to a sign-in that this tab does not know");
      return { kind: "refused", failure, silent: false };
    }
    this.#mark = AGAIN;
    return { kind: "nothing" };
  }
}

/** What waits for the answer to `state`, or null. All that waits in this tab is removed. */
function take(state: string): Pending | null {
  try {
    const waiting = sessionStorage.getItem(WAITING + state);
    for (const key of Object.keys(sessionStorage)) {
      if (waiting !== null && key.startsWith(WAITING)) {
        sessionStorage.removeItem(key);
      }
    }
    return waiting === null ? null : (JSON.parse(waiting) as Pending);
  } catch {
    return null;
  }
}

/** Whoever was sent to the issuer's page just now, and is here again, would be sent round for ever. */
function refuseToCircle(page: string): void {
  const since = Date.now() - Number(sessionStorage.getItem(MOVED) ?? Number.NEGATIVE_INFINITY);
  if (Math.abs(since) < SOON) {
    throw new Failure("unexpected", `the server calls itself ${page}, which leads back here`);
  }
  sessionStorage.setItem(MOVED, String(Date.now()));
}

/** The page is replaced in the history: going back from the sign-in must not lead to a page that sends forward again. */
function goTo(url: string): Promise<never> {
  location.replace(url);
  return new Promise<never>(() => {});
}
