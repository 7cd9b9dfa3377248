/**
 * A file in memory for as long as someone works on it: in a folder of its own for its owner only, under the first
 * memory-backed file system that there is. Overwritten and gone afterwards, whatever happens.
 */
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { World } from "../../command/world.ts";

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** @throws KeywardError `local` when no such file system is there. */
export async function withMemoryFile<T>(
  { env }: Pick<World, "env">,
  name: string,
  content: Uint8Array,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(path.join(memoryFolder(env.XDG_RUNTIME_DIR), "keyward-edit-"));
  const file = path.join(folder, name);
  const clear = (): void => clearFolder(folder);
  process.on("exit", clear);
  try {
    writeFileSync(file, content, { mode: 0o600, flag: "wx" });
    return await work(file);
  } finally {
    process.off("exit", clear);
    clear();
  }
}

function memoryFolder(runtime: string | undefined): string {
  for (const folder of [runtime, "/dev/shm", "/run", "/tmp"])
    if (folder !== undefined && folder !== "" && isMemory(folder)) return folder;
  throw new KeywardError("local", "there is no file system in memory to edit on", {
    hint: "mount a tmpfs on /dev/shm; or decrypt to a file of your own and use from-file",
  });
}

function isMemory(folder: string): boolean {
  try {
    const { type } = statfsSync(folder);
    const probe = mkdtempSync(path.join(folder, ".keyward-probe-"));
    rmSync(probe, { recursive: true });
    return type === TMPFS || type === RAMFS;
  } catch {
    return false;
  }
}

/** Editors leave copies beside the file. */
function clearFolder(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      const file = path.join(folder, name);
      if (statSync(file).isFile()) writeFileSync(file, new Uint8Array(statSync(file).size), { flag: "r+" });
    }
  } catch {
    // What cannot be overwritten is removed all the same.
  }
  rmSync(folder, { recursive: true, force: true });
}
