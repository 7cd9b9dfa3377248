import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { toHex } from "../../base/bytes.ts";
import { machineIdentity } from "./smbios.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-smbios-"));
after(() => rmSync(root, { recursive: true }));

function machine(uuid: string | null, serial: string | null): string {
  const directory = mkdtempSync(join(root, "id-"));
  if (uuid !== null) writeFileSync(join(directory, "product_uuid"), `${uuid}\n`);
  if (serial !== null) writeFileSync(join(directory, "board_serial"), `${serial}\n`);
  return directory;
}

const uuid = "4c4c4544-0051-3010-8052-b4c04f564433";
const identity = (directory: string): string => toHex(machineIdentity(directory).reveal());

test("a machine has one identity, and another machine another", () => {
  const one = identity(machine(uuid, "/QQ0RVD3/CNFCP0012S00AB/"));
  assert.equal(identity(machine(uuid.toUpperCase(), "/QQ0RVD3/CNFCP0012S00AB/")), one);
  assert.notEqual(identity(machine(uuid, "/QQ0RVD3/CNFCP0012S00AC/")), one);
  assert.notEqual(identity(machine(uuid.replace("4c", "4d"), "/QQ0RVD3/CNFCP0012S00AB/")), one);
  assert.equal(one.length, 64);
});

test("a virtual machine without a serial number has one all the same", () => {
  assert.equal(identity(machine(uuid, null)), identity(machine(uuid, "")));
});

test("a machine that was never told who it is has none", () => {
  for (const nobodys of [
    null,
    "",
    "Not Settable",
    "00000000-0000-0000-0000-000000000000",
    "03000200-0400-0500-0006-000700080009",
  ])
    assert.throws(() => machineIdentity(machine(nobodys, "x")), /no SMBIOS product UUID of its own/);
});

test("to others than root the machine does not say it", {
  skip: process.getuid?.() === 0 ? false : "wants root",
}, () => {
  const directory = machine(uuid, "x");
  chmodSync(root, 0o755);
  chmodSync(directory, 0o755);
  chmodSync(join(directory, "product_uuid"), 0o400);
  process.seteuid?.(65534);
  try {
    assert.throws(() => machineIdentity(directory), /EACCES/);
  } finally {
    process.seteuid?.(0);
  }
});
