import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/base/bytes.ts";
import { archive } from "./archive.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

test("an entry is 110 bytes of head, its name and its content, each padded to four", () => {
  const bytes = archive([{ kind: "file", path: "init", mode: 0o755, content: utf8("hello") }]);
  assert.equal(text(bytes.subarray(0, 22)), "07070100000001000081ed");
  assert.equal(text(bytes.subarray(110, 116)), "init\0\0");
  assert.equal(text(bytes.subarray(116, 124)), "hello\0\0\0");
  assert.equal(bytes.length % 4, 0);
});

test("the folders above an entry come before it, once", () => {
  const bytes = archive([
    { kind: "file", path: "a/b/c", mode: 0o644, content: utf8("1") },
    { kind: "link", path: "a/b/d", target: "c" },
  ]);
  const names = [...text(bytes).matchAll(/070701[0-9a-f]{104}([^\0]+)/g)].map((found) => found[1]);
  assert.deepEqual(names, ["a", "a/b", "a/b/c", "a/b/d", "TRAILER!!!"]);
});
