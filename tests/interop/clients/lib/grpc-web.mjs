// Calls of Google's grpc-web, in the mode `format`: "text" or "binary". Its XMLHttpRequest comes from xhr2.

import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { AuthService } from "@zitadel/proto/zitadel/auth_pb.js";
import grpcWeb from "grpc-web";
import xhr2 from "xhr2";

globalThis.XMLHttpRequest = xhr2.XMLHttpRequest;

export function connect(format) {
  return (baseUrl, token) => {
    const client = new grpcWeb.GrpcWebClientBase({ format });
    const call = caller(client, baseUrl, { authorization: `Bearer ${token}` });
    return {
      user: () => call(AuthService.method.getMyUser, {}),
      sessions: () => call(AuthService.method.listMyUserSessions, {}),
      grants: (query) => call(AuthService.method.listMyUserGrants, { query }),
      failure,
    };
  };
}

function caller(client, baseUrl, metadata) {
  return async ({ parent, name, input, output }, request) => {
    const path = `/${parent.typeName}/${name}`;
    const descriptor = new grpcWeb.MethodDescriptor(
      path,
      grpcWeb.MethodType.UNARY,
      Object,
      Object,
      (message) => toBinary(input, message),
      (bytes) => fromBinary(output, bytes),
    );
    return toJson(output, await client.unaryCall(baseUrl + path, create(input, request), metadata, descriptor));
  };
}

// grpc-web leaves the details to its user, as the base64 of a google.rpc.Status.
function failure({ code, message, metadata }) {
  return { code, message, statusDetails: metadata["grpc-status-details-bin"] };
}
