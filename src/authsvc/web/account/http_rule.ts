/** What google.api.http makes of a request: method, path, query and body (the same reading as the server's). */

import { type DescMethod, getOption, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { http } from "../build/proto/google/api/annotations_pb.ts";
import type { HttpRule } from "../build/proto/google/api/http_pb.ts";

/** A request as the JSON door takes it; `target` is path and query, `body` is undefined when there is nothing to say. */
interface HttpRequest {
  readonly verb: string;
  readonly target: string;
  readonly body: JsonValue | undefined;
}

type Fields = { [name: string]: JsonValue };

const PREFIX = "/auth/v1"; // paths of the contract are relative to it
const VARIABLE = /\{([^}=]+)(?:=[^}]*)?\}/g;

/** The request for a method that has an HTTP rule. */
export function httpRequest(method: DescMethod, message: Message): HttpRequest {
  const rule = getOption(method, http);
  const { verb, template } = patternOf(rule.pattern);
  const left = jsonFields(method, message);
  const path = template.replaceAll(VARIABLE, (_, field: string) => {
    const name = jsonName(method, field);
    const value = left[name];
    delete left[name];
    return encodeURIComponent(String(value ?? ""));
  });
  const body = takeBody(method, rule.body, left);
  const query = rule.body === "*" ? "" : queryOf(left);
  return { verb, target: PREFIX + path + (query === "" ? "" : `?${query}`), body };
}

/** The fields of a request that are set, by their JSON names. */
export function jsonFields(method: DescMethod, message: Message): Fields {
  return toJson(method.input, message) as Fields;
}

function patternOf(pattern: HttpRule["pattern"]): { verb: string; template: string } {
  switch (pattern.case) {
    case undefined:
      throw new Error("the method has no HTTP rule");
    case "custom":
      return { verb: pattern.value.kind, template: pattern.value.path };
    default:
      return { verb: pattern.case.toUpperCase(), template: pattern.value };
  }
}

function takeBody(method: DescMethod, rule: string, left: Fields): JsonValue | undefined {
  if (rule === "*") {
    return Object.keys(left).length > 0 ? left : undefined;
  }
  const name = jsonName(method, rule);
  const body = left[name];
  delete left[name];
  return body;
}

function jsonName(method: DescMethod, field: string): string {
  return method.input.fields.find((each) => each.name === field)?.jsonName ?? field;
}

/** What neither path nor body holds: fields of messages by dotted names, values of lists one by one. */
function queryOf(fields: Fields): string {
  const query = new URLSearchParams();
  const add = (name: string, value: JsonValue): void => {
    if (Array.isArray(value)) {
      for (const each of value) add(name, each);
    } else if (typeof value === "object" && value !== null) {
      for (const [inner, each] of Object.entries(value)) add(`${name}.${inner}`, each);
    } else {
      query.append(name, String(value));
    }
  };
  for (const [name, value] of Object.entries(fields)) add(name, value);
  return query.toString();
}
