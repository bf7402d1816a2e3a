// The licences of what a bundle holds, by the metafile of esbuild.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const PACKAGE = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const FILE = /^(licen[cs]e|notice|copying)(\.|$)/i;
const APACHE = join(import.meta.dirname, "../../../LICENSE");

/**
 * One text for all npm packages of which a bundle holds a line: what each is called, its licence files, and the
 * copyright notices of its bundled files.
 */
export async function licencesOf(metafile, folder) {
  const inputs = new Map();
  for (const output of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = PACKAGE.exec(path)?.[1];
      if (name !== undefined && bytesInOutput > 0) {
        inputs.set(name, [...(inputs.get(name) ?? []), join(folder, path)]);
      }
    }
  }
  const packages = [];
  for (const name of [...inputs.keys()].sort()) {
    packages.push(await licenceOf(join(folder, "node_modules", name), inputs.get(name).sort()));
  }
  return packages.join(`\n${"=".repeat(80)}\n\n`);
}

async function licenceOf(folder, files) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const texts = [];
  for (const file of (await readdir(folder)).filter((each) => FILE.test(each)).sort()) {
    texts.push(await readFile(join(folder, file), "utf8"));
  }
  const notices = new Set();
  for (const file of files) {
    noticesIn(await readFile(file, "utf8")).forEach((each) => notices.add(each));
  }
  if (texts.length === 0) {
    if (!/\bApache-2\.0\b/.test(license)) {
      throw new Error(`${name} is under ${license} and brings no text of it`);
    }
    texts.push(await readFile(APACHE, "utf8"));
  }
  // A notice with the next comment of its file behind it is the same notice.
  const shortest = [...notices].filter(
    (each) => ![...notices].some((other) => other !== each && each.startsWith(other)),
  );
  return [`${name} ${version}: ${license}`, ...shortest, ...texts].map((each) => `${each.trimEnd()}\n`).join("\n");
}

/** Comments that begin with a copyright notice, without what makes them comments. */
function noticesIn(source) {
  const comments = source.match(/^(?:[ \t]*\/\/.*\n)+|\/\*[^]*?\*\//gm) ?? [];
  return comments
    .map((each) => each.replace(/^[ \t]*(?:\/\/|\/\*+|\*\/|\*)[ \t]?|[ \t]*\*\/$/gm, "").trim())
    .filter((each) => each.startsWith("Copyright"));
}
