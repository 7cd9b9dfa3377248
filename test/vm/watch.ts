/**
 * Watch: a guest's process from its start to its end. It reads the lines that the guest's program reports, cuts
 * the power at a mark when it is asked to, and at the deadline in any case.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Line } from "./guest/report.ts";

export interface Check {
  readonly name: string;
  readonly failure: string | null;
  readonly ms: number;
}

export interface Seen {
  readonly checks: readonly Check[];
  readonly told: Readonly<Record<string, string>>;
  /** `off`: the program ran to its end and the machine switched itself off. */
  readonly end: "off" | "cut" | "died" | "deadline";
  /** Lines that were no report, the newest 100. */
  readonly noise: readonly string[];
}

/** What the kernel of User Mode Linux says last. */
const HALTED = /\breboot: (?:System halted|Power down)/;
const AFTER_HALT_MS = 5000;

/**
 * @param argv - The machine's process. It dies with this one.
 * @param cut - Kill it when it reports this mark.
 */
export async function watch(argv: readonly string[], deadlineMs: number, cut: string | null): Promise<Seen> {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const checks: Check[] = [];
  const told: Record<string, string> = {};
  const noise: string[] = [];
  let end: Seen["end"] = "died";
  const kill = (why: Seen["end"]): void => {
    end = why;
    killGroup(child);
  };
  const timer = setTimeout(kill, deadlineMs, "deadline");
  let halted: NodeJS.Timeout | undefined;
  const hear = (text: string): void => {
    noise.push(text);
    // The machine is off, and now and then its process on this machine stays.
    if (HALTED.test(text)) halted ??= setTimeout(killGroup, AFTER_HALT_MS, child);
  };
  const take = (line: Line): void => {
    if (line.kind === "check") checks.push({ name: line.name, failure: line.failure, ms: line.ms });
    else if (line.kind === "tell") told[line.name] = line.value;
    else if (line.kind === "end") end = "off";
    else if (line.name === cut) kill("cut");
  };
  await Promise.all([
    once(child, "close"),
    each(child, "stdout", (text) => {
      const line = parse(text);
      if (line !== null) take(line);
      else if (text.trim() !== "") noise.push(text);
      if (noise.length > 100) noise.shift();
    }),
    each(child, "stderr", hear),
  ]);
  clearTimeout(timer);
  clearTimeout(halted);
  return { checks, told, end, noise };
}

/** User Mode Linux has helpers. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

async function each(child: ChildProcess, from: "stdout" | "stderr", take: (text: string) => void) {
  const stream = child[from];
  if (stream !== null) for await (const text of createInterface({ input: stream })) take(text);
}

/** `null` when it is no report: firmware and kernel speak on the same line. */
function parse(text: string): Line | null {
  const start = text.indexOf('{"kind":');
  if (start === -1) return null;
  try {
    return JSON.parse(text.slice(start)) as Line;
  } catch {
    return null;
  }
}
