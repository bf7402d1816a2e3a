/** An authorization server behind a `fetch` of its own: discovery and token endpoint, as far as a client sees them. */

import { createHash } from "node:crypto";
import { setGlobal } from "./browser.ts";

const NONE = { error: "invalid_grant", error_description: "not good" };

/** What the next request to the token endpoint brings instead of tokens. */
export type Mishap = () => Response | Promise<Response>;

/** Gives tokens for the codes that it has made. Its clock may be off against that of this process. */
export class AuthorizationServer {
  readonly issuer: string;
  readonly asked: { path: string; form: URLSearchParams }[] = [];
  readonly mishaps: Mishap[] = [];
  ahead = 0; // ms
  #codes = new Map<string, URLSearchParams>();
  #given = 0;

  constructor(issuer: string) {
    this.issuer = issuer;
    setGlobal("fetch", (url: string, init?: RequestInit) => this.#answer(new URL(url), init));
  }

  /** The address to which a browser comes back after somebody has signed in at the authorization endpoint. */
  approve(request: URL): string {
    const code = `code ${this.#codes.size + 1}`;
    this.#codes.set(code, request.searchParams);
    return this.back(request, { code });
  }

  /** The address to which a browser comes back with other parameters. */
  back(request: URL, parameters: Record<string, string>): string {
    const state = request.searchParams.get("state") ?? "";
    const query = new URLSearchParams({ state, iss: this.issuer, ...parameters });
    return `${request.searchParams.get("redirect_uri")}?${query}`;
  }

  async #answer(url: URL, init: RequestInit = {}): Promise<Response> {
    const form = new URLSearchParams(init.body as URLSearchParams | undefined);
    this.asked.push({ path: url.pathname, form });
    if (url.pathname === "/.well-known/openid-configuration") return this.#json(this.#metadata());
    const mishap = this.mishaps.shift();
    if (mishap) return mishap();
    return form.get("grant_type") === "refresh_token" ? this.#json(this.#tokens()) : this.#exchange(form);
  }

  #exchange(form: URLSearchParams): Response {
    const code = form.get("code") ?? "";
    const request = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const known = request?.get("code_challenge") === challenge;
    const same = request?.get("redirect_uri") === form.get("redirect_uri");
    if (!request || !known || !same) return this.#json(NONE, 400);
    return this.#json({ ...this.#tokens(), id_token: this.#idToken(request.get("nonce")) });
  }

  #tokens(): object {
    this.#given += 1;
    const [access_token, refresh_token] = [`access ${this.#given}`, `refresh ${this.#given}`];
    return { access_token, refresh_token, token_type: "Bearer", expires_in: 600 };
  }

  #idToken(nonce: string | null): string {
    const now = Math.floor((Date.now() + this.ahead) / 1000);
    const claims = { iss: this.issuer, aud: "authsvc-account", sub: "7", iat: now, exp: now + 60, nonce };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${part({ alg: "RS256" })}.${part(claims)}.${part({})}`;
  }

  #metadata(): object {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/oauth/v2/authorize`,
      token_endpoint: `${this.issuer}/oauth/v2/token`,
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ["RS256"],
    };
  }

  #json(content: object, status = 200): Response {
    const date = new Date(Date.now() + this.ahead).toUTCString();
    return Response.json(content, { status, headers: { date } });
  }
}
