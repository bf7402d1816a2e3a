import { useId } from "preact/hooks";
import { type Session, SessionState } from "../../build/proto/zitadel/user_pb.ts";
import { Avatar } from "./avatar.tsx";
import { useTexts } from "./texts_context.ts";

interface Properties {
  readonly session: Session;
  readonly isCaller: boolean;
  readonly busy: boolean;
  readonly switchTo: () => void;
  readonly signInAs: () => void;
  readonly signOut: () => void;
}

/** One person of the browser, and what can be done about them. */
export function SessionItem({ session, isCaller, busy, switchTo, signInAs, signOut }: Properties) {
  const texts = useTexts();
  const id = useId();
  const name = nameOf(session);
  const active = isActive(session);
  const button = { name, busy, describedBy: id };
  return (
    <li class={active ? "person" : "person away"} aria-current={isCaller ? "true" : undefined}>
      <div class="identity">
        <Avatar url={session.avatarUrl} name={name} />
        <div>
          <p class="row">
            <span class="name">{name}</span>
            {isCaller && <span class="chip">{texts.say("you")}</span>}
            {!active && <span class="chip plain">{texts.say("signedOut")}</span>}
          </p>
          <p id={id} class="quiet">
            {session.loginName}
          </p>
        </div>
      </div>
      <div class="row">
        {active && !isCaller && <ItemButton {...button} label="switchTo" short="switchShort" act={switchTo} />}
        {active && <ItemButton {...button} label="signOut" short="signOutShort" act={signOut} />}
        {!active && <ItemButton {...button} label="signInAs" short="signIn" act={signInAs} />}
      </div>
    </li>
  );
}

interface ButtonProperties {
  readonly label: "switchTo" | "signOut" | "signInAs";
  readonly short: "switchShort" | "signOutShort" | "signIn";
  readonly name: string;
  readonly busy: boolean;
  readonly describedBy: string;
  readonly act: () => void;
}

/** A button that is a word for the eye, and a word and a name for the ear. */
function ItemButton({ label, short, name, busy, describedBy, act }: ButtonProperties) {
  const texts = useTexts();
  return (
    <button
      type="button"
      class="second small"
      aria-label={texts.say(label, { name })}
      aria-describedby={describedBy}
      aria-disabled={busy}
      onClick={() => busy || act()}
    >
      {texts.say(short)}
    </button>
  );
}

/** What a person is called; a program has a login name only. */
export function nameOf(session: Session): string {
  return session.displayName || session.loginName;
}

/** Whether the person is signed in. */
export function isActive(session: Session): boolean {
  return session.authState === SessionState.ACTIVE;
}
