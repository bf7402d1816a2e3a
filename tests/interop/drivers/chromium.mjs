// A Chromium that finds no host but this machine.
import { chromium } from "playwright-core";

const hosts = ["127.0.0.1", "localhost"].map((name) => `, EXCLUDE ${name}`).join("");
const args = [`--host-resolver-rules=MAP * ~NOTFOUND${hosts}`];

export function launch(executablePath) {
  return chromium.launch({ executablePath, args, chromiumSandbox: process.getuid() !== 0 });
}
