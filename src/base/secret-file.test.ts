import assert from "node:assert/strict";
import { test } from "node:test";
import { stripSecretFile } from "./secret-file.ts";

const strip = (text: string): string => Buffer.from(stripSecretFile(Buffer.from(text))).toString();

test("seven blanks go at both ends, and nothing goes inside", () => {
  assert.equal(strip("\0\t\n\v\f\r a\0\t\n\v\f\r b \r\f\v\n\t\0"), "a\0\t\n\v\f\r b");
});

test("wider blanks and the byte order mark stay", () => {
  assert.equal(strip("\ufeff\u00a0key\u2003\n"), "\ufeff\u00a0key\u2003");
});

test("of blanks alone nothing is left", () => {
  for (const text of ["", "\0", " \n\t"]) assert.equal(strip(text), "");
});
