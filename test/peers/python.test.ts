import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { pythonPeer } from "./python.ts";

test("a peer that cannot be installed is skipped by its name", async () => {
  const { bin, skip } = await pythonPeer("nobody", ["markupsafe==0.0.0"]);
  assert.equal(bin, undefined);
  assert.match(String(skip), /^nobody: not installed: /);
});

test("a package without an exact version is refused", async () => {
  await assert.rejects(pythonPeer("salt", ["salt"]), /salt has no exact version/);
});

const markup = await pythonPeer("markupsafe", ["markupsafe==3.0.2"]);

test("an installed peer's Python has its packages", { skip: markup.skip }, () => {
  const python = path.join(markup.bin ?? "", "python");
  const version = ["-c", "from importlib.metadata import version; print(version('markupsafe'))"];
  assert.equal(execFileSync(python, version, { encoding: "utf8" }).trim(), "3.0.2");
});
