import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import type { SeedPlace, SeedSlot } from "../../model/seed-place.ts";
import type { End, RunProgram } from "../process.ts";
import { createCredential } from "./credential.ts";
import { createSystemdCreds } from "./systemd-creds.ts";

const envelope = Uint8Array.from({ length: 114 }, (_, i) => i);
const second = envelope.map((byte) => 255 - byte);
const code = (wanted: string) => (error: unknown) => isKeywardError(error) && error.code === wanted;

/** A place in memory: what the credential's file would hold. */
function memory(): SeedPlace & { slots: Partial<Record<SeedSlot, Uint8Array>> } {
  const slots: Partial<Record<SeedSlot, Uint8Array>> = {};
  const put = (slot: SeedSlot) => async (bytes: Uint8Array) => {
    slots[slot] = bytes;
  };
  return {
    kind: "file",
    name: "memory",
    slots,
    read: async (slot) => slots[slot] ?? null,
    create: put("current"),
    stage: put("next"),
    async commit() {
      slots.current = slots.next as Uint8Array;
      delete slots.next;
    },
    async erase() {
      delete slots.next;
    },
    inspect: async () => ({ warnings: [] }),
    protect: async () => [],
  };
}

const works = ((): boolean => {
  if (process.getuid?.() !== 0) return false;
  try {
    const args = ["--name=keyward.seed", "-", "-"];
    const sealed = execFileSync("systemd-creds", ["encrypt", ...args], {
      input: "x",
      stdio: ["pipe", "pipe", "ignore"],
    });
    return (
      String(
        execFileSync("systemd-creds", ["decrypt", ...args], {
          input: sealed,
          stdio: ["pipe", "pipe", "ignore"],
        }),
      ) === "x"
    );
  } catch {
    return false;
  }
})();
const skip = works ? false : "wants root and systemd-creds";

test("a seed goes through the real systemd-creds and comes back", { skip }, async () => {
  const inner = memory();
  const place = createSystemdCreds(inner);
  await place.create(envelope);
  assert.ok(
    !Buffer.from(inner.slots.current ?? []).includes(Buffer.from(envelope)),
    "what is kept is sealed",
  );
  assert.deepEqual(await place.read("current"), envelope);
  await place.stage(second);
  assert.deepEqual(await place.read("current"), envelope);
  await place.commit();
  assert.deepEqual(await place.read("current"), second);
  assert.equal(await place.read("next"), null);
});

test("a credential of another name, a damaged one and nonsense do not open", { skip }, async () => {
  const inner = memory();
  const place = createSystemdCreds(inner);
  inner.slots.current = execFileSync("systemd-creds", ["encrypt", "--name=other", "-", "-"], {
    input: Buffer.from(envelope),
    stdio: ["pipe", "pipe", "ignore"],
  });
  await assert.rejects(place.read("current"), /did not decrypt the seed/);
  await place.create(envelope);
  const sealed = Buffer.from(Buffer.from(inner.slots.current).toString(), "base64");
  sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1;
  inner.slots.current = Buffer.from(sealed.toString("base64"));
  await assert.rejects(place.read("current"), code("local"));
  inner.slots.current = Buffer.from("nonsense");
  await assert.rejects(place.read("current"), code("local"));
});

test("a machine without systemd-creds is told, and one that refuses", async () => {
  const answering =
    (end: End, said = ""): RunProgram =>
    async () => {
      const bytes = Buffer.from(said);
      return { end, output: bytes, stdout: Buffer.alloc(0) };
    };
  const missing = createSystemdCreds(memory(), answering({ kind: "not-started", code: "ENOENT" }));
  await assert.rejects(missing.create(envelope), /systemd-creds is not there/);
  const refusing = createSystemdCreds(
    memory(),
    answering({ kind: "exited", status: 1 }, "Failed to x\nno TPM\n"),
  );
  await assert.rejects(refusing.create(envelope), /did not encrypt the seed: "no TPM"/);
});

test("what this machine cannot decrypt again is not kept", async () => {
  const inner = memory();
  const broken: RunProgram = async () => ({
    end: { kind: "exited", status: 0 },
    output: Buffer.from("x"),
    stdout: Buffer.from("x"),
  });
  await assert.rejects(createSystemdCreds(inner, broken).create(envelope), /is not what it encrypted/);
  assert.deepEqual(inner.slots, {});
});

const directory = mkdtempSync(join(tmpdir(), "keyward-credential-"));
after(() => rmSync(directory, { recursive: true }));

test("a credential that systemd handed in is read, and never changed", async () => {
  const path = join(directory, "keyward.seed");
  writeFileSync(path, envelope);
  const inner = { ...memory(), read: async () => new Uint8Array(readFileSync(path)) };
  const place = createCredential("keyward.seed", inner);
  assert.deepEqual(await place.read("current"), envelope);
  assert.equal(await place.read("next"), null);
  for (const act of [place.create(second), place.stage(second), place.commit(), place.erase()])
    await assert.rejects(act, /only read/);
});
