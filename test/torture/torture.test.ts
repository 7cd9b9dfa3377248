import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tortureRounds } from "./rounds.ts";
import { startStoreChild, verifyStore } from "./store.ts";

test("20 times killed with SIGKILL under 32 writers, the store has every write that it acknowledged", async () => {
  const directory = mkdtempSync(join(tmpdir(), "keyward-torture-"));
  const acknowledged = await tortureRounds({
    rounds: 20,
    life: 250,
    startChild: () => startStoreChild(directory),
    verify: (acks) => verifyStore(directory, acks),
  });
  assert.ok(acknowledged > 20, `${acknowledged} writes`);
  rmSync(directory, { recursive: true });
});
