/**
 * Python: programs from PyPI to test against, each set in a virtual environment of its own. An environment is
 * kept in node_modules/.cache/peers between runs; what is in it is named by its packages' exact versions.
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = path.join(import.meta.dirname, "../../node_modules/.cache/peers");
/** Milliseconds for one installation: the whole run has eight minutes. */
const PATIENCE = 240_000;

export interface Peer {
  /** Where its programs lie; absent when it could not be installed. */
  readonly bin?: string;
  /** Why its tests are skipped, beginning with its name; `false` when they are not. For a test's `skip`. */
  readonly skip: string | false;
}

/**
 * Have these packages installed, now or by an earlier run.
 *
 * @param name - Names the peer in what is skipped: `salt`.
 * @param packages - With exact versions: `salt==3008.5`.
 */
export async function pythonPeer(name: string, packages: readonly string[]): Promise<Peer> {
  const unpinned = packages.find((one) => !/^[A-Za-z0-9._[\]-]+==[0-9][0-9A-Za-z.]*$/.test(one));
  if (unpinned !== undefined) throw new Error(`${name}: ${unpinned} has no exact version`);
  const digest = createHash("sha256").update(packages.join("\n")).digest("hex").slice(0, 12);
  const home = path.join(cache, `${name}-${digest}`);
  const bin = path.join(home, "bin");
  if (existsSync(path.join(home, "complete"))) return { bin, skip: false };
  try {
    await install(home, packages);
    return { bin, skip: false };
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    return { skip: `${name}: not installed: ${reasonOf(error)}` };
  }
}

/** Scripts in an environment name its path, so it is made where it stays; a half-made one goes first. */
async function install(home: string, packages: readonly string[]): Promise<void> {
  mkdirSync(cache, { recursive: true });
  if (existsSync(home)) {
    const away = `${home}.${randomUUID()}`;
    renameSync(home, away);
    rmSync(away, { recursive: true, force: true });
  }
  const started = Date.now();
  console.error(`installing ${packages.join(" ")} …`);
  await run("python3", ["-m", "venv", home], { timeout: PATIENCE });
  const pip = path.join(home, "bin/pip");
  const quiet = ["--disable-pip-version-check", "--no-input", "-q"];
  await run(pip, ["install", ...quiet, ...packages], { timeout: PATIENCE });
  writeFileSync(path.join(home, "complete"), "");
  console.error(`installed ${packages.join(" ")} in ${Math.round((Date.now() - started) / 1000)} s`);
}

function reasonOf(error: unknown): string {
  const { stderr = "", killed, message } = error as Error & { stderr?: string; killed?: boolean };
  if (killed === true) return `took longer than ${PATIENCE / 1000} s`;
  const lines = `${stderr}`.trim().split("\n");
  return lines.at(-1) || message.split("\n", 1)[0] || "no reason given";
}
