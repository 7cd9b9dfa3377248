/**
 * `npm run test:peers`: tests against real programs from registries beyond npm and Debian, in test/peers/. A
 * peer that cannot be installed is reported as skipped, by name. Words after `--` narrow the run as in
 * `npm test`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, installDebianPackages, installPackages, node, root, run } from "./prepare.mjs";

installPackages();
installDebianPackages({ python3: "python3-venv", ruby: "ruby" });

const words = process.argv.slice(2);
const files = readdirSync(join(root, "test/peers"))
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort()
  .map((name) => `test/peers/${name}`);
if (files.length === 0) {
  console.error(`no test file's path in test/peers holds ${words.join(" or ")}`);
  process.exit(1);
}
const env = environment();
run(node(), ["scripts/build.mjs"], { env });
run(node(), ["--test", "--test-concurrency=2", "--test-timeout=450000", ...files], { env });
