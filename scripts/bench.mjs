/**
 * `npm run bench`: every figure with its goal and its conditions. Words after `--` choose by file name:
 * `npm run bench -- fleet start`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, installPackages, node, offerDebianPackages, root, run } from "./prepare.mjs";

installPackages();
offerDebianPackages({
  gokey: "gokey",
  cryptsetup: "cryptsetup-bin",
  clevis: "clevis",
  "clevis-luks-pass": "clevis-luks",
  jose: "jose",
  "/usr/libexec/tangd": "tang",
  socat: "socat",
});
const env = environment();
run(node(), ["scripts/build.mjs"], { env });
run(node(), ["scripts/build-exe.mjs"], { env });
const words = process.argv.slice(2);
const files = readdirSync(join(root, "bench")).filter((name) => name.endsWith(".bench.ts"));
const chosen = words.length === 0 ? files : files.filter((name) => words.some((word) => name.includes(word)));
run(node(), ["bench/bench.ts", ...chosen.sort()], { env });
