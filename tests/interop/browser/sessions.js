// A page that shows somebody their sessions, by gRPC-Web.

import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuthService, ListMyUserSessionsResponseSchema } from "@zitadel/proto/zitadel/auth_pb.js";

// What somebody who holds this token reads, or the code with which the call fails.
window.sessions = async (baseUrl, token) => {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const client = createClient(AuthService, createGrpcWebTransport({ baseUrl, interceptors: [authorize] }));
  try {
    return { sessions: toJson(ListMyUserSessionsResponseSchema, await client.listMyUserSessions({})).result ?? [] };
  } catch (error) {
    return { code: error.code };
  }
};
