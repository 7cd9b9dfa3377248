/** A node without systemd, whose agent's state is on a disk of its own: what its programs do with the volume `data`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Ended, run, succeed } from "./programs.ts";

export const FILE = "/srv/data/file";
export const DISK = process.env.KW_DISK ?? "";
export const STATE_DISK = "/dev/ubdd";
const NAME = "/dev/disk/by-path/platform-uml-blkdev.0";
const SERVER = `https://keys.test:${process.env.KW_PORT}`;
const JOINING = [
  "--cacert",
  "/etc/keyward/ca.pem",
  "--join-token-file",
  "/etc/keyward/db1.join",
  "--name",
  "db1",
];
const LIMIT_MS = 180_000;

/** Its disk, by the name that udev would give it. @param disk - `null`: it is not there. */
export function nameDisk(disk: string | null): void {
  mkdirSync("/dev/disk/by-path", { recursive: true });
  rmSync(NAME, { force: true });
  if (disk !== null) symlinkSync(disk, NAME);
}

/** A blank one gets a file system. */
export function prepareDisks(): void {
  nameDisk(DISK);
  if (run(["blkid", "-p", STATE_DISK]).status === 2) succeed("mkfs.ext4", "-q", STATE_DISK);
  mkdirSync("/var/lib", { recursive: true });
  succeed("mount", STATE_DISK, "/var/lib");
}

export const isOpen = (): boolean => existsSync("/dev/mapper/data");
export const isMounted = (): boolean => readFileSync("/proc/mounts", "utf8").includes(" /srv/data ");
export const slots = (): number =>
  succeed("cryptsetup", "luksDump", DISK).match(/^ {2}\d+: luks2$/gm)?.length ?? 0;

export const unlock = (...words: string[]): Ended =>
  run(["keyward", "unlock", "data", "--no-prompt", ...words]);
export const disk = (act: string, ...words: string[]): Ended =>
  run(["keyward", "disk", act, "data", ...words]);

/** Of `disk status`: the version that opens it, as its agent knows. */
export function opensWith(): number {
  const { volumes } = JSON.parse(disk("status", "-o", "json").stdout);
  return volumes[0].opensWith;
}

export interface Running {
  /** What it has logged. */
  log(): string;
}

/** While its agent runs. */
export async function withAgent(
  use: (agent: Running) => Promise<void>,
  ...more: readonly string[]
): Promise<void> {
  const known = existsSync("/var/lib/keyward-agent/server.json");
  const words = ["agent", "--server", SERVER, ...(known ? [] : JOINING), ...more];
  const child = spawn("keyward", words, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  try {
    await use({ log: () => text });
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** @throws Error with what the agent said. */
export async function until(what: string, holds: () => boolean, agent?: Running): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`in ${LIMIT_MS / 1000} s not: ${what}\n${agent?.log() ?? ""}`);
    await wait(200);
  }
}

/** It holds a file of the volume open. */
export async function reader(): Promise<ChildProcess> {
  const child = spawn("/bin/busybox", ["tail", "-f", FILE], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}
