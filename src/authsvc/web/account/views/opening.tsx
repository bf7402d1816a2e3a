import { Frame } from "./frame.tsx";
import { Loading } from "./loading.tsx";
import { Section } from "./section.tsx";
import { useTexts } from "./texts_context.ts";

/** The page before anything is known. */
export function Opening() {
  const texts = useTexts();
  return (
    <Frame>
      <Section title={texts.say("profile")} name="profile" busy>
        <Loading lines={6} />
      </Section>
      <Section title={texts.say("sessions")} name="sessions" busy>
        <Loading lines={3} />
      </Section>
      <Section title={texts.say("grants")} name="grants" busy>
        <Loading lines={4} />
      </Section>
    </Frame>
  );
}
