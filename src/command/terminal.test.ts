import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut } from "./output.ts";
import { plain, plainJson, widthOf } from "./terminal.ts";

test("control characters and marks that reorder text are escaped", () => {
  assert.equal(plain("a\u001b[2J\r\n\u009b\u202e\u2066b"), "a\\u001b[2J\\u000d\\u000a\\u009b\\u202e\\u2066b");
  assert.equal(plain("grün é 漢字"), "grün é 漢字");
});

test("escaped JSON is the same document", () => {
  const value = { name: "a\u001b\u202e\u0085", list: [1, "x\ny"] };
  assert.deepEqual(JSON.parse(plainJson(value, 2)), value);
  assert.match(plainJson(value, 2), /^[\x20-\x7e\n]*$/);
});

test("columns are aligned by what the terminal shows", () => {
  assert.equal(widthOf("漢字"), 4);
  assert.equal(widthOf("e\u0301"), 1);
  const lines = layOut(
    [
      {
        kind: "table",
        head: ["A", "B"],
        rows: [
          ["漢字", "x"],
          [{ text: "a", style: "red" }, ""],
        ],
      },
    ],
    false,
  );
  assert.deepEqual(lines, ["A     B", "漢字  x", "a     -"]);
});

test("an empty table prints nothing, not even its head", () => {
  assert.deepEqual(layOut([{ kind: "table", head: ["A"], rows: [] }], false), []);
});
