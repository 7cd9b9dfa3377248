/**
 * The original Secretary, built from its source as it stands: the parent project's last commit, with the libraries of
 * today, since those of 2018 do not build any more. The source comes from GitHub, or from a checkout that
 * KEYWARD_SECRETARY_SOURCE names; the program is kept in node_modules/.cache/peers between runs.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = path.join(import.meta.dirname, "../../node_modules/.cache/peers");
const REPOSITORY = "https://github.com/meltwater/secretary";
const COMMIT = "c6d6a9cfb495f5c1816188e539c88f24524356e4";
const PATIENCE = 240_000;

const goMod = `module github.com/meltwater/secretary

go 1.21

require (
	github.com/aws/aws-sdk-go v1.55.8
	github.com/go-errors/errors v1.5.1
	github.com/spf13/cobra v1.10.2
	golang.org/x/crypto v0.31.0
)
`;

export interface GoPeer {
  /** Absent when it could not be built. */
  readonly program?: string;
  /** Why its tests are skipped, beginning with its name; `false` when they are not. For a test's `skip`. */
  readonly skip: string | false;
}

const digest = createHash("sha256")
  .update(COMMIT + goMod)
  .digest("hex")
  .slice(0, 12);
const program = path.join(cache, `secretary-${digest}`, "secretary");

/** The program, when an earlier run has built it. */
export function findBuiltSecretary(): string | null {
  return existsSync(program) ? program : null;
}

export async function originalSecretary(): Promise<GoPeer> {
  if (existsSync(program)) return { program, skip: false };
  const work = mkdtempSync(path.join(tmpdir(), "keyward-go-"));
  try {
    await build(work);
    mkdirSync(path.dirname(program), { recursive: true });
    copyFileSync(path.join(work, "secretary"), `${program}.new`);
    renameSync(`${program}.new`, program);
    return { program, skip: false };
  } catch (error) {
    return { skip: `the original Secretary: not built: ${reasonOf(error)}` };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function build(work: string): Promise<void> {
  const source = path.join(work, "source");
  const from = process.env.KEYWARD_SECRETARY_SOURCE ?? REPOSITORY;
  await run("go", ["version"]);
  await run("git", ["clone", "-q", "--no-checkout", from, source], { timeout: 60_000, env: quiet() });
  await run("git", ["-C", source, "checkout", "-q", COMMIT]);
  for (const name of readdirSync(source))
    if (name.endsWith(".go") && !name.endsWith("_test.go"))
      copyFileSync(path.join(source, name), path.join(work, name));
  rmSync(source, { recursive: true });
  writeFileSync(path.join(work, "go.mod"), goMod);
  console.error("building the original Secretary …");
  await run("go", ["build", "-o", "secretary", "."], {
    cwd: work,
    timeout: PATIENCE,
    env: { ...quiet(), GOFLAGS: "-mod=mod" },
  });
}

/** Git must not ask for a password. */
function quiet(): NodeJS.ProcessEnv {
  return { ...process.env, GIT_TERMINAL_PROMPT: "0" };
}

function reasonOf(error: unknown): string {
  const { stderr = "", message } = error as Error & { stderr?: string };
  return `${stderr}`.trim().split("\n").at(-1) || message.split("\n", 1)[0] || "no reason given";
}
