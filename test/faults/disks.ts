/** Disks for fault tests: a small one that fills up, and one that cannot be written to. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Disk {
  /** On it, not its root. */
  readonly directory: string;
  /** Leave not a byte free. */
  fill(): void;
  /** Twice the size, and nothing of what `fill` put there. */
  grow(): void;
  protect(): void;
  remove(): void;
}

/** A disk of its own in memory; `null` when this user may not mount one. */
export function mountDisk(size: number): Disk | null {
  const root = mkdtempSync(join(tmpdir(), "keyward-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", root], { stdio: "ignore" });
  } catch {
    rmSync(root, { recursive: true });
    return null;
  }
  const filler = join(root, "filler");
  return {
    directory: join(root, "store"),
    fill: () => fill(filler),
    grow: () => {
      rmSync(filler, { force: true });
      execFileSync("mount", ["-o", `remount,size=${2 * size}`, root]);
    },
    protect: () => protect(root),
    remove: () => {
      execFileSync("umount", ["--lazy", root]);
      rmSync(root, { recursive: true });
    },
  };
}

/** Not while a process that ends just now still has a file open there for writing. */
function protect(root: string): void {
  for (let left = 4500; ; left--) {
    const { status, stderr } = spawnSync("mount", ["-o", "remount,ro", root], { encoding: "utf8" });
    if (status === 0) return;
    if (left === 0 || !stderr.includes("busy")) throw new Error(stderr);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function fill(path: string): void {
  for (let chunk = 65_536; chunk >= 1; chunk = Math.floor(chunk / 2)) {
    try {
      for (;;) writeFileSync(path, new Uint8Array(chunk), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

/** Where no mount is possible: a directory whose mode keeps us out (root it does not keep out). */
export function closedDirectory(): Disk {
  const root = mkdtempSync(join(tmpdir(), "keyward-closed-"));
  const directory = join(root, "store");
  mkdirSync(directory, { mode: 0o700 });
  return {
    directory,
    fill: () => {},
    grow: () => {},
    protect: () => chmodSync(directory, 0o500),
    remove: () => {
      chmodSync(directory, 0o700);
      rmSync(root, { recursive: true });
    },
  };
}
