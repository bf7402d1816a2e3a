// What people do who sign in to a page of another origin.
import { PATIENCE } from "../../drivers/people.mjs";

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
