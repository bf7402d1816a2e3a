import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, failureOf, isPassing, type Trouble } from "../../../src/authsvc/web/account/failure.ts";

function ofCall(code: number, message: string): [Trouble, string, string] {
  const failure = failureOf({ code, message });
  return [failure.trouble, failure.message, failure.id];
}

test("A status of the server's becomes a trouble, and the id in its message stands by itself.", () => {
  assert.deepEqual(ofCall(16, "Errors.Token.Invalid (AUTH-7fs1e)"), [
    "signed_out",
    "Errors.Token.Invalid",
    "AUTH-7fs1e",
  ]);
  assert.deepEqual(ofCall(7, "No (AUTHSVC-SC001)"), ["forbidden", "No", "AUTHSVC-SC001"]);
  assert.deepEqual(ofCall(5, "The browser has no such session (AUTHSVC-SE001)")[0], "missing");
  assert.deepEqual(ofCall(8, "Too much")[0], "busy");
  assert.deepEqual(ofCall(14, "The service is temporarily unavailable (AUTHSVC-DB001)")[0], "busy");
  assert.deepEqual(ofCall(4, "deadline exceeded")[0], "timeout");
  assert.deepEqual(ofCall(3, "query.limit: must not exceed 1000 (AUTHSVC-L1m1t)")[0], "unexpected");
});

test("Brackets that hold no id stay in the message.", () => {
  assert.deepEqual(ofCall(13, "internal error (no id here)"), ["unexpected", "internal error (no id here)", ""]);
});

test("A call that never reached the server, or got no gRPC answer, is called unreachable, whatever its code.", () => {
  const http = (status: number) => ofCall(2, `Http response at 400 or 500 level, http status code: ${status}`)[0];
  assert.equal(http(0), "unreachable");
  assert.equal(http(502), "unreachable");
  assert.equal(http(504), "unreachable");
  assert.equal(http(503), "busy");
  assert.equal(http(429), "busy");
  assert.equal(http(500), "unexpected");
  assert.equal(ofCall(14, "An exception occurred")[0], "unreachable");
  assert.equal(ofCall(2, "Unknown Content-type received.")[0], "unreachable");
  assert.equal(ofCall(2, "Incomplete response")[0], "unreachable");
});

test("A failure stays the same failure.", () => {
  const failure = new Failure("missing", "gone", "X-1");
  assert.equal(failureOf(failure), failure);
});

test("A mistake in the page's own code is unexpected, and not taken for the network's.", () => {
  const mistake = new TypeError("x is not a function");
  const failure = failureOf(mistake);
  assert.equal(failure.trouble, "unexpected");
  assert.equal(failure.cause, mistake);
  assert.equal(failureOf("just words").message, "just words");
});

test("What is over when the server answers again is told from what stays.", () => {
  const passing = (trouble: Trouble) => isPassing(new Failure(trouble, ""));
  assert.ok((["unreachable", "timeout", "busy"] as const).every(passing));
  assert.ok(!(["signed_out", "forbidden", "missing", "refused", "unexpected"] as const).some(passing));
});
