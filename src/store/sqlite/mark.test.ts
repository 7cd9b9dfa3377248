import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { toHex } from "../../base/bytes.ts";
import type { Revision } from "../store.ts";
import { openMark, readMark } from "./mark.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-mark-"));
after(() => rmSync(root, { recursive: true }));

test("a mark reads back the newest revision written", () => {
  const path = join(root, "mark");
  assert.equal(readMark(path), 0);
  const mark = openMark(path);
  assert.equal(readMark(path), 0);
  for (const revision of [1, 2 ** 32 + 5, 7]) {
    mark.write(revision as Revision);
    assert.equal(readMark(path), revision);
  }
  mark.close();
  assert.equal(toHex(readFileSync(path)), "4b574d4b0000000000000007c246995f");
});

test("a mark that is cut short or changed counts as none", () => {
  const path = join(root, "changed");
  const mark = openMark(path);
  mark.write(258 as Revision);
  mark.close();
  const whole = readFileSync(path);
  for (let i = 0; i < whole.length; i++) {
    writeFileSync(path, whole.subarray(0, i));
    assert.equal(readMark(path), 0);
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(i) ^ 1, i);
    writeFileSync(path, changed);
    assert.equal(readMark(path), 0);
  }
});
