import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { freeSlot, readReencryption, readSlots } from "./header.ts";

const slot = (type: string) => ({ type: "luks2", kdf: { type } });
const metadata = (keyslots: unknown): string => JSON.stringify({ keyslots, tokens: {}, segments: {} });

test("slots come in the order of their numbers, with what makes their keys", () => {
  const text = metadata({ 10: slot("argon2id"), 2: slot("pbkdf2") });
  assert.deepEqual(readSlots(text), [
    { number: 2, kdf: "pbkdf2" },
    { number: 10, kdf: "argon2id" },
  ]);
  assert.deepEqual(readSlots(metadata({})), []);
});

test("a slot that holds no key but how far a reencryption has come is none to open", () => {
  const text = metadata({ 0: slot("pbkdf2"), 2: { type: "reencrypt", mode: "reencrypt" } });
  assert.deepEqual(readSlots(text), [{ number: 0, kdf: "pbkdf2" }]);
});

test("what a header demands tells whether a reencryption is under way", () => {
  const demanding = (...mandatory: unknown[]): string =>
    JSON.stringify({ config: { requirements: { mandatory } } });
  assert.equal(readReencryption(demanding("online-reencrypt-v2")), true);
  assert.equal(readReencryption(demanding("offline-reencrypt")), true);
  assert.equal(readReencryption(demanding("opal", 1)), false);
  assert.equal(readReencryption(metadata({})), false);
  assert.throws(() => readReencryption('{"config": []}'), isKeywardError);
});

test("metadata that a header cannot hold is refused", () => {
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, number) => [number, slot("pbkdf2")]));
  const cases = [
    "",
    "[]",
    "{}",
    metadata([]),
    metadata({ 32: slot("pbkdf2") }),
    metadata({ "01": slot("pbkdf2") }),
  ];
  for (const text of [
    ...cases,
    metadata({ x: slot("pbkdf2") }),
    metadata({ 0: slot("md5") }),
    metadata(many),
  ])
    assert.throws(() => readSlots(text), isKeywardError, text.slice(0, 60));
});

test("a new key takes the first free slot", () => {
  const used = [0, 1, 3].map((number) => ({ number, kdf: "pbkdf2" as const }));
  assert.equal(freeSlot(used, "x"), 2);
  const all = Array.from({ length: 32 }, (_, number) => ({ number, kdf: "pbkdf2" as const }));
  assert.throws(
    () => freeSlot(all, "x"),
    (error) => isKeywardError(error, "conflict"),
  );
});
