import { useCallback, useEffect, useState } from "preact/hooks";
import type { Session } from "../../build/proto/zitadel/user_pb.ts";
import { type Failure, failureOf, isPassing } from "../failure.ts";
import type { Wish } from "../issuer.ts";
import { ConfirmDialog } from "./confirm_dialog.tsx";
import { Failed } from "./failed.tsx";
import { Loading } from "./loading.tsx";
import { Section } from "./section.tsx";
import { isActive, SessionItem } from "./session_item.tsx";
import { useTexts } from "./texts_context.ts";
import type { Loaded } from "./use_load.ts";

/** What can be done about the people of the browser. */
export interface SessionActions {
  leave(wish: Wish): Promise<void>;
  signOut(session: Session): Promise<void>;
  signOutAll(): Promise<void>;
}

interface Properties {
  readonly sessions: Loaded<readonly Session[]>;
  readonly callerId: string;
  /** Whether the connection to the server is lost. */
  readonly lost: boolean;
  readonly actions: SessionActions;
}

/** The people of the browser. */
export function Sessions({ sessions, callerId, lost, actions }: Properties) {
  const texts = useTexts();
  const [asking, setAsking] = useState(false);
  const { acting, failed, act, go, forgive } = useActions(actions);
  // The server is there again: somebody has just read from it, or the connection says so.
  useEffect(forgive, [forgive, sessions.value]);
  useEffect(() => {
    if (!lost) forgive();
  }, [forgive, lost]);
  const people = callerFirst(sessions.value ?? [], callerId);
  const active = people.filter(isActive).length;
  return (
    <Section title={texts.say("sessions")} name="sessions" busy={sessions.busy || acting}>
      {sessions.failure && (
        <Failed failure={sessions.failure} about="failedToLoad" busy={sessions.busy} again={sessions.again} />
      )}
      {failed && <Failed failure={failed.failure} about="failedToDo" busy={acting} again={failed.again} />}
      {sessions.value ? (
        <ul class="people">
          {people.map((session) => (
            <SessionItem
              key={session.sessionId}
              session={session}
              isCaller={session.userId === callerId}
              busy={acting}
              switchTo={() => go({ loginHint: session.loginName })}
              signInAs={() => go({ loginHint: session.loginName, prompt: "login" })}
              signOut={() => act(() => actions.signOut(session))}
            />
          ))}
        </ul>
      ) : (
        sessions.busy && <Loading lines={3} />
      )}
      <div class="row">
        <button type="button" class="second" onClick={() => go({ prompt: "login" })}>
          {texts.say("addAccount")}
        </button>
        {active > 0 && (
          <button type="button" class="second" onClick={() => setAsking(true)}>
            {texts.say("signOutAll")}
          </button>
        )}
      </div>
      {asking && (
        <ConfirmDialog
          title={texts.say("signOutAllTitle")}
          about={texts.say("signOutAllAbout", { count: active })}
          action={texts.say("signOutAll")}
          busy={acting}
          confirm={() => act(() => actions.signOutAll().finally(() => setAsking(false)))}
          close={() => setAsking(false)}
        />
      )}
    </Section>
  );
}

interface Failing {
  readonly failure: Failure;
  again(): void;
}

interface Acting {
  /** Whether something is being done. */
  readonly acting: boolean;
  /** What went wrong with what was done last. */
  readonly failed: Failing | undefined;
  act(action: () => Promise<void>): void;
  /** Leaves the page. That ends nothing here: whoever stops the browser on its way can go on. */
  go(wish: Wish): void;
  /** Takes back what went wrong, if that was a matter of the moment. */
  forgive(): void;
}

function useActions(actions: SessionActions): Acting {
  const [acting, setActing] = useState(false);
  const [failed, setFailed] = useState<Failing>();
  const heard = async (action: () => Promise<void>, again: () => void) => {
    try {
      await action();
      setFailed(undefined);
    } catch (error) {
      setFailed({ failure: failureOf(error), again });
    }
  };
  const act = (action: () => Promise<void>) => {
    setActing(true);
    void heard(action, () => act(action)).finally(() => setActing(false));
  };
  const go = (wish: Wish) =>
    void heard(
      () => actions.leave(wish),
      () => go(wish),
    );
  const forgive = useCallback(() => setFailed((last) => (last && isPassing(last.failure) ? undefined : last)), []);
  return { acting, failed, act, go, forgive };
}

/** The caller, then the others as they come: nobody moves when they are signed out. */
function callerFirst(sessions: readonly Session[], callerId: string): Session[] {
  return [
    ...sessions.filter((session) => session.userId === callerId),
    ...sessions.filter((session) => session.userId !== callerId),
  ];
}
