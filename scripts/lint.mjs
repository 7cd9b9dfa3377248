/**
 * `npm run lint` checks form and rules, `npm run format` also mends what it can. The linter's own package wants
 * a binary for every platform in the lockfile, which not every registry has; so the one for this platform is
 * a dependency by itself.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./prepare.mjs";

const biome = join(root, `node_modules/@biomejs/cli-linux-${process.arch}/biome`);
if (!existsSync(biome)) {
  console.error("the linter is not installed for this platform: run npm ci, on Linux");
  process.exit(1);
}
run(biome, ["check", ...(process.argv.includes("--write") ? ["--write"] : ["--error-on-warnings"]), "."]);
