import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wish } from "../../../src/authsvc/web/account/issuer.ts";
import type { Tokens } from "../../../src/authsvc/web/account/tokens.ts";
import { type Arrival, SignIn } from "../../../src/authsvc/web/account/sign_in.ts";
import { AuthorizationServer } from "./authorization_server.ts";
import { setGlobal, storage, Tab } from "./browser.ts";

const ORIGIN = "http://127.0.0.1:8080";
const PAGE = `${ORIGIN}/account`;

/** The page at an address, as it starts. */
async function page(address: string, kept: Storage): Promise<{ tab: Tab; signIn: SignIn; arrival: Arrival }> {
  const tab = new Tab(address, kept);
  const signIn = await SignIn.open(new URL(address).origin);
  return { tab, signIn, arrival: await signIn.arrive() };
}

/** Opens the page and has it send the browser to sign in: where to, and the storage of the tab. */
async function departure(wish?: Wish, address = PAGE): Promise<{ request: URL; kept: Storage }> {
  const kept = storage();
  const { tab, signIn, arrival } = await page(address, kept);
  assert.equal(arrival.kind, "nothing");
  void signIn.leave(wish);
  return { request: await tab.went, kept };
}

function tokensOf(arrival: Arrival): Tokens {
  assert.equal(arrival.kind, "tokens");
  return arrival.tokens;
}

function refusalOf(arrival: Arrival): [trouble: string, message: string, id: string] {
  assert.equal(arrival.kind, "refused");
  return [arrival.failure.trouble, arrival.failure.message, arrival.failure.id];
}

test("The page asks for a code with PKCE, state and nonce, for its own address.", async () => {
  new AuthorizationServer(ORIGIN);
  const { request } = await departure();
  assert.equal(request.origin + request.pathname, `${ORIGIN}/oauth/v2/authorize`);
  const { state, nonce, code_challenge, ...rest } = Object.fromEntries(request.searchParams);
  assert.deepEqual(rest, {
    client_id: "authsvc-account",
    response_type: "code",
    redirect_uri: PAGE,
    scope: "openid profile email phone offline_access sign_out",
    code_challenge_method: "S256",
  });
  assert.equal(new Set([state, nonce, code_challenge]).size, 3);
  assert.ok([state, nonce, code_challenge].every((each) => /^[\w-]{43}$/.test(each ?? "")));
});

test("A wish becomes login_hint and prompt.", async () => {
  new AuthorizationServer(ORIGIN);
  const { request } = await departure({ loginHint: "ada@example.com", prompt: "login" });
  assert.equal(request.searchParams.get("login_hint"), "ada@example.com");
  assert.equal(request.searchParams.get("prompt"), "login");
});

test("Who comes back with a code has tokens, the address is clean, and nothing is left in the tab.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  assert.equal(Object.keys(kept).length, 1);
  const { tab, arrival } = await page(server.approve(request), kept);
  assert.equal(await tokensOf(arrival).access(), "access 1");
  assert.equal(tab.shown, PAGE);
  assert.deepEqual(Object.keys(kept), []);
});

test("The part of the page that somebody came for is shown after the sign-in, too.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure({}, `${PAGE}#grants`);
  assert.equal(request.searchParams.get("redirect_uri"), PAGE);
  const { tab } = await page(server.approve(request), kept);
  assert.equal(tab.shown, `${PAGE}#grants`);
});

test("An address without an answer is left as it is.", async () => {
  new AuthorizationServer(ORIGIN);
  const { tab, arrival } = await page(`${PAGE}?from=mail#grants`, storage());
  assert.equal(arrival.kind, "nothing");
  assert.equal(tab.shown, `${PAGE}?from=mail#grants`);
});

test("Tokens count from the request, by the browser's own clock, and are renewed with the refresh token.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const began = Date.now();
  const tokens = tokensOf((await page(server.approve(request), kept)).arrival);
  assert.ok(tokens.expiresAt >= began + 600_000 && tokens.expiresAt <= Date.now() + 600_000);
  assert.equal(await tokens.renew("access 1"), "access 2");
  const form = server.asked.at(-1)?.form;
  assert.deepEqual([form?.get("refresh_token"), form?.get("client_id")], ["refresh 1", "authsvc-account"]);
});

test("A browser whose clock is hours off signs in all the same.", async (t) => {
  for (const hours of [-5, 5]) {
    await t.test(`${hours} hours`, async () => {
      const server = new AuthorizationServer(ORIGIN);
      server.ahead = hours * 3_600_000;
      const { request, kept } = await departure();
      const tokens = tokensOf((await page(server.approve(request), kept)).arrival);
      assert.equal(await tokens.access(), "access 1");
    });
  }
});

test("Two sign-ins of one tab do not get in each other's way: the one that is answered first counts.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request: first, kept } = await departure();
  const { tab, signIn } = await page(PAGE, kept);
  void signIn.leave();
  const second = await tab.went;
  assert.notEqual(first.searchParams.get("state"), second.searchParams.get("state"));
  assert.equal((await page(server.approve(first), kept)).arrival.kind, "tokens");
  assert.deepEqual(Object.keys(kept), []);
});

test("An answer is good in the tab only that asked.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request } = await departure();
  const other = await page(server.approve(request), storage());
  assert.equal(other.arrival.kind, "nothing");
  assert.equal(other.tab.shown, PAGE);
  assert.ok(!server.asked.some(({ path }) => path === "/oauth/v2/token"));
});

test("A used answer brings nothing, and is not sent to the server again.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const address = server.approve(request);
  await page(address, kept);
  const before = server.asked.filter(({ path }) => path === "/oauth/v2/token").length;
  assert.equal((await page(address, kept)).arrival.kind, "nothing");
  assert.equal(server.asked.filter(({ path }) => path === "/oauth/v2/token").length, before);
});

test("In a browser that forgets what the page keeps, the page stops after a second attempt.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request } = await departure();
  const { tab, signIn, arrival } = await page(server.approve(request), storage());
  assert.equal(arrival.kind, "nothing");
  void signIn.leave();
  const { arrival: last } = await page(server.approve(await tab.went), storage());
  assert.equal(refusalOf(last)[0], "refused");
});

test("A second attempt in a browser that keeps things succeeds.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const { tab, signIn } = await page(server.back(request, { code: "x", state: "unknown" }), kept);
  void signIn.leave();
  const { arrival } = await page(server.approve(await tab.went), kept);
  assert.equal(await tokensOf(arrival).access(), "access 1");
});

test("A browser that keeps nothing for the page is told so before it leaves.", async () => {
  new AuthorizationServer(ORIGIN);
  const { signIn } = await page(PAGE, storage());
  setGlobal("sessionStorage", {
    setItem() {
      throw new DOMException("no", "SecurityError");
    },
  });
  await assert.rejects(signIn.leave(), { name: "Failure", trouble: "unexpected" });
});

test("An answer of another issuer is refused, and its code is sent nowhere.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  for (const iss of ["http://127.0.0.1:9999", ""]) {
    const { request, kept } = await departure();
    const { arrival, tab } = await page(server.back(request, { code: "c", iss }), kept);
    assert.equal(refusalOf(arrival)[0], "unexpected");
    assert.equal(tab.shown, PAGE);
  }
  assert.ok(!server.asked.some(({ path }) => path === "/oauth/v2/token"));
});

test("An ID token for another sign-in is refused.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const replaced = new URL(request);
  replaced.searchParams.set("nonce", "another");
  assert.equal(refusalOf((await page(server.approve(replaced), kept)).arrival)[0], "unexpected");
});

test("A refused sign-in says why, in the words of the server.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const answer = server.back(request, { error: "access_denied", error_description: "the account is locked" });
  const { arrival, tab } = await page(answer, kept);
  assert.deepEqual(refusalOf(arrival), ["refused", "the account is locked", "access_denied"]);
  assert.equal(tab.shown, PAGE);
});

test("Words of a refusal that nobody asked for are not shown.", async () => {
  new AuthorizationServer(ORIGIN);
  const { arrival, tab } = await page(`${PAGE}?error=access_denied&error_description=call+us`, storage());
  assert.equal(arrival.kind, "nothing");
  assert.equal(tab.shown, PAGE);
});

test("A code that the server does not take is a refusal, and a lost connection is called one.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const first = await departure();
  assert.deepEqual(refusalOf((await page(server.back(first.request, { code: "old" }), first.kept)).arrival), [
    "refused",
    "not good",
    "invalid_grant",
  ]);
  const second = await departure();
  server.mishaps.push(() => Promise.reject(new TypeError("Failed to fetch")));
  assert.equal(refusalOf((await page(server.approve(second.request), second.kept)).arrival)[0], "unreachable");
});

test("A server has 15 seconds to answer, and 4 at a renewal, so that a second attempt comes in time.", async (t) => {
  const { mock } = t.mock.method(AbortSignal, "timeout");
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const tokens = tokensOf((await page(server.approve(request), kept)).arrival);
  await tokens.renew("access 1");
  const deadlines = mock.calls.map(({ arguments: [milliseconds] }) => milliseconds);
  assert.deepEqual(
    server.asked.map(({ path }, number) => [path, deadlines[number]]),
    [
      ["/.well-known/openid-configuration", 15_000],
      ["/.well-known/openid-configuration", 15_000],
      ["/oauth/v2/token", 15_000],
      ["/oauth/v2/token", 4_000],
    ],
  );
});

test("What goes wrong at a renewal is told apart: a worthless token, a busy server, a proxy's page, a broken answer.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await departure();
  const tokens = tokensOf((await page(server.approve(request), kept)).arrival);
  const renewal = () => tokens.renew("access 1");
  const html = (status: number) => new Response("<h1>", { status, headers: { "content-type": "text/html" } });
  const broken = () => new Response(new ReadableStream({ start: (body) => body.error(new TypeError("cut")) }));
  const refusal = (error: string, status: number) => () => Response.json({ error }, { status });
  for (const [mishap, trouble] of [
    [refusal("temporarily_unavailable", 503), "busy"],
    [() => html(502), "unreachable"],
    [() => html(503), "busy"],
    [broken, "unreachable"],
    [() => Promise.reject(new DOMException("late", "TimeoutError")), "timeout"],
    [refusal("unauthorized_client", 400), "refused"],
    [refusal("invalid_grant", 400), "signed_out"],
  ] as const) {
    server.mishaps.splice(0, server.mishaps.length, mishap, mishap);
    await assert.rejects(renewal(), { trouble });
  }
});

test("A server that is not there is unreachable, and one that is no authorization server is not taken for one.", async () => {
  new Tab(PAGE, storage());
  setGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await assert.rejects(SignIn.open(ORIGIN), { trouble: "unreachable" });
  setGlobal("fetch", async () => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(SignIn.open(ORIGIN), { trouble: "unreachable" });
  setGlobal("fetch", async () => Response.json({}));
  await assert.rejects(SignIn.open(ORIGIN), { trouble: "unexpected" });
});

test("Without TLS nobody but this machine is spoken to.", async () => {
  for (const [origin, allowed] of [
    ["http://localhost:8080", true],
    ["http://auth.localhost", true],
    ["http://[::1]:8080", true],
    ["http://auth.example.com", false],
    ["http://127.0.0.1.example.com", false],
    ["https://auth.example.com", true],
  ] as const) {
    const server = new AuthorizationServer(origin);
    new Tab(`${origin}/account`, storage());
    const opening = SignIn.open(origin);
    await (allowed ? opening : assert.rejects(opening, { trouble: "unexpected" }));
    assert.equal(server.asked.length, allowed ? 1 : 0, origin);
  }
});

test("Where the issuer has another origin the browser goes to the page there, but not in a circle.", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0, 1) });
  new AuthorizationServer("http://localhost:8080");
  const kept = storage();
  const tab = new Tab(`${PAGE}#grants`, kept);
  void SignIn.open(ORIGIN);
  assert.equal((await tab.went).href, "http://localhost:8080/account#grants");
  t.mock.timers.tick(9_999);
  new Tab(PAGE, kept);
  await assert.rejects(SignIn.open(ORIGIN), { trouble: "unexpected" });
  t.mock.timers.tick(1);
  const later = new Tab(PAGE, kept);
  void SignIn.open(ORIGIN);
  assert.equal((await later.went).href, "http://localhost:8080/account");
});
