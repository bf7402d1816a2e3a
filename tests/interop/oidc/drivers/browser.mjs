// People in Chromium, which is started once. Every operation is a walk in browser profiles of its own.
import { launch } from "../../drivers/chromium.mjs";
import { serve } from "../../drivers/lines.mjs";
import { LOGIN, PASSWORD, documents, profile, signIn } from "../../drivers/people.mjs";
import { attacks } from "./attacks.mjs";
import { pages } from "./pages.mjs";
import { back, gone, leave } from "./steps.mjs";

const [executablePath] = process.argv.slice(2);
const browser = await launch(executablePath);
let caller;
try {
  await serve({ redirect, twoPeople, withoutScript, overTls, ...bound(attacks), ...bound(pages) });
} finally {
  await browser.close();
}

function bound(walks) {
  return Object.fromEntries(Object.entries(walks).map(([name, walk]) => [name, (options) => walk(browser, options)]));
}

// What somebody sees by gRPC-Web with the token of a user: in a page of its own, as that loads a hundred modules.
async function sessions({ accessToken }, settings) {
  const from = new URL("/browser/sessions.html", settings.redirect_uri).href;
  if (caller?.url() !== from) {
    caller = await browser.newPage();
    await caller.goto(from);
  }
  return caller.evaluate(([url, token]) => window.sessions(url, token), [settings.authority, accessToken]);
}

// The life of one person at a page of another origin: in, renewed, out.
async function redirect({ page: url, site, settings, person }) {
  const { context, page, noted } = await profile(browser, { settings });
  await page.goto(url);
  await back(page, url);
  await leave(page, "signinRedirect");
  await signIn(page, person);
  const { user, failure } = await back(page, url);
  if (failure) {
    return { failure };
  }
  const renewed = await page.evaluate(() => window.party.renew());
  const seen = await sessions(renewed, settings);
  const { cookies, origins } = await context.storageState();
  await leave(page, "signoutRedirect", { state: "of the page" });
  const { signedOut } = await back(page, url);
  const afterwards = await sessions(renewed, settings);
  const left = await page.evaluate(() => window.party.user());
  await page.goto(`${site}/login`);
  const home = await page.innerText("main");
  const html = await documents(noted);
  await context.close();
  const { urls, complaints } = noted;
  return { user, renewed, seen, signedOut, afterwards, left, home, cookies, origins, urls, complaints, html };
}

// Two people in one browser, and one of them in another.
async function twoPeople({ page: url, site, settings, ada, boris }) {
  const first = await profile(browser, { settings });
  const { page } = first;
  await page.goto(url);
  await back(page, url);
  await leave(page, "signinRedirect");
  await signIn(page, ada);
  const adas = (await back(page, url)).user;
  const renewed = await page.evaluate(() => window.party.renew());

  await leave(page, "signinRedirect", { prompt: "select_account" });
  await page.getByRole("link", { name: "Use another account" }).click();
  await signIn(page, boris);
  const boriss = (await back(page, url)).user;

  // Ada again, who is not asked for a password.
  await leave(page, "signinRedirect", { prompt: "select_account" });
  const accounts = page.getByRole("list", { name: "Accounts" }).getByRole("button");
  await accounts.first().waitFor();
  const choice = await accounts.allInnerTexts();
  await accounts.filter({ hasText: ada.login }).click();
  const again = (await back(page, url)).user;
  const before = { ada: await sessions(adas, settings), boris: await sessions(boriss, settings) };

  await page.goto(`${site}/login`);
  await page.getByRole("button", { name: `Sign out ${boris.name}` }).click();
  await page.getByText("Signed out").first().waitFor();
  await page.goto(url);
  await back(page, url);
  const after = { ada: await sessions(adas, settings), boris: await sessions(boriss, settings) };

  // He is still in the list, but has to say his password.
  await leave(page, "signinRedirect", { prompt: "select_account" });
  await accounts.filter({ hasText: boris.login }).click();
  await page.waitForSelector(PASSWORD);
  const prefilled = await page.inputValue(LOGIN);
  await signIn(page, boris);
  const returned = (await back(page, url)).user;
  const since = await sessions(returned, settings);

  const second = await profile(browser, { settings });
  await second.page.goto(`${site}/login`);
  const stranger = await second.page.innerText("main");
  await second.page.goto(url);
  await back(second.page, url);
  const opened = second.page.waitForEvent("popup");
  const signedIn = second.page.evaluate(() => window.party.inWindow());
  await signIn(await opened, ada);
  const hers = await signedIn;
  const elsewhere = await sessions(hers, settings);
  await second.page.evaluate(() => window.party.manager.revokeTokens(["access_token"]));
  const revoked = await sessions(hers, settings);
  await second.context.close();
  await first.context.close();
  const complaints = [...first.noted.complaints, ...second.noted.complaints];
  const seen = { before, after, since, elsewhere, revoked };
  return { adas, renewed, boriss, again, choice, prefilled, returned, stranger, hers, ...seen, complaints };
}

// Plain HTML: a wrong password, the right one, a code, consent; then the account, and out again.
async function withoutScript({ site, url, callback, person }) {
  const { context, page, noted } = await profile(browser, { javaScriptEnabled: false });
  await page.goto(url);
  await signIn(page, { login: person.login, password: "wrong" });
  const problem = await page.getByRole("alert").innerText();
  await signIn(page, person);
  await page.waitForSelector("button[value=allow]");
  const asked = await page.getByRole("listitem").allInnerTexts();
  const refusal = await gone(page, callback, () => page.getByRole("button", { name: "Deny" }).click());

  const second = await context.newPage();
  await second.goto(url);
  const answer = await gone(second, callback, () => second.getByRole("button", { name: "Allow" }).click());
  const third = await context.newPage();
  await gone(third, callback, () => third.goto(url).catch(() => {}));

  const home = await context.newPage();
  await home.goto(`${site}/login`);
  const accounts = await home.innerText("main");
  await home.getByRole("button", { name: "Sign out everyone in this browser" }).click();
  await home.waitForLoadState();
  await home.goto(`${site}/login`);
  const afterwards = await home.locator(LOGIN).count();
  await context.close();
  // The wrong password is answered with 400, and nobody answers at the application.
  const complaints = noted.complaints.filter((text) => !text.startsWith("Failed to load resource"));
  return { problem, asked, refusal, answer, accounts, afterwards, complaints };
}

// The cookies of a browser that signs in over TLS, and what it is shown then.
async function overTls({ site, person }) {
  const { context, page, noted } = await profile(browser, { ignoreHTTPSErrors: true });
  await page.goto(`${site}/login`);
  await signIn(page, person);
  await page.getByRole("button", { name: `Sign out ${person.name}` }).waitFor();
  const home = await page.innerText("main");
  const cookies = await context.cookies();
  await context.close();
  return { home, cookies, complaints: noted.complaints };
}
