// Somebody whose server speaks TLS, and so HTTP/2.
import { come, everything } from "./page.mjs";
import { called, complaints, visit } from "./visit.mjs";

export async function tls(browser, { site, person }) {
  const { context, page, noted } = await visit(browser, { ignoreHTTPSErrors: true });
  await come(page, site, person);
  const seen = await everything(page);
  const protocols = await page.evaluate(() => {
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return entries.filter(({ name }) => new URL(name).origin === origin).map(({ nextHopProtocol }) => nextHopProtocol);
  });
  await context.close();
  return { seen, protocols, calls: called(noted), complaints: complaints(noted) };
}
