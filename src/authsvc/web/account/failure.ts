/** What went wrong, in a form that views can put into words. */

import { RpcError, StatusCode } from "grpc-web";
import {
  AuthorizationResponseError,
  OperationProcessingError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from "oauth4webapi";

/** The sorts of failure that views tell apart. */
export type Trouble =
  "signed_out" | "unreachable" | "forbidden" | "missing" | "busy" | "timeout" | "refused" | "unexpected";

/** A failure of any sort. `id` is the server's name for it: `AUTH-7fs1e`, or `access_denied` of a sign-in, or "". */
export class Failure extends Error {
  readonly trouble: Trouble;
  readonly id: string;

  constructor(trouble: Trouble, message: string, id = "", cause?: unknown) {
    super(message, { cause });
    this.name = "Failure";
    this.trouble = trouble;
    this.id = id;
  }
}

const BY_STATUS: Readonly<Partial<Record<number, Trouble>>> = {
  [StatusCode.UNAUTHENTICATED]: "signed_out",
  [StatusCode.PERMISSION_DENIED]: "forbidden",
  [StatusCode.NOT_FOUND]: "missing",
  [StatusCode.RESOURCE_EXHAUSTED]: "busy",
  [StatusCode.UNAVAILABLE]: "busy",
  [StatusCode.DEADLINE_EXCEEDED]: "timeout",
};

// What the client itself says when no gRPC answer came: no connection (number 0), a gateway's page, or half an answer.
const HTTP_STATUS = /^Http response at 400 or 500 level, http status code: (\d+)$/;
const NO_ANSWER =
  /^(An exception occurred|Unknown Content-type received\.|Error in parsing response body|Incomplete response)$/;

const ID = /^(.*) \(([A-Za-z0-9]+-[A-Za-z0-9]+)\)$/s;

/** Any thrown thing as a `Failure`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) {
    return error;
  }
  if (error instanceof RpcError || isStatus(error)) {
    return ofCall(error);
  }
  if (error instanceof ResponseBodyError) {
    const trouble = ofHttp(error.status) ?? "refused";
    return new Failure(trouble, error.error_description ?? error.error, error.error, error);
  }
  if (error instanceof AuthorizationResponseError) {
    const trouble = error.error === "temporarily_unavailable" ? "busy" : "refused";
    return new Failure(trouble, error.error_description ?? error.error, error.error, error);
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    return new Failure("refused", error.message, error.cause[0]?.parameters.error ?? "", error);
  }
  if (error instanceof OperationProcessingError && error.cause instanceof Response) {
    return new Failure(ofHttp(error.cause.status) ?? "unexpected", error.message, "", error);
  }
  return new Failure("unexpected", error instanceof Error ? error.message : String(error), "", error);
}

/** Whether a failure is one of the moment: it says nothing of a server that answers again. */
export function isPassing({ trouble }: Failure): boolean {
  return trouble === "unreachable" || trouble === "timeout" || trouble === "busy";
}

interface Status {
  readonly code: number;
  readonly message: string;
}

/** The gRPC-Web client rejects with a bare object when an answer has no message. */
function isStatus(error: unknown): error is Status {
  const bare = typeof error === "object" && error !== null && !(error instanceof Error);
  return bare && "code" in error && typeof error.code === "number" && "message" in error;
}

function ofCall(error: Status): Failure {
  const http = HTTP_STATUS.exec(error.message)?.[1];
  if (http !== undefined) {
    return new Failure(ofHttp(Number(http)) ?? BY_STATUS[error.code] ?? "unexpected", error.message, "", error);
  }
  if (NO_ANSWER.test(error.message)) {
    return new Failure("unreachable", error.message, "", error);
  }
  const [, text = error.message, id = ""] = ID.exec(error.message) ?? [];
  return new Failure(BY_STATUS[error.code] ?? "unexpected", text, id, error);
}

/** What a status of HTTP means that came without a word of our server's own: a proxy's, mostly. */
function ofHttp(status: number): Trouble | undefined {
  switch (status) {
    case 0:
    case 502:
    case 504:
      return "unreachable";
    case 429:
    case 503:
      return "busy";
    default:
      return undefined;
  }
}
