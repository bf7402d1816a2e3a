import assert from "node:assert/strict";
import { test } from "node:test";
import { type Beginning, begin } from "../../../src/authsvc/web/account/beginning.ts";
import { showsPerson } from "../../../src/authsvc/web/account/last_person.ts";
import { SignIn } from "../../../src/authsvc/web/account/sign_in.ts";
import { AuthorizationServer } from "./authorization_server.ts";
import { storage, Tab } from "./browser.ts";

const ORIGIN = "http://127.0.0.1:8080";
const PAGE = `${ORIGIN}/account`;
const ADA = "ada@example.com";
const CANCELLED = { error: "access_denied", error_description: "the person has denied access" };

/** The page at an address, as it starts: what it begins with, and where it sends the browser. */
async function start(address: string, kept: Storage): Promise<{ tab: Tab; beginning: Promise<Beginning> }> {
  const tab = new Tab(address, kept);
  const beginning = begin(await SignIn.open(ORIGIN));
  return { tab, beginning };
}

/** Where the browser is sent from an address. */
async function departure(address: string, kept: Storage): Promise<URL> {
  const { tab, beginning } = await start(address, kept);
  return Promise.race([tab.went, beginning.then((stayed) => assert.fail(`the page stays: ${stayed.kind}`))]);
}

/** What a page begins with that stays. */
async function stay(address: string, kept: Storage): Promise<Beginning> {
  const { tab, beginning } = await start(address, kept);
  return Promise.race([beginning, tab.went.then(({ href }) => assert.fail(`the page leaves for ${href}`))]);
}

/** The tab of somebody who has been shown (nobody for ""), and has gone to the sign-in as another person from there. */
async function away(person: string, address = PAGE): Promise<{ request: URL; kept: Storage }> {
  const kept = storage();
  const tab = new Tab(address, kept);
  showsPerson(person);
  void (await SignIn.open(ORIGIN)).leave({ prompt: "login" });
  return { request: await tab.went, kept };
}

function wishOf(request: URL): (string | null)[] {
  return [request.searchParams.get("login_hint"), request.searchParams.get("prompt")];
}

test("Whoever comes with nothing is sent to sign in, as the person that was shown last.", async () => {
  new AuthorizationServer(ORIGIN);
  const kept = storage();
  assert.deepEqual(wishOf(await departure(PAGE, kept)), [null, null]);
  showsPerson(ADA);
  assert.deepEqual(wishOf(await departure(PAGE, kept)), [ADA, null]);
});

test("Whoever comes back with a code is signed in.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await away(ADA);
  const beginning = await stay(server.approve(request), kept);
  assert.equal(beginning.kind, "tokens");
  assert.equal(await beginning.tokens.access(), "access 1");
});

test("Whoever cancels the sign-in comes back to the person that was shown before, without a question.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await away(ADA, `${PAGE}#grants`);
  const silent = await departure(server.back(request, CANCELLED), kept);
  assert.deepEqual(wishOf(silent), [ADA, "none"]);
  const { tab, beginning } = await start(server.approve(silent), kept);
  assert.equal((await beginning).kind, "tokens");
  assert.equal(tab.shown, `${PAGE}#grants`);
});

test("Whoever cancels when nobody was shown before is asked before the next sign-in.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await away("");
  assert.deepEqual(await stay(server.back(request, CANCELLED), kept), { kind: "cancelled" });
});

test("When the person that was shown before is not signed in any more, the sign-in has been cancelled, and that is all.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  for (const error of ["login_required", "account_selection_required", "access_denied", "invalid_request"]) {
    const { request, kept } = await away(ADA);
    const silent = await departure(server.back(request, CANCELLED), kept);
    assert.deepEqual(await stay(server.back(silent, { error }), kept), { kind: "cancelled" }, error);
  }
});

test("What keeps a server from answering without a question is told as what it is.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await away(ADA);
  const silent = await departure(server.back(request, CANCELLED), kept);
  const beginning = await stay(server.back(silent, { error: "temporarily_unavailable" }), kept);
  assert.equal(beginning.kind, "refused");
  assert.equal(beginning.failure.trouble, "busy");
});

test("Any other refusal is told, whoever was shown before.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const { request, kept } = await away(ADA);
  const beginning = await stay(server.back(request, { error: "invalid_scope" }), kept);
  assert.equal(beginning.kind, "refused");
  assert.equal(beginning.failure.id, "invalid_scope");
});

test("A page whose answers get lost on the way, or their state, does not go round for ever.", async () => {
  new AuthorizationServer(ORIGIN);
  for (const address of [PAGE, `${PAGE}?code=x`]) {
    const kept = storage();
    for (let time = 0; time < 3; time++) {
      await departure(address, kept);
    }
    assert.equal((await stay(address, kept)).kind, "refused");
  }
});

test("Whoever is signed in again and again is not held up.", async () => {
  const server = new AuthorizationServer(ORIGIN);
  const kept = storage();
  for (let time = 0; time < 5; time++) {
    const request = await departure(PAGE, kept);
    assert.equal((await stay(server.approve(request), kept)).kind, "tokens");
  }
});
