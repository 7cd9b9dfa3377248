import assert from "node:assert/strict";
import { test } from "node:test";
import { formatToken, readTokens } from "./tokens.ts";

const metadata = (tokens: unknown): string => JSON.stringify({ keyslots: {}, tokens });
const token = JSON.parse(formatToken({ slot: 3, key: "disk/db1", version: 2 }));

test("a token says whose a slot is", () => {
  assert.deepEqual(token, { type: "keyward", keyslots: ["3"], key: "disk/db1", version: "2" });
  assert.deepEqual(readTokens(metadata({ 5: token })), [{ id: 5, slot: 3, key: "disk/db1", version: 2 }]);
});

test("what is not as we write it is somebody else's", () => {
  for (const other of [
    { ...token, type: "systemd-tpm2" },
    { ...token, keyslots: [] },
    { ...token, keyslots: ["1", "2"] },
    { ...token, keyslots: [1] },
    { ...token, version: "02" },
    { ...token, version: 2 },
    { ...token, key: 7 },
    [],
    "keyward",
    null,
  ])
    assert.deepEqual(readTokens(metadata({ 0: other })), [], JSON.stringify(other));
  assert.deepEqual(readTokens(JSON.stringify({})), []);
});

test("what is no metadata is refused", () => {
  for (const text of ["", "[]", "null", metadata([]), "{"])
    assert.throws(() => readTokens(text), { code: "malformed" });
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, token]));
  assert.throws(() => readTokens(metadata(many)), { code: "too-large" });
});
