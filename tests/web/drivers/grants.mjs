// Somebody with a few grants, somebody with none, and somebody with many.
import { GRANTS, add, button, come, region, signedOut } from "./page.mjs";
import { complaints, visit } from "./visit.mjs";

const ROW = /^Project \d\d-\d\d$/gm;

export async function grants(browser, { site, few, none, many, text }) {
  const { context, page, noted } = await visit(browser);
  await come(page, site, few);
  const part = region(page, GRANTS);
  const search = part.getByRole("searchbox", { name: "Search grants" });
  const order = part.getByRole("combobox", { name: "Sort by" });
  const orders = {};
  for (const name of await order.locator("option").allInnerTexts()) {
    await order.selectOption({ label: name });
    orders[name] = await part.innerText();
  }
  await search.fill(text.some);
  const found = await part.innerText();
  await search.fill(text.none);
  const nothing = await part.innerText();
  await search.fill("");
  const all = await part.innerText();

  await add(page, none);
  const empty = await part.innerText();

  await add(page, many);
  const first = await rows(part);
  const counted = await part.innerText();
  const more = button(part, "Show more");
  const clicks = [];
  while (await more.isVisible()) {
    await more.click();
    clicks.push(await rows(part));
  }
  await search.fill(text.one);
  const one = await rows(part);

  // Only one of the three leaves: who of the others comes next is theirs to say.
  await button(page, `Sign out ${many.name}`).click();
  await signedOut(page);
  await button(page, "Sign in").click();
  const accounts = page.getByRole("list", { name: "Accounts" }).getByRole("button");
  await accounts.first().waitFor();
  const choice = await accounts.allInnerTexts();
  await context.close();
  return { orders, found, nothing, all, empty, first, counted, clicks, one, choice, complaints: complaints(noted) };
}

// The projects that are shown of somebody who has many. One look at the whole text: there are a thousand of them.
async function rows(part) {
  return (await part.innerText()).match(ROW) ?? [];
}
