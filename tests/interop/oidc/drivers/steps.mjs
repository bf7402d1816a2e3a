// What people do in a browser, and what is noted while they do it.

export const LOGIN = "[autocomplete=username]";
export const PASSWORD = "[autocomplete=current-password]";
export const CODE = "[autocomplete=one-time-code]";
const PATIENCE = 15_000;

// A browser profile of its own, in which the page of the other origin finds its settings.
export async function profile(browser, { settings, ...options } = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  if (settings) {
    await context.addInitScript((given) => (window.settings = given), settings);
  }
  const noted = { complaints: [], urls: [], responses: [] };
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      noted.complaints.push(`${message.text()} at ${message.page()?.url()}`);
    }
  });
  context.on("weberror", (problem) => noted.complaints.push(problem.error().message));
  context.on("request", (request) => noted.urls.push(request.url()));
  context.on("response", (response) => noted.responses.push(response));
  return { context, noted, page: await context.newPage() };
}

// All the HTML that came; what redirects bring has no body.
export async function documents(noted) {
  const pages = noted.responses.filter((response) => response.headers()["content-type"]?.startsWith("text/html"));
  return Promise.all(pages.map((response) => response.text().catch(() => "")));
}

// With the keyboard alone, from the field that has the focus when the page opens.
export async function signIn(page, { login, password, code }) {
  const first = await page.waitForSelector(focused(LOGIN, PASSWORD));
  if ((await first.getAttribute("type")) !== "password") {
    await page.keyboard.type(login);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  if (code) {
    await page.waitForSelector(focused(CODE));
    await page.keyboard.type(code);
    await page.keyboard.press("Enter");
  }
}

function focused(...selectors) {
  return selectors.map((selector) => `${selector}:focus`).join(", ");
}

// The page of the other origin sends somebody away; what it awaits is broken off by that.
export async function leave(page, method, options = {}) {
  await page.evaluate(
    ([name, given]) => {
      window.left = true;
      void window.party.manager[name](given);
    },
    [method, options],
  );
}

// What somebody brought back to that page, once the page has dealt with it. Looked at from outside: the policy of other
// pages on the way forbids all scripts.
export async function back(page, url) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    if (page.url().startsWith(url)) {
      const arrival = await page.evaluate(() => !window.left && window.party?.arrival).catch(() => null);
      if (arrival) {
        return arrival;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`still at ${page.url()}: ${await page.innerText("body")}`);
}

// Where something leads that sends a page to an address at which nobody answers. The page is of no use then.
export async function gone(page, url, work) {
  const left = page.waitForRequest((request) => request.url().startsWith(url));
  await work();
  const there = (await left).url();
  await page.close();
  return there;
}
