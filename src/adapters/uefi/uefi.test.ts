import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { afterBoot, afterFullStore, type Check, rules } from "../../../test/vm/efivars-conformance.ts";
import { isKeywardError } from "../../base/errors.ts";
import { type RunProgram, runProgram } from "../process.ts";
import { createEfivars } from "./efivars.ts";
import { createFakeEfivars, type FakeEfivars, systemError } from "./efivars-for-test.ts";
import { createUefi, variableNames } from "./uefi.ts";

const envelope = (letter: string): Uint8Array => Uint8Array.from(Buffer.from(letter.repeat(120)));
const [first, second] = [envelope("a"), envelope("b")];
const code = (wanted: string) => (error: unknown) => isKeywardError(error) && error.code === wanted;
const { current } = variableNames;

test("the fake does what the conformance says of efivarfs", async (t) => {
  const fake = createFakeEfivars();
  const check: Check = async (name, work) => void (await t.test(name, async () => await work()));
  await rules(fake, check);
  fake.reboot();
  await afterBoot(fake, check);
  fake.reboot();
  await afterFullStore(fake, check);
});

test("a seed is created, survives a boot, and is closed to others again", async () => {
  const fake = createFakeEfivars();
  const place = createUefi(fake);
  assert.equal(await place.read("current"), null);
  await place.create(first);
  assert.equal(fake.mode(current), 0o600);
  fake.reboot();
  assert.deepEqual(await place.read("current"), first);
  assert.match((await place.inspect()).warnings.join(), /others could read it \(mode 0644\)/);
  assert.equal((await place.protect()).length, 1);
  assert.deepEqual(await place.inspect(), { mode: 0o600, warnings: [] });
  await assert.rejects(async () => fake.chmod(current, 0o644), { code: "EPERM" });
});

test("a seed that is there is never overwritten", async () => {
  const place = createUefi(createFakeEfivars());
  await place.create(first);
  await assert.rejects(place.create(second), code("conflict"));
  assert.deepEqual(await place.read("current"), first);
});

test("a rotation stages under a second name, overwrites in place, and only then erases", async () => {
  const fake = createFakeEfivars();
  const place = createUefi(fake);
  await assert.rejects(place.stage(second), code("not-found"));
  await place.create(first);
  await assert.rejects(place.commit(), code("not-found"));
  await place.stage(envelope("draft"));
  await place.stage(second);
  fake.reboot();
  assert.deepEqual(await place.read("current"), first);
  await place.commit();
  assert.deepEqual(await place.read("current"), second);
  assert.deepEqual(await place.read("next"), second);
  await place.erase();
  await place.erase();
  assert.equal(await place.read("next"), null);
  assert.deepEqual(fake.list(), [current]);
});

test("the system's refusals are told in words, with the next step", async () => {
  const place = createUefi(createFakeEfivars({ there: false }));
  await assert.rejects(place.read("current"), /no UEFI variables/);
  const told = {
    EROFS: /mounted read-only/,
    EPERM: /not permitted/,
    EIO: /firmware refuses/,
    ENOSPC: /store is full/,
  };
  for (const [errno, words] of Object.entries(told)) {
    const fake = createFakeEfivars();
    fake.fault = (step) => {
      if (step === (errno === "EROFS" || errno === "EPERM" ? "open" : "write")) throw systemError(errno);
    };
    await assert.rejects(createUefi(fake).create(first), words);
    fake.fault = null;
    assert.deepEqual(fake.list(), [], `${errno} leaves no ghost`);
  }
});

test("a full store is seen before anything is written, and the seed stays", async () => {
  const fake = createFakeEfivars();
  const place = createUefi(fake);
  await place.create(first);
  await place.stage(second);
  let refused: unknown;
  for (let round = 0; refused === undefined && round < 5000; round++)
    await place.stage(envelope(String.fromCharCode(round))).catch((error) => {
      refused = error;
    });
  assert.match(String(refused), /store is full: \d+ bytes are free/);
  await assert.rejects(place.commit(), /store is full/);
  assert.deepEqual(await place.read("current"), first);
  fake.reboot();
  await place.stage(second);
  await place.commit();
  assert.deepEqual(await place.read("current"), second);
});

test("a ghost reads as nothing, is told, and gives way to a seed", async () => {
  for (const remedy of ["create", "protect", "reboot"] as const) {
    const fake = createFakeEfivars();
    const place = createUefi(fake);
    killedIn(fake, "write");
    await place.create(first).catch(() => undefined);
    fake.fault = null;
    assert.equal(fake.list().length, 1, "killed between open and write");
    assert.equal(await place.read("current"), null);
    assert.match((await place.inspect()).warnings.join(), /is empty: who made it was killed/);
    if (remedy === "protect") await place.protect();
    if (remedy === "reboot") fake.reboot();
    await place.create(second);
    assert.deepEqual(await place.read("current"), second);
  }
});

test("whatever step fails, and at whatever step it is killed, a seed is always there", async () => {
  for (const how of ["refused", "killed"] as const)
    for (let stop = 0; ; stop++) {
      const fake = createFakeEfivars();
      const place = createUefi(fake);
      await place.create(first);
      const reached = stopAt(fake, stop, how);
      const rotation = (async () => {
        await place.stage(second);
        await place.commit();
        await place.erase();
      })();
      const failed = await rotation.then(
        () => false,
        () => true,
      );
      fake.fault = null;
      if (how === "killed") fake.reboot();
      const [now, staged] = [await place.read("current"), await place.read("next")];
      assert.ok(now !== null, `${how} at ${stop}`);
      const isSecond = Buffer.from(now).equals(second);
      assert.ok(isSecond || Buffer.from(now).equals(first), `${how} at ${stop}: whole`);
      if (staged !== null) assert.deepEqual(staged, second, `${how} at ${stop}: staged whole`);
      await place.stage(second);
      await place.commit();
      await place.erase();
      assert.deepEqual(await place.read("current"), second, `${how} at ${stop}: goes on`);
      if (!reached()) {
        assert.equal(failed, false);
        break;
      }
    }
});

test("attributes, lengths and contents that are not ours are told from a seed", async () => {
  const fake = createFakeEfivars();
  const place = createUefi(fake);
  const directory = mkdtempSync(join(tmpdir(), "keyward-efivars-"));
  try {
    const plain = createUefi({ ...createEfivars({ directory }), setImmutable: async () => {} });
    writeFileSync(join(directory, current), Buffer.concat([Buffer.of(6, 0, 0, 0), first]));
    assert.deepEqual(await plain.read("current"), first);
    assert.match((await plain.inspect()).warnings.join(), /attributes 0x6/);
    writeFileSync(join(directory, current), Buffer.of(7, 0, 0, 0));
    await assert.rejects(plain.read("current"), code("integrity"));
    writeFileSync(join(directory, current), Buffer.alloc(70_000, 7));
    await assert.rejects(plain.read("current"), code("integrity"));
    writeFileSync(join(directory, current), "");
    assert.equal(await plain.read("current"), null);
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.equal(await place.read("next"), null);
});

test("no firmware, no chattr and no capability are each told, with what to do", async () => {
  await assert.rejects(
    async () => createEfivars({ directory: "/nonexistent" }).assertThere(),
    /no UEFI variables/,
  );
  const answering =
    (end: Awaited<ReturnType<RunProgram>>["end"], output = ""): RunProgram =>
    async () => ({
      end,
      output: Buffer.from(output),
    });
  const missing = createEfivars({ run: answering({ kind: "not-started", code: "ENOENT" }) });
  await assert.rejects(
    missing.setImmutable("x", true),
    (error) => isKeywardError(error) && error.hint === "install e2fsprogs",
  );
  const output = "chattr: Operation not permitted while setting flags on x\n";
  const refused = createEfivars({ run: answering({ kind: "exited", status: 1 }, output) });
  await assert.rejects(
    refused.setImmutable("x", false),
    (error) =>
      isKeywardError(error) &&
      /Operation not permitted/.test(error.message) &&
      /CAP_LINUX_IMMUTABLE/.test(error.hint ?? ""),
  );
});

const memory = "/dev/shm";
const canSetFlags = ((): boolean => {
  if (process.getuid?.() !== 0) return false;
  const probe = mkdtempSync(join(memory, "keyward-flags-"));
  try {
    execFileSync("chattr", ["+i", probe], { stdio: "ignore" });
    execFileSync("chattr", ["-i", probe], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true });
  }
})();

for (const [kind, parent] of [
  ["tmpfs", memory],
  ["the disk's file system", tmpdir()],
] as const)
  test(`the immutable flag for real, on ${kind}`, {
    skip: canSetFlags ? false : "wants root, and a kernel with the flag",
  }, async () => {
    const directory = mkdtempSync(join(parent, "keyward-efivars-"));
    const efivars = createEfivars({ directory, run: runProgram });
    const place = createUefi(efivars);
    try {
      await place.create(first);
      for (const refused of [
        () => writeFileSync(join(directory, current), "x"),
        () => rmSync(join(directory, current)),
      ])
        assert.throws(refused, { code: "EPERM" });
      await place.stage(second);
      await place.commit();
      await place.erase();
      assert.deepEqual(readFileSync(join(directory, current)).subarray(4), Buffer.from(second));
      assert.equal(statSync(join(directory, current)).mode & 0o777, 0o600);
      await efivars.setImmutable(current, false);
      efivars.chmod(current, 0o644);
      await efivars.setImmutable(current, true);
      assert.equal((await place.protect()).length, 1);
      assert.equal(statSync(join(directory, current)).mode & 0o777, 0o600);
      assert.throws(() => rmSync(join(directory, current)), { code: "EPERM" });
    } finally {
      await efivars.setImmutable(current, false).catch(() => undefined);
      rmSync(directory, { recursive: true });
    }
  });

/** From this step on nothing happens any more, as when the program is killed: nothing is cleaned up either. */
function killedIn(fake: FakeEfivars, killer: string): void {
  let dead = false;
  fake.fault = (step) => {
    dead ||= step === killer;
    if (dead) throw new Error("killed");
  };
}

/** @returns Was the step reached? */
function stopAt(fake: FakeEfivars, stop: number, how: "refused" | "killed"): () => boolean {
  let count = 0;
  fake.fault = () => {
    const at = count++;
    if (at === stop || (how === "killed" && at > stop)) throw systemError("EIO");
  };
  return () => count > stop;
}
