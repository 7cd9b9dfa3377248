import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createHost, isMemoryBacked } from "./host.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-host-"));
after(() => rmSync(root, { recursive: true }));
mkdirSync(join(root, "etc"));
writeFileSync(join(root, "etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
writeFileSync(join(root, "etc/os-release"), 'NAME="Debian"\nID=debian\nVERSION_ID="12"\n');

test("the machine's id is read without its line end", () => {
  assert.equal(createHost({ root }).machineId(), "0123456789abcdef0123456789abcdef");
});

test("a host without an id has an empty one", () => {
  assert.equal(createHost({ root: join(root, "none") }).machineId(), "");
});

test("the facts name the system, its version and its kernel", () => {
  const facts = createHost({ root }).facts();
  assert.deepEqual(facts.os, { name: "debian", version: "12" });
  assert.equal(typeof facts.kernel, "string");
  assert.ok(Array.isArray(facts.addresses));
});

test("memory-backed and disk-backed directories are told apart", () => {
  if (existsSync("/dev/shm")) assert.equal(isMemoryBacked("/dev/shm"), true);
  assert.equal(isMemoryBacked("/proc"), false);
  assert.equal(isMemoryBacked(join(root, "none")), false);
});
