/** Image: a file system in a file, for a guest to mount as a disk. On it everything belongs to root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Entry } from "./archive.ts";

/** In one step, so that a run that is broken off leaves nothing half made. @param folder - What is on it. */
export function makeImage(path: string, folder: string, size: string): void {
  const scratch = `${path}.${process.pid}`;
  asRoot("mke2fs", "-q", "-t", "ext4", "-d", folder, scratch, size);
  renameSync(scratch, path);
}

export function imageOf(path: string, entries: readonly Entry[], size: string): void {
  const folder = mkdtempSync(`${path}.`);
  try {
    for (const entry of entries) write(folder, entry);
    makeImage(path, folder, size);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function asRoot(...argv: readonly string[]): void {
  const [name = "", ...words] = process.getuid?.() === 0 ? argv : ["unshare", "--map-root-user", ...argv];
  execFileSync(name, words, { stdio: ["ignore", "ignore", "inherit"] });
}

export function write(root: string, entry: Entry): void {
  const path = join(root, entry.path);
  mkdirSync(dirname(path), { recursive: true });
  if (entry.kind === "folder") mkdirSync(path, { recursive: true });
  else if (entry.kind === "link") link(path, entry.target);
  else {
    rmSync(path, { force: true });
    writeFileSync(path, entry.content, { mode: entry.mode });
    if (entry.modified !== undefined) utimesSync(path, entry.modified, entry.modified);
  }
}

export function link(path: string, target: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
