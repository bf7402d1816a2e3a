import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../../../src/authsvc/web/account/account.ts";
import { answerJson, bufLine, curlLine, grpcurlLine } from "../../../src/authsvc/web/account/commands.ts";
import {
  AccountService,
  SignOutRequestSchema,
  SignOutResponseSchema,
} from "../../../src/authsvc/web/build/proto/authsvc/account/v1/account_pb.ts";
import {
  AuthService,
  GetMyUserRequestSchema,
  GetMyUserResponseSchema,
  ListMyUserGrantsRequestSchema,
  ListMyUserGrantsResponseSchema,
  ListMyUserSessionsRequestSchema,
  ListMyUserSessionsResponseSchema,
} from "../../../src/authsvc/web/build/proto/zitadel/auth_pb.ts";
import { Health, HealthCheckRequestSchema } from "../../../src/authsvc/web/build/proto/grpc/health/v1/health_pb.ts";
import { http } from "../../../src/authsvc/web/build/proto/google/api/annotations_pb.ts";
import type { HttpRule } from "../../../src/authsvc/web/build/proto/google/api/http_pb.ts";
import { create, MethodDescriptorProtoSchema, MethodOptionsSchema, setExtension } from "./protobuf.ts";

const LOCAL = "http://127.0.0.1:8080";
const AWAY = "https://auth.example.com";

const me: Call = {
  method: AuthService.method.getMyUser,
  request: create(GetMyUserRequestSchema),
  response: create(GetMyUserResponseSchema, { user: { id: "7", details: { sequence: 3n } } }),
};
const grants: Call = {
  method: AuthService.method.listMyUserGrants,
  request: create(ListMyUserGrantsRequestSchema, { query: { offset: 1000n, limit: 1000, asc: true } }),
  response: create(ListMyUserGrantsResponseSchema),
};
const sessions: Call = {
  method: AuthService.method.listMyUserSessions,
  request: create(ListMyUserSessionsRequestSchema),
  response: create(ListMyUserSessionsResponseSchema),
};

function signOut(sessionId: string): Call {
  return {
    method: AccountService.method.signOut,
    request: create(SignOutRequestSchema, { sessionId }),
    response: create(SignOutResponseSchema),
  };
}

test("A line for curl takes method and path from the HTTP rule.", () => {
  assert.equal(curlLine(me, LOCAL), `curl -sS -H "Authorization: Bearer $TOKEN" ${LOCAL}/auth/v1/users/me`);
});

test("What the rule wants in the body is one quoted word of JSON.", () => {
  assert.equal(
    curlLine(grants, AWAY),
    "curl -sS -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' " +
      `-d '{"query":{"offset":"1000","limit":1000,"asc":true}}' ${AWAY}/auth/v1/usergrants/me/_search`,
  );
});

test("An empty body is left out, and curl is told the method that it would not guess then.", () => {
  assert.equal(
    curlLine(sessions, LOCAL),
    `curl -sS -X POST -H "Authorization: Bearer $TOKEN" ${LOCAL}/auth/v1/users/me/sessions/_search`,
  );
});

test("A field in the path is put there, escaped for the address and for the shell, and is not repeated.", () => {
  assert.equal(
    curlLine(signOut("12"), LOCAL),
    `curl -sS -X DELETE -H "Authorization: Bearer $TOKEN" ${LOCAL}/auth/v1/users/me/sessions/12`,
  );
  assert.ok(curlLine(signOut("a/b'c $x"), LOCAL).endsWith(` '${LOCAL}/auth/v1/users/me/sessions/a%2Fb'\\''c%20%24x'`));
});

/** The call for grants as if its method had another HTTP rule. */
function ruled(pattern: HttpRule["pattern"], body = ""): Call {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, { pattern, body } as HttpRule);
  return { ...grants, method: { ...grants.method, proto: create(MethodDescriptorProtoSchema, { options }) } };
}

test("What neither the path nor the body takes is asked for in the query, fields of fields by dotted names.", () => {
  assert.ok(
    curlLine(ruled({ case: "get", value: "/grants" }), LOCAL).endsWith(
      `"Authorization: Bearer $TOKEN" '${LOCAL}/auth/v1/grants?query.offset=1000&query.limit=1000&query.asc=true'`,
    ),
  );
});

test("A rule that takes one field for the body sends that field alone.", () => {
  const line = curlLine(ruled({ case: "put", value: "/grants" }, "query"), LOCAL);
  assert.ok(line.startsWith("curl -sS -X PUT "));
  assert.ok(line.endsWith(` -d '{"offset":"1000","limit":1000,"asc":true}' ${LOCAL}/auth/v1/grants`));
});

test("A rule with a verb of its own is sent by that verb.", () => {
  const line = curlLine(ruled({ case: "custom", value: { kind: "HEAD", path: "/x" } as never }), LOCAL);
  assert.ok(line.startsWith("curl -sS -X HEAD "));
});

test("A method without an HTTP rule has no line for curl.", () => {
  const { method } = { method: Health.method.watch };
  const call = { method, request: create(HealthCheckRequestSchema), response: create(GetMyUserResponseSchema) };
  assert.throws(() => curlLine(call as unknown as Call, LOCAL), /no HTTP rule/);
});

test("A line for grpcurl goes without TLS for http only, and always names the port.", () => {
  assert.equal(
    grpcurlLine(me, LOCAL),
    'grpcurl -plaintext -H "authorization: Bearer $TOKEN" 127.0.0.1:8080 zitadel.auth.v1.AuthService/GetMyUser',
  );
  assert.equal(
    grpcurlLine(me, AWAY),
    'grpcurl -H "authorization: Bearer $TOKEN" auth.example.com:443 zitadel.auth.v1.AuthService/GetMyUser',
  );
  assert.ok(grpcurlLine(me, "http://[::1]").includes(" '[::1]:80' "));
});

test("A line for buf speaks gRPC-Web, and an empty request is left out.", () => {
  const name = "zitadel.auth.v1.AuthService";
  assert.equal(
    bufLine(me, LOCAL),
    `buf curl --protocol grpcweb -H "Authorization: Bearer $TOKEN" ${LOCAL}/${name}/GetMyUser`,
  );
  assert.equal(
    bufLine(grants, LOCAL),
    'buf curl --protocol grpcweb -H "Authorization: Bearer $TOKEN" ' +
      `-d '{"query":{"offset":"1000","limit":1000,"asc":true}}' ${LOCAL}/${name}/ListMyUserGrants`,
  );
});

test("An answer is shown as ProtoJSON, two spaces deep.", () => {
  assert.equal(
    answerJson(me),
    '{\n  "user": {\n    "id": "7",\n    "details": {\n      "sequence": "3"\n    }\n  }\n}',
  );
  assert.equal(answerJson(sessions), "{}");
});
