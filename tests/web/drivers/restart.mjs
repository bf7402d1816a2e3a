// Somebody whose server goes away and comes back. The parts of the walk are in one browser, which is open in between.
import { look } from "./looks.mjs";
import {
  GRANTS,
  PAUSE,
  PROFILE,
  SESSIONS,
  button,
  come,
  lookAway,
  region,
  sessions,
  settled,
  stop,
  text,
} from "./page.mjs";
import { called, complaints, opened, visit } from "./visit.mjs";

const LOST = "The connection to the server is lost.";
const WATCH = "**/grpc.health.v1.Health/Watch";
// So long the page waits at most before it tries again, in milliseconds.
const LONGEST = 20_000;
let visited;
let since;

function banner() {
  return visited.page.getByRole("alert").filter({ hasText: LOST });
}

async function connected(page) {
  await banner().waitFor({ state: "detached" });
  await settled(page);
}

async function parts(page) {
  return { profile: await text(page, PROFILE), sessions: await sessions(page), grants: await text(page, GRANTS) };
}

export const restart = {
  async restartBegin(browser, { site, person }) {
    visited = await visit(browser);
    await visited.page.clock.install();
    await come(visited.page, site, person);
    since = visited.noted.requests.length;
    return parts(visited.page);
  },

  // The server has stopped. Calls fail, and so does another try.
  async restartLost(_browser, { person }) {
    const { page } = visited;
    await banner().waitFor();
    const said = await banner().innerText();
    const before = await parts(page);
    await page.clock.fastForward(PAUSE);
    await lookAway(page);
    await region(page, SESSIONS).getByRole("alert").waitFor();
    const failed = await region(page, SESSIONS).ariaSnapshot();
    await button(page, `Sign out ${person.name}`).click();
    const undone = region(page, SESSIONS).getByRole("alert").filter({ hasText: "That did not work." });
    await undone.waitFor();
    const action = await undone.innerText();
    const stayed = await sessions(page);
    const { light, dark, overflow } = await look(page);
    const inVain = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/Watch"));
    await button(page, "Try again now").click();
    await inVain;
    const still = await banner().isVisible();
    // Or something would be tried by the way.
    await stop(page);
    return { said, before, failed, action, stayed, still, looks: { light, dark, overflow } };
  },

  // It is there again, and it is time to try.
  async restartBack() {
    const { page, noted } = visited;
    await page.clock.fastForward(LONGEST);
    const told = page.getByRole("status").filter({ hasText: "Connected again." });
    await told.waitFor();
    await connected(page);
    const after = await parts(page);
    const alerts = await page.getByRole("alert").count();
    return { after, alerts, pages: opened(noted, since), calls: called(noted, since) };
  },

  // The browser has been without a network, and then the server is not reached at once.
  async restartAgain() {
    const { context, page, noted } = visited;
    await context.setOffline(true);
    await lookAway(page);
    await banner().waitFor();
    await context.route(WATCH, (route) => route.abort());
    const atOnce = page.waitForRequest(WATCH);
    await context.setOffline(false);
    await atOnce;
    const still = await banner().isVisible();
    await context.unroute(WATCH);
    await button(page, "Try again now").click();
    await connected(page);
    const after = await parts(page);
    await context.close();
    const unforeseen = complaints(noted).filter((text) => !text.startsWith("Failed to load resource"));
    return { still, after, complaints: unforeseen };
  },
};
