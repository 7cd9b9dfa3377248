/** Cache: what is made or fetched once and used by every machine. Outside git, inside the working tree. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const root = join(import.meta.dirname, "../..");
const folder = join(root, "node_modules/.cache/keyward-vm");

/** `cached("kernel", "vmlinuz")`: the path, whether or not there is something yet. */
export const cached = (...words: readonly string[]): string => join(folder, ...words);

/** In one step, so that a run that is broken off leaves nothing half made. */
export function keep(path: string, parts: readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const scratch = `${path}.${process.pid}`;
  writeFileSync(scratch, parts[0] ?? new Uint8Array());
  for (const part of parts.slice(1)) writeFileSync(scratch, part, { flag: "a" });
  renameSync(scratch, path);
}
