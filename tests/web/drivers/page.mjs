// The account page by the names and roles that everybody finds its parts by.
import { signIn } from "../../interop/drivers/people.mjs";

export const PROFILE = "Profile";
export const SESSIONS = "Signed in on this browser";
export const GRANTS = "Grants";
export const DEVELOPERS = "For developers";
// By then the sessions are read again when somebody comes back to the page, in milliseconds.
export const PAUSE = 6_000;

export function region(page, name) {
  return page.getByRole("region", { name, exact: true });
}

export function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

// Until it is this person's page, and nothing is loading any more.
export async function shown(page, person) {
  await region(page, PROFILE).getByText(person.name, { exact: true }).first().waitFor();
  await settled(page);
}

export async function settled(page) {
  const busy = page.locator("[aria-busy=true]");
  while ((await busy.count()) > 0) {
    await busy.first().waitFor({ state: "detached" });
  }
}

// From nothing to the page of somebody who signs in with a password.
export async function come(page, site, person) {
  await page.goto(`${site}/account`);
  await signIn(page, person);
  await shown(page, person);
}

export async function signedOut(page) {
  await page.getByRole("heading", { level: 1, name: "You are signed out" }).waitFor();
}

// Everybody leaves.
export async function leave(page) {
  const everyone = "Sign out everyone";
  await button(page, everyone).click();
  await button(page.getByRole("dialog"), everyone).click();
  await signedOut(page);
}

// Another person signs in beside those who are there.
export async function add(page, person) {
  await button(page, "Add another account").click();
  await signIn(page, person);
  await shown(page, person);
}

export async function sessions(page) {
  const items = await region(page, SESSIONS).getByRole("listitem").all();
  return Promise.all(
    items.map(async (item) => ({
      isCurrent: (await item.getAttribute("aria-current")) === "true",
      text: await item.innerText(),
      buttons: await named(item, "button"),
    })),
  );
}

// The accessible names of what has a role.
export async function named(locator, role) {
  const snapshot = await locator.ariaSnapshot();
  return [...snapshot.matchAll(new RegExp(`- ${role} "((?:[^"\\\\]|\\\\.)*)"`, "g"))].map(([, name]) => name);
}

// What somebody reads in a part of the page.
export function text(page, name) {
  return region(page, name).innerText();
}

// What a page of somebody says, part by part.
export async function everything(page) {
  return {
    title: await page.title(),
    heading: await page.getByRole("heading", { level: 1 }).allInnerTexts(),
    lang: await page.getAttribute("html", "lang"),
    profile: await text(page, PROFILE),
    sessions: await sessions(page),
    grants: await text(page, GRANTS),
    outline: await page.locator("body").ariaSnapshot(),
  };
}

// From here on time passes for the page only when it is told to. Its clock must have been replaced before.
export async function stop(page) {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1_000);
}

// Somebody looks at another tab for a while, and comes back. The browser does not tell pages so that nobody looks at.
export async function lookAway(page) {
  await tell(page, "hidden");
  await tell(page, "visible");
}

function tell(page, state) {
  return page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}
