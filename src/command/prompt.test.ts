import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../base/bytes.ts";
import { createTyped, take } from "./prompt.ts";

function typing(text: string): { line: string; state: string } {
  const typed = createTyped();
  let state = "more";
  for (const byte of utf8(text)) {
    state = take(typed, byte);
    if (state !== "more") break;
  }
  return { line: Buffer.from(typed.bytes.subarray(0, typed.length)).toString(), state };
}

test("a line ends with return or line feed", () => {
  assert.deepEqual(typing("hunter2\r"), { line: "hunter2", state: "done" });
  assert.deepEqual(typing("hunter2\n"), { line: "hunter2", state: "done" });
});

test("backspace takes back a whole character", () => {
  assert.deepEqual(typing("aé漢\u007f\u007fb\r"), { line: "ab", state: "done" });
  assert.deepEqual(typing("\u0008\u007fx\r"), { line: "x", state: "done" });
});

test("Ctrl-U empties the line, Ctrl-C breaks off, Ctrl-D ends it or breaks off", () => {
  assert.deepEqual(typing("wrong\u0015right\r"), { line: "right", state: "done" });
  assert.equal(typing("a\u0003").state, "interrupted");
  assert.equal(typing("\u0004").state, "interrupted");
  assert.deepEqual(typing("a\u0004"), { line: "a", state: "done" });
});

test("a line has a limit", () => {
  assert.throws(() => typing("x".repeat(4097)), /more than 4096 bytes/);
});
