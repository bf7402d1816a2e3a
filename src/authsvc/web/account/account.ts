/** The calls of the page, with a token that is renewed without a word. */

import { create, type DescMessage, type DescMethodUnary, type Message, type MessageShape } from "@bufbuild/protobuf";
import {
  AccountService,
  SignOutAllRequestSchema,
  SignOutRequestSchema,
} from "../build/proto/authsvc/account/v1/account_pb.ts";
import {
  AuthService,
  GetMyUserRequestSchema,
  type GetMyUserResponse,
  ListMyUserGrantsRequestSchema,
  ListMyUserSessionsRequestSchema,
  type UserGrant,
} from "../build/proto/zitadel/auth_pb.ts";
import type { Session } from "../build/proto/zitadel/user_pb.ts";
import { failureOf } from "./failure.ts";
import type { Tokens } from "./tokens.ts";
import type { Transport } from "./transport.ts";

/** A call that was answered. */
export interface Call {
  readonly method: DescMethodUnary;
  readonly request: Message;
  readonly response: Message;
}

const PAGE = 1000; // the most that the server gives at once
const PAGES = 10;

/** What the signed-in person can ask and do. Everything rejects with a `Failure`. */
export class Account {
  readonly #transport: Transport;
  readonly #tokens: Tokens;
  readonly #recorded: (call: Call) => void;

  /** `recorded` hears of every answer. */
  constructor(transport: Transport, tokens: Tokens, recorded: (call: Call) => void) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#recorded = recorded;
  }

  /** Who is signed in. */
  me(): Promise<GetMyUserResponse> {
    return this.#call(AuthService.method.getMyUser, create(GetMyUserRequestSchema));
  }

  /** Everybody who signed in on this browser. */
  async sessions(): Promise<Session[]> {
    const request = create(ListMyUserSessionsRequestSchema);
    return (await this.#call(AuthService.method.listMyUserSessions, request)).result;
  }

  /** The person's grants, oldest first: all pages of them, at most ten; `total` is how many there are. */
  async grants(): Promise<{ grants: UserGrant[]; total: number }> {
    const grants: UserGrant[] = [];
    let total = 0;
    for (let page = 0; page < PAGES; page++) {
      const query = { offset: BigInt(page * PAGE), limit: PAGE, asc: true };
      const request = create(ListMyUserGrantsRequestSchema, { query });
      const { result, details } = await this.#call(AuthService.method.listMyUserGrants, request);
      grants.push(...result);
      total = Number(details?.totalResult ?? grants.length);
      if (result.length === 0 || grants.length >= total) {
        break;
      }
    }
    return { grants, total };
  }

  /** Signs out one person of this browser. */
  async signOut(sessionId: string): Promise<void> {
    await this.#call(AccountService.method.signOut, create(SignOutRequestSchema, { sessionId }));
  }

  /** Signs out everybody in this browser. */
  async signOutAll(): Promise<void> {
    await this.#call(AccountService.method.signOutAll, create(SignOutAllRequestSchema));
  }

  /** An access token that is good for some time yet. */
  token(): Promise<string> {
    return this.#tokens.access();
  }

  async #call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
  ): Promise<MessageShape<O>> {
    const token = await this.#tokens.access();
    const response = await this.#transport.unary(method, request, token).catch(async (error: unknown) => {
      const failure = failureOf(error);
      if (failure.trouble !== "signed_out") {
        throw failure;
      }
      return this.#transport.unary(method, request, await this.#tokens.renew(token));
    });
    this.#recorded({ method, request, response });
    return response;
  }
}
