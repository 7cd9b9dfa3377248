/** Waiting and looking, in tests that hold at whatever speed the machine has. */
import assert from "node:assert/strict";
import { readFileSync, type Stats, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Far longer than anything takes on a slow and busy machine: only what never happens takes so long. */
const PATIENCE_MS = 90_000;

/** Look again and again. @throws AssertionError when it does not come about. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await isSo()); await sleep(20))
    if (Date.now() > end) assert.fail(`waited in vain until ${what}`);
}

/** The text of a file that may come and go meanwhile; `null` when it is not there. */
export function readIfThere(path: string): string | null {
  return ifThere(() => readFileSync(path, "utf8"));
}

/** Of what may come and go meanwhile; `null` when it is not there. */
export function statIfThere(path: string): Stats | null {
  return ifThere(() => statSync(path));
}

function ifThere<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The CPU time of this process in ms: unlike the clock, it does not run while others have the processor. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
