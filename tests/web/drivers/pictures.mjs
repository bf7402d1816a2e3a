// The pictures of the page. The parts of the walk are in one browser, in which people have signed in between.
import { add, come, leave, settled, shown } from "./page.mjs";
import { visit } from "./visit.mjs";

const PHONE = { width: 360, height: 740 };
let visited;

export const pictures = {
  async picturesBegin(browser, { site, ada, boris }) {
    visited = await visit(browser);
    const { page } = visited;
    await come(page, site, boris);
    await add(page, ada);
  },

  async picturesTake(browser, { site, ada, folder }) {
    const { context, page } = visited;
    const take = (page, name) =>
      page.screenshot({ path: `${folder}/${name}.png`, fullPage: true, animations: "disabled" });
    await page.reload();
    await shown(page, ada);
    await take(page, "account");
    await page.emulateMedia({ colorScheme: "dark" });
    await take(page, "account-dark");
    await page.emulateMedia({ colorScheme: "light" });
    const german = await visit(browser, { locale: "de-DE", storageState: await context.storageState() });
    const words = await inGerman(german, { site, ada });
    await take(german.page, "account-de");
    await german.context.close();
    const wide = page.viewportSize();
    await page.setViewportSize(PHONE);
    await take(page, "account-phone");
    await page.setViewportSize(wide);
    await leave(page);
    await take(page, "signed-out");
    await context.close();
    return words;
  },
};

// What somebody reads whose browser is set to German, and who is the only one of several to be shown.
async function inGerman({ page }, { site, ada }) {
  await page.goto(`${site}/account`);
  await page.getByRole("main").waitFor();
  await page.getByText(ada.name).first().click();
  await page.getByRole("region").first().waitFor();
  await settled(page);
  return {
    lang: await page.getAttribute("html", "lang"),
    title: await page.title(),
    headings: await page.getByRole("heading").allInnerTexts(),
    body: await page.locator("body").innerText(),
  };
}
