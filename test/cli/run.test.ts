/** Every script against both builds. `npm test` builds them first. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Build, runScript } from "./runner.ts";
import { parseScript } from "./script.ts";

const root = path.join(import.meta.dirname, "../..");
const launcher = path.join(root, "bin/keyward");
const executable = path.join(root, "dist/exe/keyward");

const builds: Build[] = [{ name: "bundles", program: launcher, server: launcher }];
if (existsSync(executable)) builds.push({ name: "executable", program: executable, server: launcher });

for (const name of readdirSync(import.meta.dirname)
  .filter((one) => one.endsWith(".txt"))
  .sort()) {
  const script = parseScript(readFileSync(path.join(import.meta.dirname, name), "utf8"));
  for (const build of builds)
    test(`${name} does what it says, typed at the ${build.name}`, () => runScript(script, build));
}
