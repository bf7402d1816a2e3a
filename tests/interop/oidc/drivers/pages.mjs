// Every page as people with other eyes, other screens and another language have it.
import { bringAxe, violations } from "../../drivers/axe.mjs";
import { LOGIN, profile, signIn } from "../../drivers/people.mjs";

const NARROW = { width: 320, height: 640 };

async function look(page) {
  await bringAxe(page);
  const light = await violations(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await violations(page, { runOnly: ["color-contrast"] });
  await page.emulateMedia({ colorScheme: "light" });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  return { light, dark, width, ...(await words(page)) };
}

async function words(page) {
  return { lang: await page.getAttribute("html", "lang"), heading: await page.innerText("h1") };
}

export const pages = {
  // What is on each page. `urls` are those that ask for what their name says.
  async everyPage(browser, { urls, person, pending }) {
    const { context, page, noted } = await profile(browser, { viewport: NARROW });
    const seen = {};
    const note = async (name) => (seen[name] = await look(page));
    const visit = async (name) => {
      await page.goto(urls[name]);
      await note(name);
    };
    await visit("unknown client");
    await visit("sign-in");
    await signIn(page, { ...person, password: "wrong" });
    await page.getByRole("alert").waitFor();
    await note("wrong password");
    await page.goto(urls["sign-in"]);
    await signIn(page, pending);
    await page.waitForSelector("[autocomplete=one-time-code]");
    await note("code");
    await page.goto(urls["sign-in"]);
    await signIn(page, person);
    await page.waitForSelector("button[value=allow]");
    await note("consent");
    await visit("accounts");
    await visit("home");
    await page.click("a[href*=password]");
    await page.waitForSelector("[autocomplete=new-password]");
    await note("password");
    for (const name of ["log out", "device", "device code"]) {
      await visit(name);
    }
    await page.click("button[value=allow]");
    await page.waitForSelector("h1");
    await note("connected");
    await page.goto(urls["log out"]);
    await page.click("form button");
    await page.waitForLoadState();
    await note("signed out");
    await page.goto(urls.home);
    const forgotten = await page.locator(LOGIN).count();
    await context.close();
    return { seen, forgotten, complaints: noted.complaints };
  },

  // What somebody reads whose browser is set to a language, when they sign in and make a mistake.
  async inLanguage(browser, { url, person, locale }) {
    const { context, page } = await profile(browser, { locale });
    await page.goto(url);
    const { lang, heading } = await words(page);
    await signIn(page, person);
    const problem = await page.getByRole("alert").innerText();
    await context.close();
    return { lang, heading, problem };
  },
};
