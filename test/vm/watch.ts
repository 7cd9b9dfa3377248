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

/** What somebody types once these words have appeared on the console. */
export interface Typed {
  readonly after: string;
  readonly text: string;
}

/**
 * @param argv - The machine's process. It dies with this one.
 * @param cut - Kill it when it reports this mark.
 */
export async function watch(
  argv: readonly string[],
  deadlineMs: number,
  cut: string | null,
  typed?: Typed,
): Promise<Seen> {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], {
    stdio: [typed === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: true,
  });
  if (typed !== undefined) typeInto(child, typed);
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

const AGAIN_MS = 2000;

/**
 * A question has no line feed: its words are looked for in what has come so far. Who asks may throw away what was typed
 * before it reads, so it is typed until the machine goes on.
 */
function typeInto(child: ChildProcess, { after, text }: Typed): void {
  const { stdin, stderr, stdout } = child;
  let seen = "";
  let typing: NodeJS.Timeout | undefined;
  const stop = (): void => clearInterval(typing);
  stdin?.on("error", () => {});
  stdout?.once("data", stop);
  child.once("close", stop);
  stderr?.on("data", function read(chunk: Buffer) {
    seen = (seen + chunk.toString("latin1")).slice(-4096);
    if (!seen.includes(after)) return;
    stderr.off("data", read);
    typing = setInterval(() => stdin?.write(text), AGAIN_MS);
  });
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
