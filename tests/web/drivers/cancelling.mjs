// Somebody who goes to sign in as another person, and thinks better of it. The parts of the walk are in one browser,
// which is open in between.
import { LOGIN, PASSWORD, signIn } from "../../interop/drivers/people.mjs";
import { add, button, come, shown } from "./page.mjs";
import { complaints, opened, visit } from "./visit.mjs";

let visited;

// The pages from a sign-in that is cancelled to the account page.
async function cancel(arrived) {
  const { page, noted } = visited;
  const since = noted.requests.length;
  await button(page, "Cancel").click();
  await arrived();
  return opened(noted, since);
}

// Whose password is asked for.
async function asked(page) {
  await page.waitForSelector(PASSWORD);
  return page.inputValue(LOGIN);
}

export const cancelling = {
  async cancellingBegin(browser, { site, ada, boris }) {
    visited = await visit(browser);
    const { page } = visited;
    await come(page, site, ada);
    await add(page, boris);
    await button(page, "Add another account").click();
    const pages = await cancel(() => shown(page, boris));
    return { pages, url: page.url() };
  },

  // Ada's session has ended, of which the list that Boris sees does not know yet.
  async cancellingStale(_browser, { ada, boris }) {
    const { page } = visited;
    await button(page, `Switch to ${ada.name}`).click();
    const whose = await asked(page);
    const pages = await cancel(() => shown(page, boris));
    await button(page, `Sign in as ${ada.name}`).click();
    await signIn(page, ada);
    await shown(page, ada);
    return { whose, pages };
  },

  // Ada's session has ended again; now it is her page.
  async cancellingEnded() {
    const { context, page, noted } = visited;
    await button(page, "Add another account").click();
    const pages = await cancel(() => page.getByRole("heading", { level: 1, name: "You are not signed in" }).waitFor());
    const said = await page.locator("body").innerText();
    const url = page.url();
    await button(page, "Sign in").click();
    const whose = await asked(page);
    await context.close();
    return { pages, said, url, whose, complaints: complaints(noted) };
  },
};
