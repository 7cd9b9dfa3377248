import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { RealmKind } from "../../model/realm.ts";
import { derive, encodeLabel, keyTag, type Label, seedId } from "./keyward-1.ts";

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../test/vectors/keyward-1/vectors.json"), "utf8"),
);
const seed = (): Secret => Secret.take(fromHex(vectors.seed, "seed"));
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString();
const label = (kind: RealmKind, more: Partial<Label> = {}): Label => ({
  realm: "r",
  kind,
  purpose: "",
  version: 1,
  ...more,
});

test("the published vectors come out", () => {
  assert.equal(seedId(seed()), vectors.seedId);
  for (const one of vectors.cases) {
    assert.equal(toHex(encodeLabel(one.label)), one.encoded);
    assert.equal(toHex(derive(seed(), one.label).reveal()), one.result, JSON.stringify(one.label));
    assert.equal(keyTag(seed(), one.label), one.tag);
  }
});

test("the worked example of the page, by two HMACs and nothing else", () => {
  const [first] = vectors.cases;
  const prk = createHmac("sha256", Buffer.alloc(0)).update(Buffer.from(vectors.seed, "hex")).digest();
  const key = createHmac("sha256", prk)
    .update(Buffer.from(first.encoded, "hex"))
    .update(Uint8Array.of(1))
    .digest("hex");
  assert.match(
    readFileSync(join(import.meta.dirname, "../../../docs/formats/keyward-1.md"), "utf8"),
    new RegExp(key),
  );
});

test("no two labels are the same bytes", () => {
  const some = fc.record({
    realm: fc.string({ minLength: 1, maxLength: 8 }),
    purpose: fc.string({ maxLength: 8 }),
    version: fc.integer({ min: 1, max: 20 }),
    kind: fc.constantFrom<RealmKind>(
      { kind: "raw", length: 1 },
      { kind: "raw", length: 11 },
      { kind: "luks" },
      { kind: "p256" },
    ),
  });
  fc.assert(
    fc.property(some, some, (a, b) => {
      assert.equal(toHex(encodeLabel(a)) === toHex(encodeLabel(b)), JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});

test("a password has every class of its policy and nothing else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: 40 }),
      fc.string({ minLength: 1, maxLength: 20 }),
      (length, realm) => {
        const policy = { length, classes: ["lower", "digit", "special"] as const, specials: "%_" };
        const password = text(derive(seed(), label({ kind: "password", policy }, { realm })));
        assert.match(password, /^(?=.*[a-z])(?=.*[0-9])(?=.*[%_])[a-z0-9%_]+$/);
        assert.equal(password.length, length);
      },
    ),
  );
});

test("the order in which a policy is written does not matter", () => {
  const one = label({
    kind: "password",
    policy: { length: 20, classes: ["digit", "special"], specials: "-_" },
  });
  const other = label({
    kind: "password",
    policy: { length: 20, classes: ["special", "digit"], specials: "_-" },
  });
  assert.equal(text(derive(seed(), one)), text(derive(seed(), other)));
});

test("a label out of bounds derives nothing", () => {
  const bad: Label[] = [
    label({ kind: "luks" }, { realm: "" }),
    label({ kind: "luks" }, { realm: "x".repeat(1025) }),
    label({ kind: "luks" }, { purpose: "x".repeat(1025) }),
    label({ kind: "luks" }, { realm: "\ud800" }),
    label({ kind: "luks" }, { purpose: "\udfff" }),
    label({ kind: "luks" }, { version: 0 }),
    label({ kind: "luks" }, { version: 1.5 }),
    label({ kind: "raw", length: 0 }),
    label({ kind: "p521" }),
    label({ kind: "rsa2048" }),
    label({ kind: "pass", length: 10 }),
    label({ kind: "password", policy: { length: 7, classes: ["lower"] } }),
    label({ kind: "password", policy: { length: 9, classes: [] } }),
    label({ kind: "password", policy: { length: 9, classes: ["special"], specials: "aa" } }),
    label({ kind: "password", policy: { length: 9, classes: ["special"], specials: "!!" } }),
  ];
  for (const one of bad)
    assert.throws(
      () => derive(seed(), one),
      (error) => isKeywardError(error, "usage"),
      JSON.stringify(one).slice(0, 80),
    );
  assert.throws(
    () => derive(Secret.fromText("short"), label({ kind: "luks" })),
    (error) => isKeywardError(error, "usage"),
  );
});
