/** Access and refresh token: in memory only, and renewed by one request at a time. */

import { Failure, failureOf } from "./failure.ts";

/** What the token endpoint gave: `expiresAt` by this browser's clock, in ms; `refresh` is "" when there is none. */
export interface Grant {
  readonly access: string;
  readonly refresh: string;
  readonly expiresAt: number;
}

/** Asks the token endpoint for the successor of a refresh token. Rejects with "signed_out" when that is worth nothing. */
type Renewal = (refresh: string) => Promise<Grant>;

const EARLY = 30_000; // ms before its end at which a token is renewed

/** The tokens of one sign-in. */
export class Tokens {
  readonly #ask: Renewal;
  #grant: Grant | null;
  #early: number;
  #running: Promise<string> | null = null;

  constructor(grant: Grant, ask: Renewal) {
    this.#grant = grant;
    this.#ask = ask;
    this.#early = early(grant);
  }

  /** When the access token expires, in ms by this browser's clock; 0 when there is none. */
  get expiresAt(): number {
    return this.#grant?.expiresAt ?? 0;
  }

  /** An access token, renewed first when it has less than 30 s left. */
  async access(): Promise<string> {
    const grant = this.#held();
    if (Date.now() < grant.expiresAt - this.#early) {
      return grant.access;
    }
    try {
      return await this.renew(grant.access);
    } catch (error) {
      // What is still good for some seconds is better than no call at all.
      if (this.#grant === grant && Date.now() < grant.expiresAt) {
        return grant.access;
      }
      throw error;
    }
  }

  /** A token other than `stale`, which the server has refused: a new one, unless another call has got one meanwhile. */
  async renew(stale: string): Promise<string> {
    const grant = this.#held();
    if (grant.access !== stale) {
      return grant.access;
    }
    this.#running ??= this.#replace(grant).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Drops both tokens. */
  forget(): void {
    this.#grant = null;
  }

  #held(): Grant {
    if (this.#grant === null) {
      throw signedOut();
    }
    return this.#grant;
  }

  async #replace(grant: Grant): Promise<string> {
    const next = await this.#successor(grant);
    // Nobody wants the tokens any more when they were dropped while the answer was under way.
    if (this.#grant !== grant) {
      throw signedOut();
    }
    this.#grant = next;
    this.#early = early(next);
    return next.access;
  }

  async #successor(grant: Grant): Promise<Grant> {
    if (grant.refresh === "") {
      throw this.#over(signedOut());
    }
    try {
      return await this.#ask(grant.refresh);
    } catch (error) {
      if (!isLost(failureOf(error))) {
        throw this.#over(failureOf(error));
      }
    }
    // The answer may be lost rather than the question. For some seconds the server accepts the used token once more and
    // gives the same successor; later it would take it for stolen, so a second attempt is made now or never.
    try {
      return await this.#ask(grant.refresh);
    } catch (error) {
      throw this.#over(failureOf(error));
    }
  }

  #over(failure: Failure): Failure {
    if (failure.trouble === "signed_out") {
      this.forget();
    }
    return failure;
  }
}

/** A token that lives for less than a minute is renewed in the second half of its life, not at every call. */
function early(grant: Grant): number {
  return Math.min(EARLY, (grant.expiresAt - Date.now()) / 2);
}

function isLost(failure: Failure): boolean {
  return failure.trouble === "unreachable" || failure.trouble === "timeout";
}

function signedOut(): Failure {
  return new Failure("signed_out", "there are no tokens any more");
}
