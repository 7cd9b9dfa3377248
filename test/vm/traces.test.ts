import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { filesWith, lies } from "./guest/traces.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-traces-"));
after(() => rmSync(root, { recursive: true }));
const key = randomBytes(64);

test("a key is found wherever it lies, and however it was written", () => {
  const path = join(root, "disk");
  const texts = ["hex", "base64"] as const;
  const before = [0, 1, 2].map((skip) => Buffer.concat([Buffer.alloc(skip, 7), key]).toString("base64"));
  for (const form of [
    key,
    ...texts.map((one) => key.toString(one)),
    key.toString("hex").toUpperCase(),
    ...before,
  ])
    for (const offset of [0, 8 * 1024 * 1024 - 20, 8 * 1024 * 1024 + 1]) {
      writeFileSync(path, Buffer.concat([Buffer.alloc(offset), Buffer.from(form), Buffer.alloc(1000)]));
      assert.equal(lies(path, key), true, `${form.length} at ${offset}`);
      assert.equal(lies(path, randomBytes(64)), false);
    }
});

test("the files that hold a key are named", () => {
  mkdirSync(join(root, "run/inner"), { recursive: true });
  writeFileSync(join(root, "run/one"), "nothing");
  writeFileSync(join(root, "run/inner/two"), `key=${key.toString("base64")}`);
  assert.deepEqual(filesWith([join(root, "run")], key), [join(root, "run/inner/two")]);
});
