// Every view as people with other eyes and other screens have it.
import { bringAxe, violations } from "../../interop/drivers/axe.mjs";
import { DEVELOPERS, GRANTS, PROFILE, SESSIONS, add, button, come, leave, region, settled, shown } from "./page.mjs";
import { complaints, visit } from "./visit.mjs";

const PHONE = { width: 360, height: 740 };
// All of axe's rules, and one that it leaves out unless asked.
const RULES = { rules: { "target-size": { enabled: true } } };
// In the dark only colours are others.
const OF_COLOURS = { runOnly: ["color-contrast", "link-in-text-block"] };

export async function looks(browser, { site, ada, boris }) {
  const { context, page, noted } = await visit(browser);
  const seen = {};
  const note = async (name) => (seen[name] = await look(page));
  await come(page, site, ada);
  await add(page, boris);
  await note("no grants");
  await button(page, `Switch to ${ada.name}`).click();
  await shown(page, ada);
  await note("account");
  await region(page, GRANTS).getByRole("searchbox").fill("nothing of the kind");
  await region(page, DEVELOPERS).locator("summary").first().click();
  await note("developers, no match");
  await button(page, "Sign out everyone").click();
  await page.getByRole("dialog").waitFor();
  await note("dialog");
  await button(page.getByRole("dialog"), "Cancel").click();

  await context.route("**/zitadel.auth.v1.AuthService/*", (route) => route.abort());
  await page.reload();
  await region(page, GRANTS).getByRole("alert").waitFor();
  await settled(page);
  const alerts = await page.getByRole("alert").allInnerTexts();
  await note("failure");
  await context.unroute("**/zitadel.auth.v1.AuthService/*");
  for (const name of [PROFILE, SESSIONS, GRANTS]) {
    await button(region(page, name), "Try again").click();
    await region(page, name).getByRole("alert").waitFor({ state: "detached" });
  }
  await shown(page, ada);
  await leave(page);
  await note("signed out");
  await button(page, "Sign in").click();
  await button(page, "Cancel").click();
  await page.getByRole("heading", { level: 1, name: "You are not signed in" }).waitFor();
  const refusal = await page.locator("body").ariaSnapshot();
  const url = page.url();
  await note("cancelled");
  await context.close();
  const unforeseen = complaints(noted).filter((text) => !text.startsWith("Failed to load resource"));
  return { seen, alerts, refusal, url, complaints: unforeseen };
}

// What is hard to use for somebody on the page as it is.
export async function look(page) {
  const wide = page.viewportSize();
  await bringAxe(page);
  const light = await violations(page, RULES);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await violations(page, OF_COLOURS);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(PHONE);
  const { overflow, small } = await page.evaluate(measure);
  await page.setViewportSize(wide);
  return { light, dark, overflow, small };
}

// In the page: by how much it is too wide, and what is hard to hit with a finger.
function measure() {
  const { scrollWidth } = document.documentElement;
  // What is behind a dialog cannot be pressed.
  const part = document.querySelector("dialog[open]") ?? document;
  const targets = [...part.querySelectorAll("a[href], button, input, select, summary")];
  const small = targets.filter((target) => {
    // The link that skips the head is there only while it has the focus.
    target.focus({ preventScroll: true });
    const { width, height } = target.getBoundingClientRect();
    return target.checkVisibility() && (width < 24 || height < 24);
  });
  return { overflow: scrollWidth - innerWidth, small: small.map((target) => target.outerHTML) };
}
