// What people do in a browser, and what is noted while they do it.

export const LOGIN = "[autocomplete=username]";
export const PASSWORD = "[autocomplete=current-password]";
export const CODE = "[autocomplete=one-time-code]";
export const PATIENCE = 15_000;

// A browser profile of its own; with `settings`, pages find them in their window.
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
