/**
 * `npm run test:peers`: tests against programs from registries beyond npm and Debian. A peer that cannot be
 * installed is reported as skipped, by name. No format of this version has such a peer yet: the list fills
 * as Secretary, Chef and Salt move in.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, installPackages, node, root, run } from "./prepare.mjs";

installPackages();
const folder = join(root, "test/peers");
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".test.ts")) : [];
if (files.length === 0) console.log("no peers to test against in this version");
else run(node(), ["--test", ...files.map((name) => `test/peers/${name}`)], { env: environment() });
