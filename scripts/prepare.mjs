/**
 * What every script needs first: the packages of the lockfile, and a Node that is new enough. Runs on Node 20
 * and later with nothing installed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The least version that Keyward runs on; package.json's "engines" says the same. */
const LEAST = [22, 15];

/** Run `npm ci` when packages are missing or older than the lockfile. */
export function installPackages() {
  const marker = join(root, "node_modules/.package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("installing packages …");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/**
 * The Node that Keyward runs on: the one from the lockfile when it is there, else this one.
 *
 * @returns {string} Its path.
 */
export function node() {
  const bundled = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  if (existsSync(bundled)) {
    if (isOld(process.versions.node))
      said(`the system's Node is ${process.versions.node}: using the packaged ${versionOf(bundled)}`);
    return bundled;
  }
  if (isOld(process.versions.node)) {
    console.error(`keyward needs Node ${LEAST.join(".")} or newer; this is ${process.versions.node}`);
    process.exit(1);
  }
  return process.execPath;
}

/**
 * Install Debian packages that are missing, when root on a Debian; else name them and end.
 *
 * @param {Record<string, string>} programs - From a program, or the path of a file, to its package.
 */
export function installDebianPackages(programs) {
  const missing = Object.entries(programs).filter(([program]) => !isThere(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.error(
      `missing programs: ${missing.map(([program]) => program).join(", ")}; install ${packages.join(" ")}`,
    );
    process.exit(1);
  }
  console.error(`installing ${packages.join(" ")} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", WAIT, ...packages], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
  if (install().status === 0) return;
  run("apt-get", ["update", "-q"], { env, stdio: ["ignore", "ignore", "inherit"] });
  if (install().status !== 0) process.exit(1);
}

/** Another run may be installing just now. */
const WAIT = "-oDPkg::Lock::Timeout=300";

/** Some programs lie where only root's PATH leads. */
function isThere(program) {
  if (program.startsWith("/")) return existsSync(program);
  return `${process.env.PATH}:/usr/sbin:/sbin`.split(":").some((folder) => existsSync(join(folder, program)));
}

/** Install what a figure is compared with, where that is possible; what is missing is named by who misses it. */
export function offerDebianPackages(/** @type {Record<string, string>} */ programs) {
  const missing = Object.entries(programs).filter(([program]) => spawnSync("which", [program]).status !== 0);
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  console.error(`installing ${packages.join(" ")} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const aptGet = (...words) => spawnSync("apt-get", words, { env, stdio: "ignore" }).status;
  const install = () => aptGet("install", "-y", "-q", "--no-install-recommends", ...packages);
  if (install() !== 0 && aptGet("update", "-q") === 0) install();
}

/** Run a program in the project's folder; end with its status when it fails. */
export function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: "inherit", ...options });
  if (error) console.error(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** The environment for tools: the packaged Node comes first on the PATH. */
export function environment() {
  return {
    ...process.env,
    PATH: `${dirname(node())}:${join(root, "node_modules/.bin")}:${process.env.PATH}`,
  };
}

function isOld(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1]);
}

function versionOf(program) {
  return execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
}

const told = new Set();
function said(line) {
  if (!told.has(line)) console.error(line);
  told.add(line);
}
