// Calls of a client made of protobuf-es descriptors and a Connect transport.

import { toJson } from "@bufbuild/protobuf";
import {
  GetMyUserResponseSchema,
  ListMyUserGrantsResponseSchema,
  ListMyUserSessionsResponseSchema,
} from "@zitadel/proto/zitadel/auth_pb.js";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb.js";

export function calls(client) {
  return {
    user: async () => toJson(GetMyUserResponseSchema, await client.getMyUser({})),
    sessions: async () => toJson(ListMyUserSessionsResponseSchema, await client.listMyUserSessions({})),
    grants: async (query) => toJson(ListMyUserGrantsResponseSchema, await client.listMyUserGrants({ query })),
    failure: (error) => ({
      code: error.code,
      message: error.rawMessage,
      details: error.findDetails(ErrorDetailSchema).map((detail) => toJson(ErrorDetailSchema, detail)),
    }),
  };
}
