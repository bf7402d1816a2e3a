/** Calls as lines for a shell, made from their descriptors: nothing here names an RPC. */

import { toJsonString } from "@bufbuild/protobuf";
import type { Call } from "./account.ts";
import { httpRequest, jsonFields } from "./http_rule.ts";

const PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };
const BEARER = 'Bearer $TOKEN"'; // the shell puts the token in, so that no copied line holds it

/** The call as curl makes it, on the JSON door. */
export function curlLine(call: Call, origin: string): string {
  const { verb, target, body } = httpRequest(call.method, call.request);
  const data = body === undefined ? [] : ["-H 'Content-Type: application/json'", `-d ${word(JSON.stringify(body))}`];
  const implied = body === undefined ? "GET" : "POST";
  const method = verb === implied ? [] : [`-X ${verb}`];
  return ["curl -sS", ...method, `-H "Authorization: ${BEARER}`, ...data, word(origin + target)].join(" ");
}

/** The call as grpcurl makes it: native gRPC, with a schema learnt by reflection. */
export function grpcurlLine(call: Call, origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  const plaintext = protocol === "http:" ? ["-plaintext"] : [];
  const address = word(`${hostname}:${port || PORTS[protocol]}`);
  return ["grpcurl", ...plaintext, `-H "authorization: ${BEARER}`, ...dataOf(call), address, fullName(call)].join(" ");
}

/** The call as buf makes it: gRPC-Web, with a schema learnt by reflection. */
export function bufLine(call: Call, origin: string): string {
  const url = word(`${origin}/${fullName(call)}`);
  return ["buf curl --protocol grpcweb", `-H "Authorization: ${BEARER}`, ...dataOf(call), url].join(" ");
}

/** The answer as the JSON that the server would have sent. */
export function answerJson(call: Call): string {
  return toJsonString(call.method.output, call.response, { prettySpaces: 2 });
}

function fullName({ method }: Call): string {
  return `${method.parent.typeName}/${method.name}`;
}

function dataOf({ method, request }: Call): string[] {
  const fields = jsonFields(method, request);
  return Object.keys(fields).length === 0 ? [] : [`-d ${word(JSON.stringify(fields))}`];
}

/** One word of a POSIX shell, whatever is in it. */
function word(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
