import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { fromUtf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { type Random, systemRandom } from "../crypto/random.ts";
import { decodePrivateKey } from "../formats/openssh/openssh.ts";
import type { Recipe } from "../model/key.ts";
import { makePassword } from "./passwords.ts";
import { makeValue } from "./recipes.ts";

const make = (recipe: Recipe) => makeValue(recipe, systemRandom);
const makeText = async (recipe: Recipe) => fromUtf8((await make(recipe)).reveal(), "value");
const all = ["lower", "upper", "digit", "special"] as const;

test("a password has its length, only its classes, and one of each", async () => {
  for (let round = 0; round < 200; round++) {
    const password = await makeText({ kind: "password", length: 8, classes: all });
    assert.match(password, /^[a-zA-Z0-9!#%&*+,\-./:;=?@^_~]{8}$/);
    for (const one of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]) assert.match(password, one);
  }
  assert.match(await makeText({ kind: "password", length: 1024, classes: ["digit"] }), /^[0-9]{1024}$/);
});

test("the specials can be chosen, a single one too", async () => {
  const recipe = { kind: "password", length: 12, classes: ["lower", "special"], specials: "_" } as const;
  assert.match(await makeText(recipe), /^(?=.*_)(?=.*[a-z])[a-z_]{12}$/);
});

test("each character of a password is as likely as the others", async () => {
  const counts = new Map<string, number>();
  const length = 1000;
  for (let round = 0; round < 60; round++) {
    for (const character of await makeText({
      kind: "password",
      length,
      classes: ["lower", "upper", "digit"],
    })) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  // 62 characters, 60,000 draws: 968 each; chi squared with 61 degrees is under 120 but once in 100,000 times.
  const expected = (60 * length) / 62;
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.equal(counts.size, 62);
  assert.ok(chiSquared < 120, `chi squared ${chiSquared}`);
});

test("a password that lacks a class is thrown away as a whole", () => {
  // 'a' eight times, then '0' and seven 'a': what comes second is taken unmixed.
  const draws = [0, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0];
  const random: Random = () => Uint8Array.of(0, 0, draws.shift() ?? 1);
  const recipe = { kind: "password", length: 8, classes: ["lower", "digit"] } as const;
  assert.equal(fromUtf8(makePassword(recipe, random).reveal(), "password"), "0aaaaaaa");
});

test("recipes that cannot be followed are refused", async () => {
  const password = { kind: "password", length: 12, classes: all } as const;
  const wrong: Recipe[] = [
    { ...password, length: 7 },
    { ...password, length: 1025 },
    { ...password, length: 9.5 },
    { ...password, classes: [] },
    { ...password, classes: ["lower", "lower"] },
    { ...password, classes: ["emoji" as "lower"] },
    { ...password, specials: "" },
    { ...password, specials: "!!" },
    { ...password, specials: "a!" },
    { ...password, specials: "! " },
    { ...password, specials: "!é" },
    { kind: "random", bytes: 0, encoding: "raw" },
    { kind: "random", bytes: 65_537, encoding: "raw" },
    { kind: "ssh", type: "ed25519", comment: "two\nlines" },
  ];
  for (const recipe of wrong) {
    await assert.rejects(make(recipe), (error) => isKeywardError(error, "usage"), JSON.stringify(recipe));
  }
});

test("random bytes come raw, in hexadecimal and in base64", async () => {
  assert.equal((await make({ kind: "random", bytes: 33, encoding: "raw" })).length, 33);
  assert.match(await makeText({ kind: "random", bytes: 33, encoding: "hex" }), /^[0-9a-f]{66}$/);
  const base64 = await makeText({ kind: "random", bytes: 32, encoding: "base64" });
  assert.equal(Buffer.from(base64, "base64").toString("base64"), base64);
  assert.equal(base64.length, 44);
});

test("a disk key is 33 raw bytes, of any value but NUL, LF and CR", async () => {
  const seen = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const key = await make({ kind: "disk" });
    assert.equal(key.length, 33);
    for (const byte of key.reveal()) seen.add(byte);
  }
  const rest = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !seen.has(byte));
  assert.deepEqual(rest, [0, 10, 13]);
});

for (const type of ["ed25519", "rsa-3072", "ecdsa-p256", "ecdsa-p384"] as const) {
  test(`an ssh key of type ${type} is an OpenSSH file with its comment`, async () => {
    const file = await make({ kind: "ssh", type, comment: "deploy@ci" });
    const { key, comment } = decodePrivateKey(file.reveal());
    assert.equal(comment, "deploy@ci");
    assert.equal(key.kind, type.split("-")[0]);
    if (key.kind === "rsa") assert.equal(key.n.byteLength, 384);
  });
}

for (const [type, kind] of [
  ["ed25519", "ed25519"],
  ["x25519", "x25519"],
  ["rsa-2048", "rsa"],
  ["ec-p256", "ec"],
  ["ec-p384", "ec"],
] as const) {
  test(`a key of type ${type} is PKCS #8 in PEM`, async () => {
    const pem = await makeText({ kind: "pkcs8", type });
    const key = createPrivateKey(pem);
    assert.equal(key.asymmetricKeyType, kind);
    assert.equal(key.export({ format: "pem", type: "pkcs8" }), pem);
  });
}

test("making an RSA key leaves the event loop free", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await make({ kind: "pkcs8", type: "rsa-3072" });
  clearInterval(timer);
  assert.ok(ticks > 0);
});

test("two values by one recipe differ", async () => {
  for (const recipe of [{ kind: "disk" }, { kind: "ssh", type: "ed25519" }] as const) {
    assert.equal((await make(recipe)).equals(await make(recipe)), false);
  }
});
