// Writes the account page as it is served: one script, one stylesheet, the page itself, its icon, and the licences of
// what is in the script. The same sources make the same bytes, whatever the folder.
//
// node build.mjs [FOLDER]

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { licencesOf } from "./licences.mjs";

const HERE = import.meta.dirname;
const SOURCE = join(HERE, "account");
const LIMIT = 150_000; // bytes, script and stylesheet together, as gzip makes them
const folder = resolve(process.argv[2] ?? join(HERE, "../../../generated/web/authsvc_web/account"));

await mkdir(folder, { recursive: true });
const { metafile } = await build({
  absWorkingDir: HERE,
  entryPoints: [
    { in: join(SOURCE, "main.tsx"), out: "account" },
    { in: join(SOURCE, "account.css"), out: "account" },
  ],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(SOURCE, name), join(folder, name));
}
await writeFile(join(folder, "LICENSES.txt"), await licencesOf(metafile, HERE));

const served = await Promise.all(["account.js", "account.css"].map((name) => readFile(join(folder, name))));
const size = served.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
console.log(`${size} bytes of script and stylesheet, compressed`);
if (size > LIMIT) {
  throw new Error(`script and stylesheet are larger than ${LIMIT} bytes, compressed`);
}
