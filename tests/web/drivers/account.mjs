// People at the account page in Chromium, which is started once. Every operation is a walk, or a part of one.
import { launch } from "../../interop/drivers/chromium.mjs";
import { serve } from "../../interop/drivers/lines.mjs";
import { cancelling } from "./cancelling.mjs";
import { developers } from "./developers.mjs";
import { grants } from "./grants.mjs";
import { keyboard } from "./keyboard.mjs";
import { looks } from "./looks.mjs";
import { byAnotherName, tls } from "./origins.mjs";
import { pictures } from "./pictures.mjs";
import { renewal } from "./renewal.mjs";
import { restart } from "./restart.mjs";
import { switching } from "./switching.mjs";

const [executablePath] = process.argv.slice(2);
const browser = await launch(executablePath);
const walks = { switching, developers, grants, keyboard, looks, tls, byAnotherName };
const all = Object.entries({ ...walks, ...renewal, ...restart, ...pictures, ...cancelling });
// What a walk still waits for that has been broken off.
process.on("unhandledRejection", () => {});
try {
  await serve(Object.fromEntries(all.map(([name, walk]) => [name, alone(walk)])));
} finally {
  await browser.close();
}

// A walk that leaves nothing to the next one when it fails.
function alone(walk) {
  return async (options) => {
    try {
      return await walk(browser, options);
    } catch (failure) {
      await Promise.all(browser.contexts().map((context) => context.close()));
      throw failure;
    }
  };
}
