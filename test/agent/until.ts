import assert from "node:assert/strict";
import type { HeldTime } from "./held-time.ts";

/** Wait for what the kernel or another process does, in real time; held time goes along. */
export async function until(what: string, isSo: () => boolean, time?: HeldTime): Promise<void> {
  const end = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > end) throw new assert.AssertionError({ message: `still not so: ${what}` });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await time?.advance(200);
  }
}
