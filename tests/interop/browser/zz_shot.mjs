import { chromium } from "playwright-core";
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", chromiumSandbox: false });
const page = await browser.newPage({viewport:{width:1200,height:2200}});
await page.goto("http://127.0.0.1:8765/docs");
await page.waitForSelector(".opblock");
await page.click(".opblock-summary-control >> nth=0");
await page.waitForTimeout(800);
await page.screenshot({path:"/tmp/ui/a.png",fullPage:true});
for (const t of await page.locator('.responses-wrapper .tablinks:has-text("Schema")').all()) { await t.click(); }
await page.waitForTimeout(300);
for (let i=0;i<4;i++) { for (const b of await page.locator('.responses-wrapper .json-schema-2020-12-expand-deep-button').all()) { await b.click().catch(()=>{}); break; } }
await page.waitForTimeout(500);
await page.screenshot({path:"/tmp/ui/b.png",fullPage:true});
await browser.close();
