import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren } from "preact";
import type { GetMyUserResponse } from "../../build/proto/zitadel/auth_pb.ts";
import type { Human, User } from "../../build/proto/zitadel/user_pb.ts";
import { Avatar } from "./avatar.tsx";
import { Failed } from "./failed.tsx";
import { DashIcon, VerifiedIcon } from "./icons.tsx";
import { Loading } from "./loading.tsx";
import { Section } from "./section.tsx";
import { useTexts } from "./texts_context.ts";
import type { Loaded } from "./use_load.ts";

/** Who somebody is. `sessionId` is that of the session whose password can be changed; "" while it is not known. */
export function Profile({ me, sessionId }: { me: Loaded<GetMyUserResponse>; sessionId: string }) {
  const texts = useTexts();
  return (
    <Section title={texts.say("profile")} name="profile" busy={me.busy}>
      {me.failure && <Failed failure={me.failure} about="failedToLoad" busy={me.busy} again={me.again} />}
      {me.value?.user && <Facts user={me.value.user} answer={me.value} sessionId={sessionId} />}
      {!me.value && me.busy && <Loading lines={6} />}
    </Section>
  );
}

function Facts({ user, answer, sessionId }: { user: User; answer: GetMyUserResponse; sessionId: string }) {
  const texts = useTexts();
  const human = user.type.case === "human" ? user.type.value : undefined;
  const machine = user.type.case === "machine" ? user.type.value : undefined;
  const name = displayName(user);
  const password = new URLSearchParams({ session: sessionId });
  return (
    <>
      <div class="who">
        <Avatar url={human?.profile?.avatarUrl ?? ""} name={name} />
        <div>
          <p class="name">{name}</p>
          {machine ? null : <p class="quiet">{user.preferredLoginName}</p>}
        </div>
      </div>
      <dl>
        <Fact term={texts.say("loginNames", { count: user.loginNames.length })}>
          {user.loginNames.map((each) => (
            <span key={each} class="line">
              {each}
            </span>
          ))}
        </Fact>
        {human && <Personal human={human} />}
        {machine?.description && <Fact term={texts.say("description")}>{machine.description}</Fact>}
        <Fact term={texts.say("lastSignIn")}>
          {answer.lastLogin ? <Moment at={timestampMs(answer.lastLogin)} /> : texts.say("never")}
        </Fact>
      </dl>
      {human && sessionId && (
        <a class="button second" href={`/login/password?${password}`}>
          {texts.say("changePassword")}
        </a>
      )}
    </>
  );
}

function Personal({ human }: { human: Human }) {
  const texts = useTexts();
  const language = texts.languageName(human.profile?.preferredLanguage ?? "");
  return (
    <>
      <Contact term={texts.say("email")} value={human.email?.email} verified={human.email?.isEmailVerified} />
      <Contact term={texts.say("phone")} value={human.phone?.phone} verified={human.phone?.isPhoneVerified} />
      <Fact term={texts.say("language")}>{language ?? texts.say("notGiven")}</Fact>
    </>
  );
}

function Contact({
  term,
  value,
  verified,
}: {
  term: string;
  value: string | undefined;
  verified: boolean | undefined;
}) {
  const texts = useTexts();
  return (
    <Fact term={term}>
      {value ? (
        <>
          <span>{value}</span>
          <span class={verified ? "mark good" : "mark"}>
            {verified ? <VerifiedIcon /> : <DashIcon />}
            {texts.say(verified ? "verified" : "notVerified")}
          </span>
        </>
      ) : (
        texts.say("notGiven")
      )}
    </Fact>
  );
}

function Fact({ term, children }: { term: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: number }) {
  const texts = useTexts();
  return <time dateTime={new Date(at).toISOString()}>{texts.moment(at)}</time>;
}

/** The name of a person or program; the login name of who has none. */
function displayName(user: User): string {
  const given = user.type.case === "human" ? user.type.value.profile?.displayName : user.type.value?.name;
  return given || user.preferredLoginName;
}
