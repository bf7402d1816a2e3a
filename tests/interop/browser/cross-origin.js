// What a page can call on a server of another origin: `window.clients[name](target)`, for a target of
// `{url, token, credentials, health}`, are the calls of each client. A call resolves to what the page could read.

import { create, createFileRegistry, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuthService, GetMyUserResponseSchema } from "@zitadel/proto/zitadel/auth_pb.js";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb.js";
import grpcWeb from "grpc-web";

// Milliseconds. Connect's client keeps the deadline too, and must have read the first message before; Google's waits for
// the server, a second at least; the server must have begun before its own.
const DEADLINE = 400;
const CONNECTS_DEADLINE = 2_000;

window.clients = {
  "connect-web": connectWeb,
  "grpc-web-text": (target) => googles("text", target),
  "grpc-web-binary": (target) => googles("binary", target),
  fetch: plain,
};

function healthOf(target) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(target.health)));
  return registry.getService("grpc.health.v1.Health");
}

const mode = (target) => (target.credentials ? "include" : "omit");

function connectWeb(target) {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${target.token}`);
    return next(request);
  };
  const transport = createGrpcWebTransport({
    baseUrl: target.url,
    interceptors: [authorize],
    fetch: (input, init) => fetch(input, { ...init, credentials: mode(target) }),
  });
  const auth = createClient(AuthService, transport);
  const health = createClient(healthOf(target), transport);
  const watched = async (options) => {
    const statuses = [];
    try {
      for await (const { status } of health.watch({}, options)) {
        statuses.push(status);
        if (!options.timeoutMs) {
          break;
        }
      }
    } catch (error) {
      return { statuses, code: error.code };
    }
    return { statuses };
  };
  const said = (error) => ({
    code: error.code,
    message: error.rawMessage,
    details: error.findDetails(ErrorDetailSchema).map((detail) => toJson(ErrorDetailSchema, detail)),
  });
  return {
    user: async () => {
      let requestId;
      const onHeader = (headers) => (requestId = headers.get("x-request-id"));
      const user = toJson(GetMyUserResponseSchema, await auth.getMyUser({}, { onHeader, timeoutMs: 5_000 }));
      return { user, requestId };
    },
    failure: () => auth.getMyUser({}).catch(said),
    stream: () => watched({}),
    deadline: () => watched({ timeoutMs: CONNECTS_DEADLINE }),
  };
}

function googles(format, target) {
  const client = new grpcWeb.GrpcWebClientBase({ format, withCredentials: Boolean(target.credentials) });
  const metadata = { authorization: `Bearer ${target.token}` };
  const described = ({ parent, name, methodKind, input, output }) =>
    new grpcWeb.MethodDescriptor(
      `/${parent.typeName}/${name}`,
      methodKind === "unary" ? grpcWeb.MethodType.UNARY : grpcWeb.MethodType.SERVER_STREAMING,
      Object,
      Object,
      (message) => toBinary(input, message),
      (bytes) => fromBinary(output, bytes),
    );
  const unary = (method, more) =>
    client.unaryCall(
      `${target.url}/${method.parent.typeName}/${method.name}`,
      create(method.input),
      { ...metadata, ...more },
      described(method),
    );
  const deadline = (after) => ({ deadline: String(Date.now() + after) });
  // Text comes in pieces; binary answers are handed over only when they are whole.
  const watched = (more) => {
    const { watch } = healthOf(target).method;
    const url = `${target.url}/${watch.parent.typeName}/${watch.name}`;
    const stream = client.serverStreaming(url, create(watch.input), { ...metadata, ...more }, described(watch));
    const statuses = [];
    return new Promise((resolve) => {
      stream.on("data", ({ status }) => {
        statuses.push(status);
        if (!more) {
          stream.cancel();
          resolve({ statuses });
        }
      });
      stream.on("error", ({ code, message }) => resolve({ statuses, code, message }));
    });
  };
  const said = ({ code, message, metadata }) => ({
    code,
    message,
    statusDetails: metadata?.["grpc-status-details-bin"],
  });
  return {
    user: async () => {
      const user = toJson(GetMyUserResponseSchema, await unary(AuthService.method.getMyUser, deadline(5_000)));
      return { user };
    },
    failure: () => unary(AuthService.method.getMyUser, {}).catch(said),
    ...(format === "text" && { stream: () => watched() }),
    deadline: () => watched(deadline(DEADLINE)),
  };
}

function plain(target) {
  const authorization = `Bearer ${target.token}`;
  const ask = async (path, init = {}) => {
    const response = await fetch(target.url + path, { credentials: mode(target), ...init });
    const body = base64Encode(new Uint8Array(await response.arrayBuffer()));
    return { status: response.status, type: response.type, headers: Object.fromEntries(response.headers), body };
  };
  const watch = "/grpc.health.v1.Health/Watch";
  const web = { method: "POST", body: new Uint8Array(5) };
  return {
    user: () => ask("/auth/v1/users/me", { headers: { authorization, "x-goog-fieldmask": "user.id" } }),
    again: () => ask("/auth/v1/users/me", { headers: { authorization, "x-goog-fieldmask": "user.id" } }),
    simple: () => ask("/auth/v1/healthz"),
    opaque: () => ask("/auth/v1/healthz", { mode: "no-cors" }),
    search: () =>
      ask("/auth/v1/usergrants/me/_search", {
        method: "POST",
        headers: { authorization, "content-type": "application/json", "grpc-timeout": "5S" },
        body: "{}",
      }),
    failure: () => ask("/auth/v1/users/me", { headers: { authorization } }),
    nowhere: () => ask("/nowhere"),
    notAllowed: () => ask("/auth/v1/users/me", { method: "DELETE" }),
    unsupported: () => ask(watch, { ...web, headers: { "content-type": "application/grpc-web+json" } }),
    tooLarge: () =>
      ask("/auth/v1/users/me/sessions/_search", {
        method: "POST",
        headers: { authorization },
        body: " ".repeat(300_000),
      }),
    probe: () => ask("/debug/ready"),
    document: () => ask("/openapi.json"),
    deadline: () =>
      ask(watch, { ...web, headers: { "content-type": "application/grpc-web+proto", "grpc-timeout": `${DEADLINE}m` } }),
    unasked: () => ask("/auth/v1/users/me", { headers: { authorization, "x-not-in-the-list": "1" } }),
  };
}
