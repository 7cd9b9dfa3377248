/**
 * Guard: what a process refuses before keys are in its memory for long. `base/hardening.ts` speaks for Node;
 * the executable's runtime has doors of its own.
 */
import { KeywardError } from "../base/errors.ts";
import { harden } from "../base/hardening.ts";
import type { Environment } from "./environment.ts";

/** What makes a Bun executable open a debugger, load code, or become another program. */
const doors = ["BUN_INSPECT", "BUN_INSPECT_NOTIFY", "BUN_INSPECT_CONNECT_TO", "BUN_OPTIONS", "BUN_BE_BUN"];

/** For the server and the agent, first of all. @throws KeywardError `local` */
export function guard(env: Environment): void {
  assertNoDoors(env);
  harden();
}

/** @throws KeywardError `local` naming the variable. */
export function assertNoDoors(env: Environment): void {
  const open = doors.find((name) => (env[name] ?? "") !== "");
  if (open === undefined) return;
  throw new KeywardError("local", `${open} is set in the environment`, {
    hint: "it would let others read keys out of this process: start keyward without it",
  });
}

/** Is this the single executable, whose runtime is not Node? */
export function isExecutable(versions: NodeJS.ProcessVersions = process.versions): boolean {
  return versions.bun !== undefined;
}
