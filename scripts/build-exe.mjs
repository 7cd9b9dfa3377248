/**
 * Build the single executable: dist/exe/keyward, the whole program and its runtime in one file, by Bun. What
 * it leaves out, and why, stands in docs/decisions/003-launcher-and-bundles.md.
 *
 * Plain JavaScript for Node 20 too.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const compiler = path.join(root, "node_modules/@oven/bun-linux-x64/bin/bun");
const exe = path.join(root, "dist/exe/keyward");

// The executable must not read a .env or bunfig.toml of whatever directory it is started in.
const options = [
  "--compile",
  "--bytecode",
  "--minify",
  // Each lazy import is a chunk of its own: a start reads the bytecode of what it runs.
  "--splitting",
  "--format=esm",
  "--target=bun-linux-x64",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--sourcemap=none",
  // ssh2's native helper: it is not built here, and ssh2 does without it.
  "--external=cpu-features",
  // Packages that ask for their own directory would be told the one of the machine that built this.
  '--define=__dirname="/"',
  '--define=__filename="/"',
];

async function main() {
  if (process.platform !== "linux" || process.arch !== "x64" || !existsSync(compiler)) {
    process.stderr.write("the executable is built on linux x64 only, by @oven/bun-linux-x64: left out\n");
    return;
  }
  const { version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  await mkdir(path.dirname(exe), { recursive: true });
  const scratch = await mkdtemp(path.join(path.dirname(exe), ".build-"));
  try {
    const out = path.join(scratch, "keyward");
    const args = [
      "build",
      ...options,
      `--define=KEYWARD_VERSION=${JSON.stringify(version)}`,
      "./src/cli/main.ts",
      `--outfile=${out}`,
    ];
    await promisify(execFile)(compiler, args, {
      cwd: root,
      env: { PATH: process.env.PATH, TMPDIR: scratch },
    });
    await rename(out, exe);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  process.stdout.write(`built ${path.relative(root, exe)}\n`);
}

await main();
