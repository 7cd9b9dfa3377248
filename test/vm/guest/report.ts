/**
 * Report: how a program inside a machine tells the test outside what it found, a line of JSON for each thing.
 * The test outside reads them in `watch.ts`.
 */
import { openSync, writeSync } from "node:fs";

/** What goes over the wire. */
export type Line =
  | { readonly kind: "check"; readonly name: string; readonly failure: string | null; readonly ms: number }
  | { readonly kind: "tell"; readonly name: string; readonly value: string }
  | { readonly kind: "mark"; readonly name: string }
  | { readonly kind: "end" };

const port = openSync(process.env.KW_REPORT ?? "/dev/stdout", "w");
const say = (line: Line): void => void writeSync(port, `${JSON.stringify(line)}\n`);

/** One promise of the story. What it throws is reported, and the program goes on. */
export async function check(name: string, work: () => void | Promise<void>): Promise<void> {
  let failure: string | null = null;
  const begun = performance.now();
  try {
    await work();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  say({ kind: "check", name, failure, ms: Math.round(performance.now() - begun) });
}

/** A fact that the test outside compares with that of another boot. Never a secret. */
export const tell = (name: string, value: string): void => say({ kind: "tell", name, value });

/** A place where the test outside may cut the power; it then goes no further, and nothing else does. */
export function mark(name: string): void {
  say({ kind: "mark", name });
  if (decodeURIComponent(process.env.KW_CUT ?? "") === name)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Run a guest's program to its end. */
export async function guest(program: () => void | Promise<void>): Promise<void> {
  await check("the program ran to its end", program);
  say({ kind: "end" });
}
