/** What the programs of a machine with systemd look at. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { ask } from "./outside.ts";
import { run, succeed } from "./programs.ts";

const LIMIT_MS = 180_000;

/** @throws Error when it does not hold in time; the machine's deadline is later. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`in ${LIMIT_MS / 1000} s not: ${what}`);
    await wait(1000);
  }
}

export const isActive = (unit: string): boolean =>
  run(["systemctl", "is-active", "--quiet", unit]).status === 0;

/** systemctl(1), `show`: one property. */
export const property = (unit: string, name: string): string =>
  succeed("systemctl", "show", "--value", "-p", name, unit).trim();

/** When this unit was ready. @returns Microseconds since the kernel began. */
export const readyAt = (unit: string): number => Number(property(unit, "ActiveEnterTimestampMonotonic"));

/** What a unit has logged in a boot; 0 is this one, -1 the one before. */
export const journal = (unit: string, boot = 0): string =>
  succeed("journalctl", "--no-pager", "-o", "cat", "-b", String(boot), "-u", unit);

/** What systemd can push out of memory goes to the swap. */
export function swapOut(): void {
  const slices = ["system.slice", "init.scope"].map((name) => `/sys/fs/cgroup/${name}/memory.reclaim`);
  // As much as is there: that less could be reclaimed is an error.
  for (const file of slices) run(["sh", "-c", `echo 1G > ${file}`]);
}

/** Files in memory, command lines and environments: the story searches them, and the disks, for the key. */
export async function showFiles(): Promise<void> {
  const tar = ["tar", "-C", "/", "-cf", "-", "--ignore-failed-read", "run", "dev/shm", "tmp"];
  const [name = "", ...words] = tar;
  const files = execFileSync(name, words, { maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "ignore"] });
  await ask("files", Buffer.concat([files, ...processes()]));
}

/** Files in memory and logs that hold these bytes. */
export function filesWith(value: Buffer): string[] {
  const found: string[] = [];
  for (const top of ["/run", "/dev/shm", "/tmp", "/var/log", "/var/lib/keyward-agent"])
    for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath}/${entry.name}`;
      if (entry.isFile() && readFileSync(path).includes(value)) found.push(path);
    }
  return found.sort();
}

export function processes(): Buffer[] {
  const found: Buffer[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    for (const file of ["cmdline", "environ"]) {
      const path = `/proc/${pid}/${file}`;
      try {
        if (existsSync(path)) found.push(readFileSync(path));
      } catch {
        // It has just ended.
      }
    }
  return found;
}
