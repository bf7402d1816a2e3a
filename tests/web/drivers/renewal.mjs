// Somebody whose token comes to its end. The parts of the walk are in one browser, which is open in between.
import { LOGIN, PASSWORD } from "../../interop/drivers/people.mjs";
import { PAUSE, button, come, lookAway, settled, signedOut, stop } from "./page.mjs";
import { called, complaints, opened, token, visit } from "./visit.mjs";

let visited;

// What happens from now on until the sessions have been read with a token that is not this one.
async function readAgain(stale) {
  const { context, page, noted } = visited;
  const since = noted.requests.length;
  const read = context.waitForEvent("requestfinished", (request) => {
    const { authorization } = request.headers();
    return request.url().endsWith("/ListMyUserSessions") && authorization !== `Bearer ${stale}`;
  });
  await lookAway(page);
  await read;
  await settled(page);
  return {
    calls: called(noted, since).filter(({ method }) => method === "ListMyUserSessions"),
    pages: opened(noted, since),
    alerts: await page.getByRole("alert").allInnerTexts(),
    token: await token(noted),
  };
}

export const renewal = {
  // `ahead`: how wrong the browser's clock is, in milliseconds.
  async renewalBegin(browser, { site, person, ahead }) {
    visited = await visit(browser);
    await visited.page.clock.install({ time: Date.now() + ahead });
    await come(visited.page, site, person);
    await stop(visited.page);
    return token(visited.noted);
  },

  // The server has let the token expire.
  async renewalExpired() {
    const { page, noted } = visited;
    await page.clock.fastForward(PAUSE);
    const renewed = await readAgain(await token(noted));
    const since = noted.requests.length;
    await lookAway(page);
    await settled(page);
    return { ...renewed, atOnce: called(noted, since).filter(({ method }) => method === "ListMyUserSessions") };
  },

  // By the browser's clock the token is about to expire.
  async renewalLater(_browser, { passed }) {
    const stale = await token(visited.noted);
    await visited.page.clock.fastForward(passed);
    return readAgain(stale);
  },

  // A back end has ended the session.
  async renewalEnded() {
    const { context, page, noted } = visited;
    await page.clock.fastForward(PAUSE);
    const since = noted.requests.length;
    await lookAway(page);
    await signedOut(page);
    const said = await page.locator("body").innerText();
    const pages = opened(noted, since);
    await button(page, "Sign in").click();
    await page.waitForSelector(PASSWORD);
    const asked = await page.inputValue(LOGIN);
    await context.close();
    return { said, pages, asked, complaints: complaints(noted) };
  },
};
