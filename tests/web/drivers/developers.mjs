// Somebody who wants to call the API by hand: what is shown, and what is copied.
import { DEVELOPERS, button, come, named, region } from "./page.mjs";
import { complaints, peek, token, visit } from "./visit.mjs";

export async function developers(browser, { site, person }) {
  const visited = await visit(browser, { permissions: ["clipboard-read", "clipboard-write"] });
  const { context, page, noted } = visited;
  await come(page, site, person);
  const part = region(page, DEVELOPERS);
  const closed = await part.locator("pre").first().isVisible();
  await part.locator("summary").first().click();
  const copied = {};
  for (const name of await named(part, "button")) {
    copied[name] = await copy(page, button(part, name));
  }
  const answers = await part.locator("pre").evaluateAll((found) =>
    found.map((pre) => ({
      name: pre.getAttribute("aria-label"),
      role: pre.getAttribute("role"),
      isFocusable: pre.tabIndex === 0,
      text: pre.textContent,
    })),
  );
  const said = await part.innerText();
  await peek(visited);
  const latest = await token(noted);
  await context.close();
  return { closed, copied, answers, said, token: latest, places: noted.places, complaints: complaints(noted) };
}

// What a button puts on the clipboard.
async function copy(page, button) {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await button.click();
  return page.evaluate(async () => {
    let text = "";
    while (text === "") {
      await new Promise(requestAnimationFrame);
      text = await navigator.clipboard.readText();
    }
    return text;
  });
}
