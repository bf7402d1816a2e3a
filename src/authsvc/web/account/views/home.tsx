import { useEffect, useMemo, useState } from "preact/hooks";
import type { Session } from "../../build/proto/zitadel/user_pb.ts";
import { Account, type Call } from "../account.ts";
import { failureOf } from "../failure.ts";
import { showsPerson } from "../last_person.ts";
import type { SignIn } from "../sign_in.ts";
import type { Tokens } from "../tokens.ts";
import type { Transport } from "../transport.ts";
import { Developers } from "./developers.tsx";
import { Frame } from "./frame.tsx";
import { Grants } from "./grants.tsx";
import { Lost } from "./lost.tsx";
import { Profile } from "./profile.tsx";
import { isActive, nameOf } from "./session_item.tsx";
import { type SessionActions, Sessions } from "./sessions.tsx";
import type { Reason } from "./signed_out.tsx";
import { Status, useStatus } from "./status.tsx";
import { useTexts } from "./texts_context.ts";
import { useConnection } from "./use_connection.ts";
import { useHash } from "./use_hash.ts";
import { useLoad } from "./use_load.ts";
import { useReturn } from "./use_return.ts";

interface Properties {
  readonly signIn: SignIn;
  readonly tokens: Tokens;
  readonly transport: Transport;
  /** Nobody is signed in any more. */
  readonly out: (reason: Reason) => void;
}

/** The page of somebody who is signed in. */
export function Home({ signIn, tokens, transport, out }: Properties) {
  const texts = useTexts();
  const { message, say } = useStatus();
  const { account, calls } = useAccount(transport, tokens);
  const ended = () => out({ kind: "ended" });
  const me = useLoad(() => account.me(), ended);
  const sessions = useLoad(() => account.sessions(), ended);
  const grants = useLoad(() => account.grants(), ended);
  const { lost, retry } = useConnection(transport, () => {
    say(texts.say("connectedAgain"));
    for (const part of [me, sessions, grants]) part.again();
  });
  useReturn(sessions.again);
  useHash([me, sessions, grants].every((part) => !part.busy));
  const user = me.value?.user;
  useEffect(() => {
    if (user) showsPerson(user.preferredLoginName);
  }, [user]);

  const callerId = user?.id ?? "";
  const own = sessions.value?.find((session) => session.userId === callerId)?.sessionId ?? "";
  const actions: SessionActions = {
    leave: (wish) => signIn.leave(wish),
    signOut: async (session: Session) => {
      await unlessEnded(account.signOut(session.sessionId), ended);
      if (session.sessionId === own) {
        out({ kind: "wanted", others: sessions.value?.some((each) => each !== session && isActive(each)) ?? false });
        return;
      }
      say(texts.say("signedOutOne", { name: nameOf(session) }));
      sessions.again();
    },
    signOutAll: async () => {
      await unlessEnded(account.signOutAll(), ended);
      out({ kind: "wanted", others: false });
    },
  };
  return (
    <Frame above={lost && <Lost retry={retry} />}>
      <Profile me={me} sessionId={own} />
      <Sessions sessions={sessions} callerId={callerId} lost={lost} actions={actions} />
      <Grants grants={grants} />
      <Developers calls={calls} account={account} tokens={tokens} say={say} />
      <Status message={message} />
    </Frame>
  );
}

/** The calls of the page, and the last answer of each method. */
function useAccount(transport: Transport, tokens: Tokens): { account: Account; calls: ReadonlyMap<string, Call> } {
  const [calls, setCalls] = useState<ReadonlyMap<string, Call>>(new Map());
  const account = useMemo(() => {
    const recorded = (call: Call) =>
      setCalls((before) => new Map(before).set(`${call.method.parent.typeName}/${call.method.name}`, call));
    return new Account(transport, tokens, recorded);
  }, [transport, tokens]);
  return { account, calls };
}

/** Waits for a call. That the session is over is said once, by the page; whoever waits hears of the failure as well. */
async function unlessEnded(call: Promise<void>, ended: () => void): Promise<void> {
  try {
    await call;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.trouble === "signed_out") ended();
    throw failure;
  }
}
