/** The authorization server as this client meets it: discovery, authorization requests and the token endpoint. */

import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  calculatePKCECodeChallenge,
  clockSkew,
  customFetch,
  discoveryRequest,
  None,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from "oauth4webapi";
import { Failure, failureOf } from "./failure.ts";
import type { Grant } from "./tokens.ts";

/** How to ask for a sign-in. */
export interface Wish {
  /** Login name of the person. */
  loginHint?: string;
  /** Asks for the password again, or whose account to take, or nothing: then the answer may be `login_required`. */
  prompt?: "login" | "select_account" | "none";
}

/** What only the tab that began a sign-in knows of it. */
export interface Secrets {
  readonly verifier: string;
  readonly nonce: string;
}

const CLIENT: Client = { client_id: "authsvc-account" };
const SCOPES = "openid profile email phone offline_access sign_out";
const DEADLINE = 15_000; // ms
// Two attempts at a renewal must fit into the ten seconds in which the server gives the same successor again.
const DEADLINE_OF_RENEWAL = 4_000; // ms

/** One authorization server, discovered. */
export class Issuer {
  /** The address of the account page, which is also where an authorization response goes. */
  readonly page: string;
  readonly #server: AuthorizationServer;
  readonly #options: Options;

  constructor(server: AuthorizationServer, options: Options) {
    this.page = `${server.issuer}/account`;
    this.#server = server;
    this.#options = options;
  }

  /** The authorization server of an origin, which may call itself by another one. Rejects with a `Failure`. */
  static async discover(origin: string): Promise<Issuer> {
    const options = optionsAt(origin);
    try {
      const response = await discoveryRequest(new URL(origin), options);
      const named = await issuerNamedBy(response);
      return new Issuer(await processDiscoveryResponse(named ?? new URL(origin), response), options);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Where to send the browser to sign in (RFC 6749, section 4.1.1; RFC 7636; OpenID Connect Core, section 3.1.2.1). */
  async authorizationUrl(state: string, secrets: Secrets, wish: Wish): Promise<string> {
    const url = new URL(this.#server.authorization_endpoint ?? "");
    const parameters = {
      client_id: CLIENT.client_id,
      response_type: "code",
      redirect_uri: this.page,
      scope: SCOPES,
      state,
      nonce: secrets.nonce,
      code_challenge: await calculatePKCECodeChallenge(secrets.verifier),
      code_challenge_method: "S256",
      ...(wish.loginHint === undefined ? {} : { login_hint: wish.loginHint }),
      ...(wish.prompt === undefined ? {} : { prompt: wish.prompt }),
    };
    for (const [name, value] of Object.entries(parameters)) {
      url.searchParams.set(name, value);
    }
    return url.href;
  }

  /** The tokens for an authorization response that answers `state`. Rejects with a `Failure`. */
  async exchange(parameters: URLSearchParams, state: string, { verifier, nonce }: Secrets): Promise<Grant> {
    try {
      const answer = validateAuthResponse(this.#server, CLIENT, parameters, state);
      const began = Date.now();
      const response = await authorizationCodeGrantRequest(
        this.#server,
        CLIENT,
        None(),
        answer,
        this.page,
        verifier,
        this.#options,
      );
      const checks = { expectedNonce: nonce, requireIdToken: true };
      return grant(await processAuthorizationCodeResponse(this.#server, byClockOf(response), response, checks), began);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** The successor of a refresh token. Rejects with a `Failure`: "signed_out" when the token is worth nothing. */
  async refresh(token: string): Promise<Grant> {
    try {
      const began = Date.now();
      const options = { ...this.#options, [customFetch]: reachIn(DEADLINE_OF_RENEWAL) };
      const response = await refreshTokenGrantRequest(this.#server, CLIENT, None(), token, options);
      return grant(await processRefreshTokenResponse(this.#server, byClockOf(response), response), began, token);
    } catch (error) {
      const failure = failureOf(error);
      throw failure.id === "invalid_grant" ? new Failure("signed_out", failure.message, failure.id, error) : failure;
    }
  }
}

interface Options {
  [allowInsecureRequests]: boolean;
  [customFetch]: Reach;
}

type Reach = (url: string, init: Init) => Promise<Response>;

type Init = Pick<RequestInit, "method" | "headers" | "redirect"> & { body?: BodyInit | null | undefined };

/** Without TLS only this machine is spoken to. */
function optionsAt(origin: string): Options {
  const { protocol, hostname } = new URL(origin);
  const loopback = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return { [allowInsecureRequests]: protocol === "http:" && loopback, [customFetch]: reachIn(DEADLINE) };
}

/** Fetches a whole answer in time. Only here a failure is known to be the network's: fetch gives it no type of its own. */
function reachIn(deadline: number): Reach {
  return async (url, init) => {
    try {
      const response = await fetch(url, { ...init, body: init.body ?? null, signal: AbortSignal.timeout(deadline) });
      await response.clone().arrayBuffer();
      return response;
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw new Failure(late ? "timeout" : "unreachable", String(error), "", error);
    }
  };
}

/** What a discovery document calls its issuer; undefined when it is none. */
async function issuerNamedBy(response: Response): Promise<URL | undefined> {
  const document: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  const named = document && typeof document === "object" && "issuer" in document ? String(document.issuer) : "";
  return URL.canParse(named) ? new URL(named) : undefined;
}

/** The client with the server's idea of now, so that an ID token is good in a browser whose clock is hours off. */
function byClockOf(response: Response): Client {
  const there = Date.parse(response.headers.get("date") ?? "");
  return { ...CLIENT, [clockSkew]: Number.isNaN(there) ? 0 : Math.round((there - Date.now()) / 1000) };
}

/** An answer of the token endpoint to a question that was asked at `began`; a token that was not replaced stays good. */
function grant(answer: TokenEndpointResponse, began: number, refresh = ""): Grant {
  return {
    access: answer.access_token,
    refresh: answer.refresh_token ?? refresh,
    expiresAt: answer.expires_in === undefined ? Number.MAX_SAFE_INTEGER : began + answer.expires_in * 1000,
  };
}
