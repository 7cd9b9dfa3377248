import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIntent, formatToken, readIntents, readOrphans, readStrangers, readTokens } from "./tokens.ts";

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

test("an intent is no token and no orphan, and is read as it is written alone", () => {
  const intent = { slot: 31, generation: 2, key: "2135413b0e9f8a31" };
  const written = JSON.parse(formatIntent(intent));
  const found = metadata({ 4: written });
  assert.deepEqual(
    [readIntents(found), readTokens(found), readOrphans(found)],
    [[{ id: 4, ...intent }], [], []],
  );
  for (const other of [
    { ...written, keyslots: ["31"] },
    { ...written, slot: 31 },
    { ...written, version: "x" },
    { ...written, id: "2135413B0E9F8A31" },
    { ...written, type: "other" },
    token,
    null,
  ])
    assert.deepEqual(readIntents(metadata({ 4: other })), [], JSON.stringify(other));
});

test("what else opens a volume is named by its type, once", () => {
  const tokens = {
    0: token,
    1: { type: "systemd-tpm2", keyslots: ["1"], "tpm2-blob": "AJ4A" },
    2: { type: "systemd-tpm2", keyslots: ["2"] },
    3: { type: "clevis", keyslots: ["3"], jwe: {} },
    4: { type: "gone", keyslots: [] },
    5: { type: "bad type\u001b", keyslots: ["4"] },
    6: null,
  };
  assert.deepEqual(readStrangers(metadata(tokens)), ["clevis", "systemd-tpm2"]);
  assert.deepEqual(readStrangers(metadata({ 0: token })), []);
});
