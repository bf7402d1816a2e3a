/** The account page: who somebody is, where they are signed in, what they may do. */

import { render } from "preact";
import { SignIn } from "./sign_in.ts";
import { textsFor } from "./texts/index.ts";
import { grpcWeb } from "./transport.ts";
import { App } from "./views/app.tsx";
import { TextsContext } from "./views/texts_context.ts";

const texts = textsFor(navigator.languages);
document.documentElement.lang = texts.language;
document.title = texts.say("title");

// A page that the browser has kept, whole as it was left, would show somebody who may have signed out meanwhile.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const page = document.getElementById("page");
if (page) {
  page.replaceChildren();
  render(
    <TextsContext.Provider value={texts}>
      <App open={() => SignIn.open(location.origin)} transport={grpcWeb(location.origin)} />
    </TextsContext.Provider>,
    page,
  );
}
