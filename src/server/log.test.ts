import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";

const log = new URL("./log.ts", import.meta.url).href;
const program = `
const { createLog } = await import(${JSON.stringify(log)});
const log = createLog();
log.info("one");
for (let i = 0; i < 3000; i++) log.info({ i, text: "x".repeat(1000) }, "more");
await new Promise((resolve) => setTimeout(resolve, 50));
log.error("last");
console.log("alive");
`;

test("a log on a full disk loses lines and does not end the process", () => {
  const full = openSync("/dev/full", "w");
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", full],
    encoding: "utf8",
  });
  closeSync(full);
  assert.deepEqual([status, stdout], [0, "alive\n"]);
});
