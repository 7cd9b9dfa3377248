import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { exportLine, isShellName, quote } from "./shell.ts";

const quoted = (text: string): string => Buffer.from(quote(utf8(text), "x").reveal()).toString();

test("a value without quotes is what the original prints", () => {
  const line = exportLine("DB_PASSWORD", utf8("correct horse $HOME `id`"));
  assert.equal(Buffer.from(line.reveal()).toString(), "export DB_PASSWORD='correct horse $HOME `id`'\n");
});

test("each quote ends the word, is escaped, and the word goes on", () => {
  assert.equal(quoted("it's"), "'it'\\''s'");
  assert.equal(quoted("'"), "''\\'''");
  assert.equal(quoted("a\nb"), "'a\nb'");
});

test("a shell reads back what was quoted", () => {
  fc.assert(
    fc.property(fc.uint8Array({ min: 1, maxLength: 60 }), fc.constantFrom("", "'", "''\\'"), (value, end) => {
      const whole = Uint8Array.from([...value, ...utf8(end)]);
      assert.deepEqual(readWord(quote(whole, "x").reveal()), whole);
    }),
  );
});

test("NUL, which no shell can hold, is refused without showing the value", () => {
  assert.throws(
    () => exportLine("A", utf8("hunter2\0")),
    (error) => isKeywardError(error, "usage") && !error.message.includes("hunter2"),
  );
});

test("names are letters, digits and underscores, and no digit first", () => {
  for (const name of ["A", "_", "_x9", "a_B"]) assert.ok(isShellName(name), name);
  for (const name of ["", "9x", "db.password", "a-b", "a b", "a=b", "é", "A\n", "A;id"]) {
    assert.equal(isShellName(name), false, name);
    assert.throws(() => exportLine(name, utf8("x")), /not a name that a shell can hold/);
  }
});

/** A word as the standard reads it: literal inside quotes, one literal byte after a backslash outside. */
function readWord(word: Uint8Array): Uint8Array {
  const out: number[] = [];
  let inside = false;
  for (let i = 0; i < word.length; i++) {
    const byte = word[i] as number;
    if (byte === 0x27) inside = !inside;
    else if (!inside && byte === 0x5c) out.push(word[++i] as number);
    else if (inside) out.push(byte);
    else assert.fail("a byte outside quotes");
  }
  assert.equal(inside, false);
  return Uint8Array.from(out);
}
