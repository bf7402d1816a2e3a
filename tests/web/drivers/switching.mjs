// Two people in one browser, who switch, sign each other out, and leave.
import { LOGIN, PASSWORD, signIn } from "../../interop/drivers/people.mjs";
import { add, button, come, everything, leave, sessions, settled, shown } from "./page.mjs";
import { complaints, opened, peek, tokens, visit } from "./visit.mjs";

const EVERYONE = "Sign out everyone";

export async function switching(browser, { site, ada, boris }) {
  const visited = await visit(browser);
  const { context, page, noted } = visited;
  const policy = page.waitForResponse(`${site}/account`).then((response) => response.allHeaders());
  await come(page, site, ada);
  const alone = await everything(page);
  await peek(visited);

  await add(page, boris);
  const both = await everything(page);
  await peek(visited);

  await page.getByRole("link", { name: "Change password" }).click();
  await page.waitForSelector("[autocomplete=new-password]");
  const password = await page.locator("main").innerText();
  await page.goBack();
  await shown(page, boris);

  // One click, no password; and the page that is opened anew is that of the same person.
  let since = noted.requests.length;
  await button(page, `Switch to ${ada.name}`).click();
  await shown(page, ada);
  const switched = { sessions: await sessions(page), pages: opened(noted, since) };
  since = noted.requests.length;
  await page.reload();
  await shown(page, ada);
  const reloaded = { pages: opened(noted, since), url: page.url() };
  await peek(visited);

  await button(page, `Sign out ${boris.name}`).click();
  const told = page.getByRole("status").filter({ hasText: boris.name });
  await told.waitFor();
  const status = await told.innerText();
  await button(page, `Sign in as ${boris.name}`).waitFor();
  await settled(page);
  const oneLeft = { status, sessions: await sessions(page) };

  await button(page, `Sign in as ${boris.name}`).click();
  await page.waitForSelector(PASSWORD);
  const asked = await page.inputValue(LOGIN);
  await signIn(page, boris);
  await shown(page, boris);
  const back = await sessions(page);

  await button(page, EVERYONE).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const question = await dialog.ariaSnapshot();
  await button(dialog, "Cancel").click();
  await dialog.waitFor({ state: "hidden" });
  const returned = await page.locator(":focus").ariaSnapshot();
  await leave(page);
  const out = await page.locator("body").ariaSnapshot();
  await peek(visited);

  since = noted.requests.length;
  await button(page, "Sign in").click();
  await page.waitForSelector(LOGIN);
  const afterwards = opened(noted, since);
  const headers = await policy;
  const cookies = await context.cookies();
  const issued = await tokens(noted);
  await context.close();
  return {
    alone, both, password, switched, reloaded, oneLeft, asked, back, question, returned, out, afterwards,
    headers, cookies, issued, requests: noted.requests, places: noted.places, complaints: complaints(noted),
  };
}
