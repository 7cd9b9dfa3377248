/** What real efivarfs keeps over a reboot, and what happens when its store is full. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import {
  content,
  create,
  EFIVARS,
  isImmutable,
  mode,
  mutable,
  outcome,
  payload,
  replace,
  variable,
} from "./efivars-file.ts";
import { check, guest } from "./report.ts";

const PAYLOAD_BYTES = 8 * 1024;
const filler = (round: number): Buffer => content(Buffer.alloc(PAYLOAD_BYTES, round));

void guest(async () => {
  const kept = variable("kept");

  await check("what was written survives the power cut after it", () => {
    assert.equal(payload(kept), "survives a power cut");
  });

  await check("after a reboot everybody may read it, and it is immutable again", () => {
    assert.equal(mode(kept), "644");
    assert.equal(isImmutable(kept), true);
    assert.equal(mode(variable("mode")), "644");
  });

  await check("the mode is repaired", () => {
    mutable(kept);
    fs.chmodSync(kept, 0o600);
    assert.equal(mode(kept), "600");
  });

  await check("a ghost is gone after a reboot", () => {
    assert.equal(fs.existsSync(variable("ghost")), false);
    assert.equal(fs.existsSync(variable("apart")), false);
  });

  let rounds = 0;
  const full = variable("full");
  await check("overwriting one variable fills the store, and the last good value stays", () => {
    create(full, filler(0));
    mutable(full);
    let code = "done";
    while (code === "done" && rounds < 1000) code = outcome(() => replace(full, filler(++rounds)));
    assert.equal(code, "ENOSPC");
    assert.ok(rounds * PAYLOAD_BYTES < 300_000, `${rounds} rounds`);
    assert.deepEqual(fs.readFileSync(full), filler(rounds - 1));
    assert.ok(fs.statfsSync(EFIVARS).bavail < 2 * PAYLOAD_BYTES);
  });

  await check("deleting gives no space back: what was deleted to be written anew is lost", () => {
    const before = fs.statfsSync(EFIVARS).bfree;
    fs.unlinkSync(full);
    assert.equal(fs.statfsSync(EFIVARS).bfree, before);
    assert.equal(
      outcome(() => create(full, filler(1))),
      "ENOSPC",
    );
    assert.equal(fs.readFileSync(full).length, 0);
  });
});
