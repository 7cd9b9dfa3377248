/**
 * `npm test`: install what the tests need, build, then type check, lint, and every test. Words after `--`
 * narrow the tests to files whose path holds one of them: `npm test -- store fleet`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, installDebianPackages, installPackages, node, root, run } from "./prepare.mjs";

installPackages();
installDebianPackages({
  openssl: "openssl",
  "ssh-keygen": "openssh-client",
  prlimit: "util-linux",
  script: "bsdutils",
  cryptsetup: "cryptsetup-bin",
  "mkfs.ext4": "e2fsprogs",
  blkid: "util-linux",
  wg: "wireguard-tools",
  goiardi: "goiardi",
  sshd: "openssh-server",
  // What contrib/ is tried with.
  ruby: "ruby",
  "/usr/lib/python3/dist-packages/jinja2": "python3-jinja2",
  "/usr/lib/python3/dist-packages/yaml": "python3-yaml",
});

const env = environment();
const words = process.argv.slice(2);
const step = (name, program, args) => {
  console.error(`── ${name}`);
  run(program, args, { env });
};

step("build", node(), ["scripts/build.mjs"]);
step("build the executable", node(), ["scripts/build-exe.mjs"]);
step("type check", node(), ["node_modules/typescript/bin/tsc", "--noEmit"]);
step("lint", node(), ["scripts/lint.mjs"]);
step("tests", node(), ["--test", "--test-concurrency=2", "--test-timeout=600000", ...testFiles()]);

function testFiles() {
  const found = ["src", "test"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts") && !path.startsWith("peers/"))
      .map((path) => join(folder, path)),
  );
  const chosen =
    words.length === 0 ? found : found.filter((path) => words.some((word) => path.includes(word)));
  if (chosen.length === 0) {
    console.error(`no test file's path holds ${words.join(" or ")}`);
    process.exit(1);
  }
  return chosen.sort();
}
