/** Runs the command line of Secretary in this process, in a folder of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "../../src/base/time.ts";
import { secretary } from "../../src/cli/secretary.ts";
import type { World } from "../../src/command/world.ts";

export interface Run {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Entries in order, base64, besides `env`. */
  readonly environ?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly folder: string;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export async function run({
  argv,
  env = {},
  environ,
  files = {},
  stdin = new Uint8Array(),
}: Run): Promise<Ran> {
  const folder = mkdtempSync(path.join(tmpdir(), "secretary-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content, { mode: 0o644 });
  }
  const raw = Buffer.concat((environ ?? []).flatMap((entry) => [Buffer.from(entry, "base64"), Buffer.of(0)]));
  const out: Buffer[] = [];
  let stderr = "";
  const world = {
    env: environ === undefined ? env : { ...env, ...Object.fromEntries(pairsOf(raw)) },
    ...(environ === undefined ? {} : { environ: () => raw }),
    cwd: folder,
    clock: systemClock,
    stdin: (async function* () {
      yield Uint8Array.from(stdin);
    })(),
    stdout: { write: (chunk: Uint8Array) => out.push(Buffer.from(chunk)) },
    stderr: {
      write: (chunk: string) => {
        stderr += chunk;
      },
    },
  } as unknown as World;
  const exitCode = await secretary(argv, world);
  return { exitCode, stdout: Buffer.concat(out), stderr, folder };
}

/** What getenv would find: the first of each name. */
function pairsOf(raw: Buffer): [string, string][] {
  const entries = raw
    .toString()
    .split("\0")
    .filter((entry) => entry.includes("="));
  return entries
    .reverse()
    .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]);
}
