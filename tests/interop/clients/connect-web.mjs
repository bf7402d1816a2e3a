// Connect's own client for browsers over the descriptors of @zitadel/proto: gRPC-Web, binary.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuthService } from "@zitadel/proto/zitadel/auth_pb.js";
import { calls } from "./lib/es.mjs";
import { report } from "./lib/report.mjs";

await report((baseUrl, token) => {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return calls(createClient(AuthService, createGrpcWebTransport({ baseUrl, interceptors: [authorize] })));
});
