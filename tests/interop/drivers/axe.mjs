// What axe finds that makes a page hard to use for somebody.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// As a tool of the browser, not of the page: the policy of the page allows no script.
export async function bringAxe(page) {
  await page.evaluate(axe);
}

export async function violations(page, options) {
  const given = { preload: false, ...options };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), given);
  return violations.map(({ id, impact, nodes }) => `${impact}: ${id} (${nodes.map((node) => node.target).join(", ")})`);
}
