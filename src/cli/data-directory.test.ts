import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { assertOurs, files, findServerBeside, forgetRunning, writeRunning } from "./data-directory.ts";

const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const temporary = (): string => mkdtempSync(path.join(tmpdir(), "keyward-data-"));

test("a store that someone else could have put there is refused", () => {
  const data = temporary();
  const ours = { uid: process.geteuid?.() ?? 0, mode: 0o40700, isDirectory: () => true };
  assertOurs(data, ours);
  assert.throws(() => assertOurs(data, { ...ours, uid: 12_345 }, 54_321), /belongs to another user/);
  assertOurs(data, { ...ours, uid: 0 }, 54_321);
});

test("a store that others may write in is refused", () => {
  const data = temporary();
  chmodSync(data, 0o777);
  assert.throws(() => assertOurs(data), /others may write in it/);
});

test("no store and no address: the error names both ways on", () => {
  assert.throws(
    () => findServerBeside("/nowhere/at/all"),
    (error) => isKeywardError(error, "local") && /keyward init.*keyward login/.test(error.hint ?? ""),
  );
});

test("the server that runs on a store is found with its owner's token", () => {
  const data = temporary();
  assert.equal(findServerBeside(data), null);
  writeFileSync(path.join(data, files.token), "t0ken\n", { mode: 0o600 });
  writeFileSync(path.join(data, files.ca), pem);
  writeRunning(data, "https://127.0.0.1:5070");
  const found = findServerBeside(data);
  assert.equal(found?.address, "https://127.0.0.1:5070");
  assert.equal(found?.token && Buffer.from(found.token.reveal()).toString(), "t0ken");
  forgetRunning(data);
  assert.equal(findServerBeside(data), null);
});

test("a server whose token cannot be read is named with its address", () => {
  const data = temporary();
  writeRunning(data, "https://127.0.0.1:5070");
  assert.throws(
    () => findServerBeside(data),
    (error) => isKeywardError(error, "busy") && /KEYWARD_ADDR=https:\/\/127/.test(error.hint ?? ""),
  );
});

test("a note left by a server that was killed is not believed", () => {
  const data = temporary();
  writeFileSync(path.join(data, files.server), JSON.stringify({ address: "https://a:1", pid: 4_194_300 }));
  assert.equal(findServerBeside(data), null);
});
