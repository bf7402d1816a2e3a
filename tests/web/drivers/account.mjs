// People at the account page in Chromium, which is started once. Every operation is a walk, or a part of one.
import { launch } from "../../interop/drivers/chromium.mjs";
import { serve } from "../../interop/drivers/lines.mjs";
import { developers } from "./developers.mjs";
import { grants } from "./grants.mjs";
import { keyboard } from "./keyboard.mjs";
import { looks } from "./looks.mjs";
import { pictures } from "./pictures.mjs";
import { renewal } from "./renewal.mjs";
import { restart } from "./restart.mjs";
import { switching } from "./switching.mjs";
import { tls } from "./tls.mjs";

const [executablePath] = process.argv.slice(2);
const browser = await launch(executablePath);
const walks = { switching, developers, grants, keyboard, looks, tls, ...renewal, ...restart, ...pictures };
try {
  await serve(Object.fromEntries(Object.entries(walks).map(([name, walk]) => [name, (options) => walk(browser, options)])));
} finally {
  await browser.close();
}
