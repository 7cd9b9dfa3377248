import assert from "node:assert/strict";
import { test } from "node:test";
import { expand, parseScript } from "./script.ts";

const names = new Map([["NAME", "db 1"]]);
const wordsOf = (text: string): string[] =>
  parseScript(text).lines.flatMap((line) => line.words.map((word) => expand(word, names)));

test("words are split as in a shell", () => {
  assert.deepEqual(wordsOf(`keyward key put a/b --to 'x:y AND z:*' "q $NAME" $NAME.txt < f # why`), [
    "keyward",
    "key",
    "put",
    "a/b",
    "--to",
    "x:y AND z:*",
    "q db 1",
    "db 1.txt",
    "<",
    "f",
  ]);
});

test("a quote may stand inside a word, and # in one is no comment", () => {
  assert.deepEqual(wordsOf(`a'b c'd e#f ''`), ["ab cd", "e#f", ""]);
});

test("files follow the lines, and ! and wait are taken off", () => {
  const { lines, files } = parseScript("# nothing\nwait ! exists a\n-- a/b --\nx\n-- c --\n");
  assert.deepEqual(
    lines.map(({ number, negated, waits }) => [number, negated, waits]),
    [[2, true, true]],
  );
  assert.deepEqual(
    [...files],
    [
      ["a/b", "x\n"],
      ["c", ""],
    ],
  );
});

test("a name that nothing has set is an error", () => {
  assert.throws(() => wordsOf("$OTHER"), /\$OTHER is not set/);
});
