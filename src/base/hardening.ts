/**
 * Hardening: what a long-lived process with keys in its memory refuses at its start, so that nobody who may
 * signal it or set its environment can read that memory through Node itself.
 *
 * - SIGUSR1 makes Node open a debugger port: a handler of our own takes its place (and `bin/keyward` passes
 *   `--disable-sigusr1`, which covers the time before this runs).
 * - Inspector, heap-snapshot, profile, report and TLS-key-log flags are refused, from wherever they came.
 * - Core dumps are off: the dump filter of this process is set to nothing (proc(5), `coredump_filter`), which
 *   holds for piped core patterns as well, where a size limit of 0 would not.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { KeywardError } from "./errors.ts";

const forbidden =
  /^--(?:inspect|debug|heapsnapshot|heap-prof|cpu-prof|report|diagnostic-dir|abort-on-uncaught|tls-keylog|trace-tls|trace-event|prof\b)/;

/** What the process was started with; handed in so that a test can show each refusal. */
export interface Started {
  /** Arguments to Node itself. */
  readonly execArgv: readonly string[];
  /** The environment's NODE_OPTIONS. */
  readonly nodeOptions: string;
}

/**
 * Call first, before a key is in memory.
 *
 * @throws KeywardError `local` when a flag would expose memory, or when core dumps cannot be turned off.
 */
export function harden(
  started: Started = { execArgv: process.execArgv, nodeOptions: process.env.NODE_OPTIONS ?? "" },
): void {
  process.on("SIGUSR1", ignore);
  refuseFlags(started);
  refuseCoreDumps();
}

function ignore(): void {}

/** @throws KeywardError `local` naming the flag and where it came from. */
export function refuseFlags({ execArgv, nodeOptions }: Started): void {
  const fromEnvironment = nodeOptions.split(/[\s"']+/);
  for (const [place, flags] of [
    ["the command line", execArgv],
    ["NODE_OPTIONS", fromEnvironment],
  ] as const) {
    const flag = flags.map((one) => one.replaceAll("_", "-")).find((one) => forbidden.test(one));
    if (flag === undefined) continue;
    throw new KeywardError("local", `node was started with ${flag.split("=", 1)[0]} in ${place}`, {
      hint: "it would let others read keys out of this process: start keyward without it",
    });
  }
}

function refuseCoreDumps(): void {
  if (process.platform !== "linux") return;
  try {
    writeFileSync("/proc/self/coredump_filter", "0\n");
    if (Number.parseInt(readFileSync("/proc/self/coredump_filter", "utf8"), 16) === 0) return;
  } catch {
    if (coreLimitIsZero()) return;
  }
  throw new KeywardError("local", "core dumps of this process cannot be turned off", {
    hint: "run it with `ulimit -c 0` (systemd: LimitCORE=0)",
  });
}

function coreLimitIsZero(): boolean {
  try {
    return /^Max core file size\s+\S+\s+0\s/m.test(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return false;
  }
}
