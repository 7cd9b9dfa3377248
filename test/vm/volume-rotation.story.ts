/** A volume's key is rotated, and the power goes at each step of it. */
import { test } from "node:test";
import { createNode } from "./node-site.ts";

/** Calls of cryptsetup, in their order; the server hears of the new key before an old slot goes. */
const steps = [
  "after luksHeaderBackup",
  "after luksAddKey",
  "after token import",
  "before luksKillSlot",
  "after luksKillSlot",
  "after token remove",
];

test("a rotation of a volume's key, whichever step the power is cut at", async (t) => {
  const node = await createNode(t, "volume-rotation");
  await node.boot({ KW_PHASE: "first" });
  for (const cut of steps) await node.boot({ KW_PHASE: "next" }, cut);
  await node.boot({ KW_PHASE: "next" });
});
