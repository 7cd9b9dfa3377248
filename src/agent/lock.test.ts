import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lockDirectory } from "./lock.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-lock-"));
after(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "state-"));

test("a second holder is refused, by the number of the process that has it", () => {
  const directory = fresh();
  lockDirectory(directory, "boot");
  assert.throws(() => lockDirectory(directory, "boot"), {
    code: "busy",
    message: new RegExp(`process ${process.pid} is an agent with this state`),
  });
});

test("what was let go of can be taken again, and nothing stays behind", () => {
  const directory = fresh();
  lockDirectory(directory, "boot")();
  const release = lockDirectory(directory, "boot");
  assert.equal(readdirSync(directory).length, 1);
  release();
  assert.deepEqual(readdirSync(directory), []);
});

test("a lock from before a reboot, of a dead process, or of another one with its number, counts for nothing", () => {
  for (const content of [
    `${process.pid} 1 boot`,
    "999999999 5 boot",
    `${process.pid} 5 earlier-boot`,
    "",
    "x",
  ]) {
    const directory = fresh();
    writeFileSync(join(directory, "lock.7"), content);
    lockDirectory(directory, "boot");
    assert.deepEqual(readdirSync(directory), ["lock.8"], content);
  }
});

test("of many processes that come at once after a crash, one gets the lock", async () => {
  const directory = fresh();
  writeFileSync(join(directory, "lock.3"), "999999999 5 boot");
  const script = `
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    process.stdin.once("data", () => {
      try { lockDirectory(${JSON.stringify(directory)}, "boot"); console.log("got it"); } catch (error) { console.log(error.code); }
    });
    process.stdin.once("end", () => process.exit());
    console.log("ready");`;
  const all = Array.from({ length: 5 }, () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return child;
  });
  await Promise.all(all.map(({ stdout }) => once(stdout, "data")));
  const answers = all.map(async ({ stdout }) => String((await once(stdout, "data"))[0]).trim());
  for (const { stdin } of all) stdin.write("go");
  const said = await Promise.all(answers);
  assert.deepEqual(said.sort(), ["busy", "busy", "busy", "busy", "got it"]);
  for (const { stdin } of all) stdin.end();
  await Promise.all(all.map((child) => once(child, "exit")));
});
