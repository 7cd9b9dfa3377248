import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cut, normalise, openSession, parseBlock } from "./session.ts";

const root = join(import.meta.dirname, "../..");

test("the README's tour can be followed to the end, and prints what the README shows", {
  timeout: 180_000,
}, async () => {
  const session = openSession(root);
  try {
    const blocks = cut(readFileSync(join(root, "README.md"), "utf8")).filter((_, i) => i % 2 === 1);
    for (const { command, printed } of blocks.flatMap(parseBlock)) {
      assert.equal(normalise(await session.run(command)), normalise(printed), `$ ${command}`);
    }
  } finally {
    await session.close();
  }
});
