// Pages of several origins call services of others. Prints what each page could read as JSON.

import { chromium } from "playwright-core";

const { executablePath, pages, targets } = JSON.parse(process.argv[2]);
const args = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"];
const browser = await chromium.launch({ executablePath, args, chromiumSandbox: process.getuid() !== 0 });
try {
  console.log(JSON.stringify(await each(pages, visit)));
} finally {
  await browser.close();
}

async function each(object, work) {
  const done = Object.entries(object).map(async ([name, value]) => [name, await work(value)]);
  return Object.fromEntries(await Promise.all(done));
}

// A fresh browser profile opens the page, and calls everything at every target.
async function visit(url) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.addCookies(Object.values(targets).map(({ url }) => ({ url, name: "crumb", value: "1" })));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wire = await listen(context, page);
  await page.goto(`${url}/browser/cross-origin.html`);
  await page.waitForFunction(() => window.clients);
  const seen = await each(targets, (target) => page.evaluate(callAll, target));
  const sandboxed = await each(targets, (target) => page.evaluate(fromSandbox, `${target.url}/auth/v1/healthz`));
  await context.close();
  return { seen, sandboxed, wire };
}

// Every request as it is on the wire: Playwright itself shows neither preflights nor cookies.
async function listen(context, page) {
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const wire = new Map();
  const of = (id) => wire.get(id) ?? wire.set(id, {}).get(id);
  session.on("Network.requestWillBeSent", ({ requestId, request, type }) =>
    Object.assign(of(requestId), { url: request.url, method: request.method, type }),
  );
  session.on("Network.requestWillBeSentExtraInfo", ({ requestId, headers }) =>
    Object.assign(of(requestId), { headers: lowered(headers) }),
  );
  session.on("Network.responseReceived", ({ requestId, response }) =>
    Object.assign(of(requestId), { status: response.status, protocol: response.protocol }),
  );
  const urls = Object.values(targets).map((target) => target.url);
  return { toJSON: () => [...wire.values()].filter((request) => urls.some((url) => request.url?.startsWith(url))) };
}

function lowered(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

// In the page: the clients side by side, the calls of each one after another.
async function callAll(target) {
  const outcomes = Object.entries(window.clients).map(async ([name, client]) => {
    const calls = { ...client(target), failure: client({ ...target, token: target.badToken }).failure };
    const seen = {};
    for (const [call, run] of Object.entries(calls)) {
      seen[call] = await run().catch((error) => ({ error: `${error.name}: ${error.message}` }));
    }
    return [name, seen];
  });
  return Object.fromEntries(await Promise.all(outcomes));
}

// In the page: a call from a frame whose origin is null.
function fromSandbox(url) {
  return new Promise((resolve) => {
    const frame = document.createElement("iframe");
    window.addEventListener("message", ({ source, data }) => source === frame.contentWindow && resolve(data));
    const call = `fetch(${JSON.stringify(url)}).then(() => "read", () => "blocked")`;
    const script = `${call}.then((outcome) => parent.postMessage(outcome, "*"))`;
    frame.sandbox = "allow-scripts";
    frame.srcdoc = `<script>${script}</` + "script>";
    document.body.append(frame);
  });
}
