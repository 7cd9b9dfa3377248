/** The kernel's own efivarfs, held to the assertions that the fake of `npm test` is held to. `KW_PHASE`: which boot. */
import assert from "node:assert/strict";
import { fsyncSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { createEfivars, EFIVARS_DIRECTORY } from "../../../src/adapters/uefi/efivars.ts";
import { afterBoot, afterFullStore, type Probe, rules } from "../efivars-conformance.ts";
import { check, guest, mark } from "./report.ts";

const at = (name: string): string => `${EFIVARS_DIRECTORY}/${name}`;
const probe: Probe = {
  ...createEfivars(),
  sync: fsyncSync,
  rename: (from, to) => renameSync(at(from), at(to)),
  makeDirectory: (name) => void mkdirSync(at(name)),
  size: (name) => statSync(at(name)).size,
};

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async rules() {
    await rules(probe, check);
    await check("who may read is the mode's matter alone", readableByMode);
    mark("written");
  },
  afterBoot: () => afterBoot(probe, check),
  afterFullStore: () => afterFullStore(probe, check),
};

function readableByMode(): void {
  const name = probe.list().find((one) => one.startsWith("ConformMutable") || one.startsWith("ConformMode"));
  assert.ok(name !== undefined);
  const read = (): number => readFileSync(at(name)).length;
  probe.chmod(name, 0o600);
  process.seteuid?.(65_534);
  try {
    assert.throws(read, { code: "EACCES" });
    process.seteuid?.(0);
    probe.chmod(name, 0o644);
    process.seteuid?.(65_534);
    assert.ok(read() > 4);
  } finally {
    process.seteuid?.(0);
  }
}

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
