/**
 * A seed in the firmware, its ledger and its readers on a disk: each boot finishes the rotation that the power cut
 * broke off, looks whether all belong together, and begins another one.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { systemClock } from "../../../src/base/time.ts";
import { systemRandom } from "../../../src/crypto/random.ts";
import { createDelivery } from "../../../src/machine/ledger/deliver.ts";
import { createLedgerFile } from "../../../src/machine/ledger/ledger-file.ts";
import { type RotationParts, resumeRotation, rotateSeed, rotationState } from "../../../src/seed/rotation.ts";
import { openMachineSeed } from "../../../src/seed/seed.ts";
import { keysOf, makeMachine, openersForTest, placeForTest } from "../../seed/machine.ts";
import { run, succeed } from "./programs.ts";
import { check, guest, mark, tell } from "./report.ts";

const DISK = process.env.KW_DISK ?? "";
const ROOT = "/mnt";

/** As the consumer of a careful machine: what it has taken is on the disk. */
const CONSUMER = '#!/bin/sh\nset -e\ncat > "$1.new"\nsync\nmv "$1.new" "$1"\nsync\n';

async function parts(): Promise<RotationParts> {
  return {
    place: await placeForTest(ROOT, "uefi"),
    ledger: createLedgerFile(`${ROOT}/ledger`),
    openers: openersForTest,
    deliver: createDelivery(),
    random: systemRandom,
    clock: systemClock,
  };
}

/** One seed, its ledger, and each reader with that seed's key. */
async function assertOneSeed(): Promise<number> {
  using machine = await openMachineSeed(await placeForTest(ROOT, "uefi"), openersForTest);
  for (const { file, key } of await keysOf(ROOT, machine)) {
    // What its hook copies is on the disk when the kernel thinks so; the file itself is at once.
    const path = file.replace("vpn.seen", "vpn.key");
    assert.ok(readFileSync(path).equals(Buffer.from(key)), path);
  }
  return machine.facts.generation;
}

void guest(async () => {
  const isNew = run(["blkid", "-p", DISK]).status === 2;
  if (isNew) succeed("mkfs.ext4", "-q", DISK);
  succeed("mount", DISK, ROOT);
  mkdirSync(`${ROOT}/efivars`, { recursive: true });
  succeed("mount", "-t", "efivarfs", "efivarfs", `${ROOT}/efivars`);
  if (isNew) {
    await makeMachine(ROOT, "uefi");
    succeed("cp", `${ROOT}/etc/vpn.seen`, `${ROOT}/etc/vpn.key`);
    writeFileSync(`${ROOT}/consumer`, CONSUMER);
    chmodSync(`${ROOT}/consumer`, 0o700);
    succeed("sync");
  }
  await check("a rotation that the power cut broke off is finished", async () => {
    const state = await rotationState(await parts());
    tell("found", state.kind);
    assert.notEqual(state.kind, "unusable");
    if (state.kind !== "none") await resumeRotation(await parts());
    assert.equal((await rotationState(await parts())).kind, "none");
  });
  await check("seed, ledger and every reader's key are of one seed", async () => {
    tell("generation", `${await assertOneSeed()}`);
    assert.equal(existsSync(`${ROOT}/ledger.next`), false);
  });
  if (process.env.KW_CUT !== undefined)
    await rotateSeed({ ...(await parts()), onStep: (step, realm = "") => mark(`${step} ${realm}`.trim()) });
});
