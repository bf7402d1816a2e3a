import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../../../src/authsvc/web/account/failure.ts";
import { grpcWeb } from "../../../src/authsvc/web/account/transport.ts";
import {
  AccountService,
  SignOutRequestSchema,
  SignOutResponseSchema,
} from "../../../src/authsvc/web/build/proto/authsvc/account/v1/account_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  type HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../src/authsvc/web/build/proto/grpc/health/v1/health_pb.ts";
import {
  AuthService,
  GetMyUserRequestSchema,
  GetMyUserResponseSchema,
} from "../../../src/authsvc/web/build/proto/zitadel/auth_pb.ts";
import { create, fromBinary, toBinary } from "./protobuf.ts";
import { frame, Request, text, trailers } from "./requests.ts";

const ORIGIN = "https://auth.example.com";
const BINARY = { "content-type": "application/grpc-web+proto" };
const TEXT = { "content-type": "application/grpc-web-text+proto" };

function me() {
  return grpcWeb(ORIGIN).unary(AuthService.method.getMyUser, create(GetMyUserRequestSchema), "token");
}

/** A stream and what is heard of it. */
function watch() {
  const heard: (number | Failure | null)[] = [];
  const cancel = grpcWeb(ORIGIN).stream(Health.method.watch, create(HealthCheckRequestSchema), {
    message: ({ status }) => heard.push(status),
    end: (failure) => heard.push(failure),
  });
  return { heard, cancel, request: Request.last };
}

function says(status: ServingStatus): Uint8Array {
  return frame(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status })));
}

test("A unary call goes out in the binary format, with its token and a deadline of 15 seconds.", async () => {
  const call = grpcWeb(ORIGIN).unary(
    AccountService.method.signOut,
    create(SignOutRequestSchema, { sessionId: "12" }),
    "token",
  );
  const { last } = Request;
  assert.equal(last.url, `${ORIGIN}/authsvc.account.v1.AccountService/SignOut`);
  assert.equal(last.headers["content-type"], "application/grpc-web+proto");
  assert.equal(last.headers.authorization, "Bearer token");
  const timeout = Number(/^(\d+)m$/.exec(last.headers["grpc-timeout"] ?? "")?.[1]);
  assert.ok(timeout > 14_000 && timeout <= 15_000, `${timeout}`);
  assert.ok(last.sent instanceof Uint8Array);
  assert.equal(fromBinary(SignOutRequestSchema, last.sent.slice(5)).sessionId, "12");
  last.begins(BINARY);
  last.ends(Buffer.concat([frame(toBinary(SignOutResponseSchema, create(SignOutResponseSchema))), trailers(0)]));
  await call;
});

test("The answer to a unary call is its message.", async () => {
  const call = me();
  const message = toBinary(GetMyUserResponseSchema, create(GetMyUserResponseSchema, { user: { id: "7" } }));
  Request.last.begins(BINARY);
  Request.last.ends(Buffer.concat([frame(message), trailers(0)]));
  assert.equal((await call).user?.id, "7");
});

test("A status in the trailers, or in the headers, rejects the call.", async () => {
  const missing = me();
  Request.last.begins(BINARY);
  Request.last.ends(trailers(5, "No such session (AUTHSVC-SE001)"));
  await assert.rejects(missing, { trouble: "missing", message: "No such session", id: "AUTHSVC-SE001" });
  const refused = me();
  Request.last.begins({ ...BINARY, "grpc-status": "16", "grpc-message": "Errors.Token.Invalid (AUTH-7fs1e)" });
  Request.last.ends(new Uint8Array());
  await assert.rejects(refused, { trouble: "signed_out", id: "AUTH-7fs1e" });
});

test("A call without a connection, with a proxy's page for an answer, or with half an answer is unreachable.", async () => {
  const lost = me();
  Request.last.breaks();
  await assert.rejects(lost, { trouble: "unreachable" });
  const page = me();
  Request.last.begins({ "content-type": "text/html" }, 502);
  Request.last.ends(Buffer.from("<h1>Bad gateway</h1>"));
  await assert.rejects(page, { trouble: "unreachable" });
  const empty = me();
  Request.last.begins(BINARY);
  Request.last.ends(new Uint8Array());
  await assert.rejects(empty, { trouble: "unreachable" });
});

test("A call that takes too long is a timeout, a little after the server should have ended it.", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const call = me();
  const request = Request.last;
  t.mock.timers.tick(15_000);
  assert.equal(request.aborted, false);
  t.mock.timers.tick(1_500);
  assert.equal(request.aborted, true);
  await assert.rejects(call, { trouble: "timeout" });
});

test("A stream goes out in the text format, without a token, and its messages are heard as they come.", () => {
  const { heard, request } = watch();
  assert.equal(request.url, `${ORIGIN}/grpc.health.v1.Health/Watch`);
  assert.equal(request.headers["content-type"], "application/grpc-web-text");
  assert.ok(!("authorization" in request.headers));
  request.begins(TEXT);
  request.brings(text(says(1)));
  assert.deepEqual(heard, [1]);
  const next = text(says(2));
  request.brings(next.slice(0, 3));
  assert.deepEqual(heard, [1]);
  request.brings(next.slice(3));
  assert.deepEqual(heard, [1, 2]);
});

test("A stream that the server ends well ends once, with null.", () => {
  const { heard, request } = watch();
  request.begins(TEXT);
  request.brings(text(says(1), trailers(0)));
  request.ends();
  assert.deepEqual(heard, [1, null]);
});

test("A stream that ends with a status, or breaks, ends once, with a failure.", () => {
  for (const [end, trouble] of [
    [(request: Request) => request.brings(text(trailers(14, "shutting down"))), "busy"],
    [(request: Request) => request.breaks(), "unreachable"],
  ] as const) {
    const { heard, request } = watch();
    request.begins(TEXT);
    request.brings(text(says(1)));
    end(request);
    request.ends();
    assert.equal(heard.length, 2);
    assert.equal((heard[1] as Failure).trouble, trouble);
  }
});

test("Nothing is heard of a stream that was cancelled, and its request is aborted.", () => {
  const { heard, cancel, request } = watch();
  request.begins(TEXT);
  request.brings(text(says(1)));
  cancel();
  request.brings(text(says(2), trailers(0)));
  request.ends();
  assert.deepEqual(heard, [1]);
  assert.ok(request.aborted);
});

test("Whoever cancels a stream at a message does not hear the next one, though it came in the same piece.", () => {
  const heard: number[] = [];
  const cancel = grpcWeb(ORIGIN).stream(Health.method.watch, create(HealthCheckRequestSchema), {
    message: ({ status }) => {
      heard.push(status);
      cancel();
    },
    end: () => assert.fail("a cancelled stream has no end"),
  });
  Request.last.begins(TEXT);
  Request.last.brings(text(says(2), says(1), trailers(0)));
  assert.deepEqual(heard, [2]);
});
