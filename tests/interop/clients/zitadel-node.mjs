// @zitadel/node of smartive: native gRPC by nice-grpc and @grpc/grpc-js, with messages made by ts-proto.

import { createAccessTokenInterceptor, createAuthClient } from "@zitadel/node/dist/api/index.js";
import {
  GetMyUserResponse,
  ListMyUserGrantsResponse,
  ListMyUserSessionsResponse,
} from "@zitadel/node/dist/api/generated/zitadel/auth.js";
import { report } from "./lib/report.mjs";

await report((baseUrl, token) => {
  const client = createAuthClient(baseUrl, createAccessTokenInterceptor(token));
  let trailer;
  const options = { onTrailer: (received) => (trailer = received) };
  return {
    user: async () => GetMyUserResponse.toJSON(await client.getMyUser({}, options)),
    sessions: async () => ListMyUserSessionsResponse.toJSON(await client.listMyUserSessions({}, options)),
    grants: async (query) => ListMyUserGrantsResponse.toJSON(await client.listMyUserGrants({ query }, options)),
    // nice-grpc leaves the details to its user, as the bytes of a google.rpc.Status.
    failure: ({ code, details: message }) => ({
      code,
      message,
      statusDetails: Buffer.from(trailer.get("grpc-status-details-bin")).toString("base64"),
    }),
  };
});
