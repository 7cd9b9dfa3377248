/** A machine with an old BIOS. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { EFIVARS } from "./efivars-file.ts";
import { check, guest } from "./report.ts";

void guest(async () => {
  await check("without UEFI there is no folder of variables", () => {
    assert.equal(fs.existsSync(EFIVARS), false);
  });
});
