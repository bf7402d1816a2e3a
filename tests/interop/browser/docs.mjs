// A person at /docs: looks at the operations, pastes a token, tries GetMyUser. Prints what happened as JSON.

import { chromium } from "playwright-core";

const [executablePath, baseUrl, token] = process.argv.slice(2);
if (!token) {
  throw new Error(`usage: node ${process.argv[1]} CHROMIUM BASE_URL TOKEN`);
}
const args = [`--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${new URL(baseUrl).hostname}`];
const browser = await chromium.launch({ executablePath, args, chromiumSandbox: process.getuid() !== 0 });
try {
  console.log(JSON.stringify(await visit(await browser.newPage())));
} finally {
  await browser.close();
}

async function visit(page) {
  page.setDefaultTimeout(10_000);
  const seen = { requests: [], complaints: [], violations: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("requestfailed", (request) => seen.complaints.push(`failed: ${request.url()}`));
  page.on("pageerror", (error) => seen.complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      seen.complaints.push(message.text());
    }
  });
  await page.exposeFunction("report", (directive) => seen.violations.push(directive));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) => window.report(event.violatedDirective)),
  );

  await page.goto(`${baseUrl}/docs`);
  await page.waitForSelector(".opblock");
  const title = await page.title();
  const operations = await page.locator(".opblock-summary").evaluateAll((summaries) =>
    summaries.map((summary) => {
      const text = (part) => summary.querySelector(part).textContent;
      return [text(".opblock-summary-method"), text(".opblock-summary-path").replaceAll("\u200b", "")];
    }),
  );

  await page.click(".auth-wrapper .authorize");
  const schemes = await page.locator(".auth-container h4").allInnerTexts();
  await page.fill("#auth-bearer-value", token);
  await page.click(".auth-container:has(#auth-bearer-value) button.authorize");
  await page.click(".dialog-ux .btn-done >> nth=0");

  const operation = page.locator("[id$=-AuthService_GetMyUser]");
  await operation.locator(".opblock-summary-control").click();
  const example = await operation.locator(".model-example .highlight-code pre").first().innerText();
  await operation.locator(".execute").click();
  const live = operation.locator(".live-responses-table tbody");
  const status = await live.locator(".response-col_status").first().innerText();
  const answer = await live.locator(".highlight-code pre").first().innerText();
  return { title, operations, schemes, example, status, answer, ...seen };
}
