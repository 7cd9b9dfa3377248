/** Holders: the processes that keep a file system from being unmounted, found in proc(5) as fuser(1) does. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Holder {
  readonly pid: number;
  /** The program's name. */
  readonly name: string;
}

/** Those with a working directory, root, program, open file or mapped file below the mount point. */
export function holdersOf(point: string): Holder[] {
  const below = (path: string): boolean => path === point || path.startsWith(`${point}/`);
  return numbersIn("/proc").flatMap((pid) => (uses(pid, below) ? [{ pid, name: nameOf(pid) }] : []));
}

function uses(pid: number, below: (path: string) => boolean): boolean {
  const links = ["cwd", "root", "exe"].map((name) => `/proc/${pid}/${name}`);
  const files = numbersIn(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  return [...links, ...files].some((link) => below(targetOf(link))) || mapped(pid).some(below);
}

function mapped(pid: number): string[] {
  return textOf(`/proc/${pid}/maps`)
    .split("\n")
    .flatMap((line) => /\s(\/.*)$/.exec(line)?.[1] ?? []);
}

function nameOf(pid: number): string {
  return textOf(`/proc/${pid}/comm`).trim();
}

/** A process may end at any moment; of one that is not ours nothing is seen. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
