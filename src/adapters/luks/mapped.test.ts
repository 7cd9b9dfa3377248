import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isMapped } from "./mapped.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-mapped-"));
after(() => rmSync(root, { recursive: true }));
for (const [device, name] of [
  ["dm-0", "vg-data"],
  ["dm-1", "data"],
] as const) {
  mkdirSync(join(root, device, "dm"), { recursive: true });
  writeFileSync(join(root, device, "dm/name"), `${name}\n`);
}
mkdirSync(join(root, "sda"));
// One that goes while it is looked at.
mkdirSync(join(root, "dm-2"));

test("a name that device-mapper has is found, and no part of one", async () => {
  assert.equal(await isMapped("data", root), true);
  assert.equal(await isMapped("vg-data", root), true);
  for (const name of ["dat", "data\n", "", "dm-1", "sda"])
    assert.equal(await isMapped(name, root), false, name);
});

test("where the kernel does not say, nothing is said", async () => {
  assert.equal(await isMapped("data", join(root, "nowhere")), null);
  mkdirSync(join(root, "dm-9/dm/name"), { recursive: true });
  assert.equal(await isMapped("data", root), null);
});
