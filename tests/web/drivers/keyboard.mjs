// Somebody without a mouse.
import { add, come, shown } from "./page.mjs";
import { complaints, opened, visit } from "./visit.mjs";

const STEPS = 60;

export async function keyboard(browser, { site, ada, boris }) {
  const { context, page, noted } = await visit(browser);
  await come(page, site, ada);
  await add(page, boris);
  // From the beginning of the page on.
  await page.reload();
  await shown(page, boris);
  await page.keyboard.press("Tab");
  const first = await focused(page);

  await walk(page, `Switch to ${ada.name}`);
  const since = noted.requests.length;
  await page.keyboard.press("Enter");
  await shown(page, ada);
  const switched = opened(noted, since);

  await walk(page, "Sign out everyone");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const stops = [];
  for (let step = 0; step < 6; step++) {
    stops.push(await dialog.locator(":focus").count());
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  const returned = await focused(page);
  const outlines = await outlined(page);
  await context.close();
  return { first, switched, stops, returned, outlines, complaints: complaints(noted) };
}

async function focused(page) {
  return (await page.locator(":focus").ariaSnapshot()).split("\n")[0];
}

// With the Tab key alone, until this has the focus.
async function walk(page, name) {
  for (let step = 0; step < STEPS; step++) {
    if ((await page.locator(":focus").count()) && (await focused(page)).includes(`"${name}"`)) {
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`the Tab key does not lead to ${name}`);
}

// What does not look different with the focus than without: on a way with the Tab key from here to the end.
async function outlined(page) {
  const plain = [];
  for (let step = 0; step < STEPS; step++) {
    await page.keyboard.press("Tab");
    const style = await page.evaluate(() => {
      const { activeElement } = document;
      if (activeElement === document.body) {
        return null;
      }
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(activeElement);
      const seen = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
      return { tag: activeElement.outerHTML.slice(0, 80), seen };
    });
    if (style === null) {
      break;
    }
    if (!style.seen) {
      plain.push(style.tag);
    }
  }
  return plain;
}
