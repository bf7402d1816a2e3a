import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Failure, type Trouble } from "../../../src/authsvc/web/account/failure.ts";
import { type Grant, Tokens } from "../../../src/authsvc/web/account/tokens.ts";

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;

/** A token endpoint that numbers what it gives; what is in `failures` comes first. */
class Endpoint {
  readonly asked: string[] = [];
  readonly failures: Trouble[] = [];
  #given = 1;

  readonly ask = async (refresh: string): Promise<Grant> => {
    this.asked.push(refresh);
    const trouble = this.failures.shift();
    if (trouble) throw new Failure(trouble, trouble);
    return this.grant();
  };

  grant(life = HOUR): Grant {
    const number = this.#given++;
    return { access: `access ${number}`, refresh: `refresh ${number}`, expiresAt: Date.now() + life };
  }
}

function signedIn(t: TestContext, life = HOUR): { endpoint: Endpoint; tokens: Tokens } {
  t.mock.timers.enable({ apis: ["Date"], now: NOW });
  const endpoint = new Endpoint();
  return { endpoint, tokens: new Tokens(endpoint.grant(life), endpoint.ask) };
}

function failsWith(trouble: Trouble): (error: unknown) => boolean {
  return (error) => error instanceof Failure && error.trouble === trouble;
}

test("A token is used as long as it has 30 seconds left.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  t.mock.timers.tick(HOUR - 30_001);
  assert.equal(await tokens.access(), "access 1");
  assert.deepEqual(endpoint.asked, []);
});

test("A token with less than 30 seconds left is renewed before it is used, and the times are those of the new one.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  t.mock.timers.tick(HOUR - 29_999);
  assert.equal(await tokens.access(), "access 2");
  assert.deepEqual(endpoint.asked, ["refresh 1"]);
  assert.equal(tokens.expiresAt, Date.now() + HOUR);
});

test("A token that lives for less than a minute is not renewed at every call.", async (t) => {
  const { endpoint, tokens } = signedIn(t, 20_000);
  t.mock.timers.tick(9_999);
  assert.equal(await tokens.access(), "access 1");
  t.mock.timers.tick(2);
  assert.equal(await tokens.access(), "access 2");
  assert.equal(endpoint.asked.length, 1);
});

test("Calls that need a new token at once share one renewal.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  const renewed = await Promise.all([tokens.renew("access 1"), tokens.renew("access 1"), tokens.renew("access 1")]);
  assert.deepEqual(renewed, ["access 2", "access 2", "access 2"]);
  assert.deepEqual(endpoint.asked, ["refresh 1"]);
});

test("Whoever comes with a token that has been replaced already gets the present one without a request.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  await tokens.renew("access 1");
  assert.equal(await tokens.renew("access 1"), "access 2");
  assert.equal(endpoint.asked.length, 1);
});

test("Each renewal uses the refresh token that the one before has given.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  await tokens.renew(await tokens.renew("access 1"));
  assert.deepEqual(endpoint.asked, ["refresh 1", "refresh 2"]);
});

test("A renewal whose answer is lost is asked for once more with the same refresh token.", async (t) => {
  for (const lost of ["unreachable", "timeout"] as const) {
    await t.test(lost, async (t) => {
      const { endpoint, tokens } = signedIn(t);
      endpoint.failures.push(lost);
      assert.equal(await tokens.renew("access 1"), "access 2");
      assert.deepEqual(endpoint.asked, ["refresh 1", "refresh 1"]);
    });
  }
});

test("A renewal that fails twice fails, and a later one may succeed.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  endpoint.failures.push("unreachable", "unreachable");
  await assert.rejects(tokens.renew("access 1"), failsWith("unreachable"));
  assert.equal(await tokens.renew("access 1"), "access 2");
  assert.deepEqual(endpoint.asked, ["refresh 1", "refresh 1", "refresh 1"]);
});

test("A server that answers is not asked a second time.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  endpoint.failures.push("busy");
  await assert.rejects(tokens.renew("access 1"), failsWith("busy"));
  assert.equal(endpoint.asked.length, 1);
});

test("A token that cannot be renewed early is used until it ends, and not longer.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  t.mock.timers.tick(HOUR - 10_000);
  endpoint.failures.push("busy", "busy");
  assert.equal(await tokens.access(), "access 1");
  t.mock.timers.tick(10_000);
  await assert.rejects(tokens.access(), failsWith("busy"));
});

test("When the refresh token is worth nothing, nobody is signed in, and no more requests are made.", async (t) => {
  const { endpoint, tokens } = signedIn(t);
  endpoint.failures.push("signed_out");
  await assert.rejects(tokens.renew("access 1"), failsWith("signed_out"));
  await assert.rejects(tokens.access(), failsWith("signed_out"));
  await assert.rejects(tokens.renew("access 1"), failsWith("signed_out"));
  assert.equal(endpoint.asked.length, 1);
  assert.equal(tokens.expiresAt, 0);
});

test("Without a refresh token a refused token means that nobody is signed in.", async (t) => {
  const { endpoint } = signedIn(t);
  const tokens = new Tokens({ access: "only", refresh: "", expiresAt: Date.now() + HOUR }, endpoint.ask);
  assert.equal(await tokens.access(), "only");
  await assert.rejects(tokens.renew("only"), failsWith("signed_out"));
  assert.deepEqual(endpoint.asked, []);
});

test("Tokens that are dropped while they are renewed do not come back.", async (t) => {
  const { tokens } = signedIn(t);
  const renewal = tokens.renew("access 1");
  tokens.forget();
  await assert.rejects(renewal, failsWith("signed_out"));
  await assert.rejects(tokens.access(), failsWith("signed_out"));
});
