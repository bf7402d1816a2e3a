import assert from "node:assert/strict";
import { test } from "node:test";
import { Account, type Call } from "../../../src/authsvc/web/account/account.ts";
import { Failure, type Trouble } from "../../../src/authsvc/web/account/failure.ts";
import { Tokens } from "../../../src/authsvc/web/account/tokens.ts";
import type { Transport } from "../../../src/authsvc/web/account/transport.ts";
import { AuthService, type ListMyUserGrantsRequest } from "../../../src/authsvc/web/build/proto/zitadel/auth_pb.ts";
import { create } from "./protobuf.ts";

type Unary = Transport["unary"];

/** A server that refuses `refused` and answers other tokens with `answers`; it keeps what it was asked. */
class Server implements Transport {
  readonly asked: { name: string; request: unknown; token: string }[] = [];
  readonly refused = new Set<string>();
  answers: (request: unknown) => object = () => ({});
  failure: Trouble | undefined;

  readonly unary: Unary = async (method, request, token) => {
    this.asked.push({ name: method.name, request, token });
    if (this.refused.has(token)) throw new Failure("signed_out", "refused", "AUTH-7fs1e");
    if (this.failure) throw new Failure(this.failure, "failed");
    return create(method.output, this.answers(request) as never);
  };

  stream(): () => void {
    throw new Error("nothing of an account is a stream");
  }
}

function signedIn() {
  const server = new Server();
  const calls: Call[] = [];
  const renewals: string[] = [];
  const grant = (access: string) => ({ access, refresh: "refresh", expiresAt: Date.now() + 3_600_000 });
  const tokens = new Tokens(grant("first"), async (refresh) => {
    renewals.push(refresh);
    return grant("second");
  });
  return { server, calls, renewals, account: new Account(server, tokens, (call) => calls.push(call)) };
}

const failsWith = (trouble: Trouble) => (error: unknown) => error instanceof Failure && error.trouble === trouble;

test("A call goes out with the token, and its answer is recorded with its request.", async () => {
  const { server, calls, account } = signedIn();
  server.answers = () => ({ user: { id: "7" } });
  const answer = await account.me();
  assert.equal(answer.user?.id, "7");
  assert.deepEqual(
    server.asked.map(({ name, token }) => [name, token]),
    [["GetMyUser", "first"]],
  );
  assert.equal(calls.length, 1);
  assert.equal(calls[0]?.method, AuthService.method.getMyUser);
  assert.equal(calls[0]?.response, answer);
});

test("A call whose token is refused is repeated once, with a renewed token, and nobody hears of it.", async () => {
  const { server, calls, renewals, account } = signedIn();
  server.refused.add("first");
  server.answers = () => ({ result: [{ sessionId: "1" }] });
  assert.equal((await account.sessions())[0]?.sessionId, "1");
  assert.deepEqual(
    server.asked.map(({ token }) => token),
    ["first", "second"],
  );
  assert.equal(renewals.length, 1);
  assert.equal(calls.length, 1);
});

test("Calls at once whose token is refused share one renewal.", async () => {
  const { server, renewals, account } = signedIn();
  server.refused.add("first");
  await Promise.all([account.me(), account.sessions(), account.grants()]);
  assert.equal(renewals.length, 1);
  assert.equal(server.asked.length, 6);
});

test("A call whose renewed token is refused as well ends as signed out.", async () => {
  const { server, calls, renewals, account } = signedIn();
  server.refused.add("first").add("second");
  await assert.rejects(account.me(), failsWith("signed_out"));
  assert.equal(server.asked.length, 2);
  assert.equal(renewals.length, 1);
  assert.deepEqual(calls, []);
});

test("A call that fails for another reason is not repeated.", async () => {
  const { server, renewals, account } = signedIn();
  server.failure = "busy";
  await assert.rejects(account.me(), failsWith("busy"));
  assert.equal(server.asked.length, 1);
  assert.deepEqual(renewals, []);
});

test("Signing out names the session, and signing out everyone names none.", async () => {
  const { server, account } = signedIn();
  await account.signOut("12");
  await account.signOutAll();
  assert.deepEqual(
    server.asked.map(({ name }) => name),
    ["SignOut", "SignOutAll"],
  );
  assert.equal((server.asked[0]?.request as { sessionId: string }).sessionId, "12");
});

/** Grants by pages, as the server gives them; `total` is what it says there are. */
function pagesOf(there: number, total = there): (request: unknown) => object {
  return (request) => {
    const { query } = request as ListMyUserGrantsRequest;
    const left = Math.max(0, there - Number(query?.offset));
    const result = Array.from({ length: Math.min(left, query?.limit ?? 0) }, () => ({}));
    return { details: { totalResult: BigInt(total) }, result };
  };
}

async function readGrants(there: number, total?: number): Promise<[read: number, total: number, offsets: number[]]> {
  const { server, account } = signedIn();
  server.answers = pagesOf(there, total);
  const { grants, total: said } = await account.grants();
  const asked = server.asked.map(({ request }) => (request as ListMyUserGrantsRequest).query);
  assert.ok(asked.every((query) => query?.limit === 1000 && query.asc));
  return [grants.length, said, asked.map((query) => Number(query?.offset))];
}

test("Grants are read page by page until all are there, and a full last page needs no other.", async () => {
  assert.deepEqual(await readGrants(0), [0, 0, [0]]);
  assert.deepEqual(await readGrants(1000), [1000, 1000, [0]]);
  assert.deepEqual(await readGrants(2345), [2345, 2345, [0, 1000, 2000]]);
});

test("Of very many grants ten pages are read, and the total still tells how many there are.", async () => {
  const [read, total, offsets] = await readGrants(12_000);
  assert.deepEqual([read, total, offsets.length], [10_000, 12_000, 10]);
});

test("An empty page ends the reading, whatever the total says.", async () => {
  assert.deepEqual(await readGrants(1500, 5000), [1500, 5000, [0, 1000, 2000]]);
});
