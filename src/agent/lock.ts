/**
 * Lock: one process a directory: an agent its state, who changes a ledger the ledger's. Whoever makes `lock.N`
 * first has it; N counts up, so that a lock whose process died is passed over and never taken from someone else
 * by mistake. A process is named by its number, its start time and the boot, since numbers are used again.
 */
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeywardError } from "../base/errors.ts";
import { fileError } from "./file-error.ts";

const ATTEMPTS = 100;

/** What one who has the lock does, and what another one can do about it. */
export interface Holder {
  readonly does: string;
  readonly hint: string;
}

const agent: Holder = {
  does: "is an agent with this state",
  hint: "stop it first, or give this one a state directory of its own (--state)",
};

/** @returns What lets go. @throws KeywardError `busy` naming the process; `local`. */
export function lockDirectory(directory: string, boot: string, other: Holder = agent): () => void {
  const us = `${process.pid} ${startOf(process.pid) ?? 0} ${boot}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const newest = locksIn(directory).at(-1) ?? 0;
    const holder = newest === 0 ? "" : contentOf(directory, newest);
    if (isAlive(holder, boot)) throw busy(directory, holder, other);
    const mine = newest + 1;
    if (!make(directory, mine, us)) continue;
    // Someone slower may have passed over the same dead lock: the highest number counts.
    if (locksIn(directory).at(-1) !== mine) {
      remove(directory, mine);
      continue;
    }
    for (const old of locksIn(directory)) if (old < mine) remove(directory, old);
    return () => remove(directory, mine);
  }
  throw busy(directory, "", other);
}

const nameOf = (directory: string, number: number): string => join(directory, `lock.${number}`);

function locksIn(directory: string): number[] {
  const numbers = readdirSync(directory).map((name) => Number(/^lock\.([1-9][0-9]{0,14})$/.exec(name)?.[1]));
  return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
}

/** Linked into place with its content: an empty one would look as if its process had died. */
function make(directory: string, number: number, content: string): boolean {
  const draft = join(directory, `lock.draft.${process.pid}`);
  try {
    rmSync(draft, { force: true });
    writeFileSync(draft, content, { flag: "wx", mode: 0o600 });
    linkSync(draft, nameOf(directory, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(error, directory);
  } finally {
    rmSync(draft, { force: true });
  }
}

function remove(directory: string, number: number): void {
  rmSync(nameOf(directory, number), { force: true });
}

/** A lock that is gone by now has no holder. */
function contentOf(directory: string, number: number): string {
  try {
    return readFileSync(nameOf(directory, number), "utf8");
  } catch {
    return "";
  }
}

function isAlive(holder: string, boot: string): boolean {
  const [pid = "", start, theirBoot] = holder.split(" ");
  return theirBoot === boot && start !== undefined && String(startOf(Number(pid))) === start;
}

/** Clock ticks from boot to the start of the process (proc(5), /proc/PID/stat, field 22). */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets, and may hold anything.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return null;
  }
}

function busy(directory: string, holder: string, { does, hint }: Holder): KeywardError {
  const who = holder === "" ? "another process" : `process ${holder.split(" ")[0]}`;
  return new KeywardError("busy", `${directory}: ${who} ${does}`, { hint });
}
