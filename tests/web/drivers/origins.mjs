// The page at addresses of other kinds.
import { LOGIN, signIn } from "../../interop/drivers/people.mjs";
import { DEVELOPERS, GRANTS, come, everything, region, shown } from "./page.mjs";
import { called, complaints, visit } from "./visit.mjs";

// Somebody whose server speaks TLS, and so HTTP/2.
export async function tls(browser, { site, person }) {
  const { context, page, noted } = await visit(browser, { ignoreHTTPSErrors: true });
  await come(page, site, person);
  const seen = await everything(page);
  const protocols = await page.evaluate(() => {
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return entries.filter(({ name }) => new URL(name).origin === origin).map(({ nextHopProtocol }) => nextHopProtocol);
  });
  await context.close();
  return { seen, protocols, calls: called(noted), complaints: complaints(noted) };
}

// Somebody who knows the server by another name than it has itself, and a part of the page; where they are asked to sign
// in, and come back to. Then they follow a link within the page, and load it anew.
export async function byAnotherName(browser, { site, person }) {
  const { context, page, noted } = await visit(browser, { viewport: { width: 1280, height: 400 } });
  await page.goto(`${site}/account#grants`);
  await page.waitForSelector(LOGIN);
  const asked = page.url();
  await signIn(page, person);
  await shown(page, person);
  const back = page.url();
  const grants = await heading(page, GRANTS);
  await page.goto(back.replace("#grants", "#developers"));
  await region(page, DEVELOPERS).locator("pre").first().waitFor();
  const followed = await heading(page, DEVELOPERS);
  await page.reload();
  await shown(page, person);
  await region(page, DEVELOPERS).locator("pre").first().waitFor();
  const reloaded = await heading(page, DEVELOPERS);
  await context.close();
  return { asked, back, inView: { grants, followed, reloaded }, complaints: complaints(noted) };
}

// Whether the heading of a part of the page is to be seen.
function heading(page, name) {
  return region(page, name)
    .getByRole("heading", { level: 2 })
    .evaluate((found) => {
      const { top, bottom } = found.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
}
