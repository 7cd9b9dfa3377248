/** What the firmware does at the next start with a store that was full. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { content, create, EFIVARS, outcome, payload, variable } from "./efivars-file.ts";
import { check, guest } from "./report.ts";

void guest(async () => {
  await check("the space is there again, and so is what was not deleted", () => {
    assert.ok(fs.statfsSync(EFIVARS).bavail > 100_000);
    assert.equal(payload(variable("kept")), "survives a power cut");
    assert.equal(fs.existsSync(variable("full")), false);
    assert.equal(
      outcome(() => create(variable("full"), content(Buffer.alloc(8 * 1024)))),
      "done",
    );
  });
});
