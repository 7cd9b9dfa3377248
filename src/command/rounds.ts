/** Rounds: a command that does its work once, or again and again until somebody ends it. */
import { setTimeout as sleep } from "node:timers/promises";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Flags } from "./command.ts";
import { period } from "./read-flags.ts";
import type { Session } from "./session.ts";

export const roundFlags = {
  once: { type: "boolean", help: "One round, then end; so it is unless --follow is given" },
  follow: { type: "boolean", help: "Round after round, until interrupted" },
  every: { type: "string", value: "TIME", help: "With --follow: a round this often; 60s unless given" },
} as const satisfies Flags;

export interface RoundWords {
  readonly once?: boolean;
  readonly follow?: boolean;
  readonly every?: string;
}

const LEAST_MS = 1000;
/** What passes by itself: the next round may do better. */
const passing = [
  "unreachable",
  "busy",
  "timeout",
  "sealed",
  "rate-limited",
  "conflict",
  "malformed",
  "integrity",
];

/** @throws KeywardError `usage`; of the first round, whatever it throws. */
export async function inRounds(
  { world, out, dryRun }: Pick<Session, "world" | "out" | "dryRun">,
  { once, follow, every }: RoundWords,
  round: (number: number) => Promise<void>,
): Promise<void> {
  if (once === true && follow === true) throw new KeywardError("usage", "want --once or --follow, not both");
  if (every !== undefined && follow !== true) throw new KeywardError("usage", "--every goes with --follow");
  if (dryRun && follow === true)
    throw new KeywardError("usage", "--dry-run is one round: leave out --follow");
  const wait = period(every) ?? 60_000;
  if (wait < LEAST_MS) throw new KeywardError("usage", "--every: want 1s or more");
  await round(1);
  if (follow !== true) return;
  for (let number = 2; await pause(wait, world.interrupted); number++) {
    try {
      await round(number);
    } catch (error) {
      if (!isKeywardError(error) || !passing.includes(error.code)) throw error;
      out.note({ text: `this round failed, the next one tries again: ${error.message}`, style: "yellow" });
    }
  }
}

/** @returns `false` when it was interrupted. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    return false;
  }
  return !signal.aborted;
}
