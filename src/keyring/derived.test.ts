/** Derived keys: what is kept is how nodes make them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DerivedAs } from "../model/key.ts";
import type { Derivation, RealmKind } from "../model/realm.ts";
import { createBench, local, name, number, operator, secret } from "./keyring-for-test.ts";

const ssh: Derivation = { scheme: "keyward-1", realm: "ssh", kind: { kind: "ed25519" }, purpose: "host" };
const hostKey: DerivedAs = { derivation: ssh, encoding: "openssh" };
const key = name("ssh/host");

test("a derived key keeps how it is made, and no value", async () => {
  const { keyring, records } = await createBench();
  assert.deepEqual(await keyring.derive(local, key, hostKey), { name: key, version: 1 });
  const { origin, versions } = await keyring.show(local, key);
  assert.deepEqual(origin, { kind: "derived", ...hostKey });
  assert.deepEqual(
    versions.map(({ size, derived }) => ({ size, derived })),
    [{ size: 0, derived: hostKey }],
  );
  assert.deepEqual(
    (await records()).filter((record) => record.startsWith("versions/")),
    [],
  );
});

test("its value is asked for in vain, and the answer says where it is", async () => {
  const { keyring, transact } = await createBench();
  await keyring.derive(local, key, hostKey);
  await assert.rejects(keyring.get(local, key), {
    code: "usage",
    message: /version 1 is derived on each node/,
    hint: /keyward derive/,
  });
  await assert.rejects(
    transact((tx) => keyring.openVersion(tx, key, number(1))),
    { code: "usage" },
  );
});

test("said again it makes no new version; said otherwise it does", async () => {
  const { keyring, states } = await createBench();
  await keyring.derive(local, key, hostKey);
  assert.equal((await keyring.derive(local, key, hostKey)).version, 1);
  assert.equal((await keyring.derive(local, key, { ...hostKey, encoding: "pem" })).version, 2);
  assert.equal(await states("ssh/host"), "1 retiring, 2 primary");
});

test("rotation takes the next number, staged or not, and rollback an earlier one", async () => {
  const { keyring, states } = await createBench();
  await keyring.derive(local, key, hostKey);
  assert.deepEqual(await keyring.rotate(local, key), { name: key, version: 2, state: "primary" });
  assert.deepEqual(await keyring.rotate(local, key, { staged: true }), {
    name: key,
    version: 3,
    state: "pending",
  });
  await keyring.promote(local, key, number(3));
  await keyring.rollback(local, key, number(2));
  assert.equal(await states("ssh/host"), "1 retiring, 2 primary, 3 retiring");
  const { versions } = await keyring.show(local, key);
  assert.ok(versions.every(({ derived }) => derived !== undefined));
});

test("a number that was destroyed or removed is never used again", async () => {
  const { keyring } = await createBench();
  await keyring.derive(local, key, hostKey);
  await keyring.rotate(local, key);
  await keyring.destroy(local, key, number(1));
  await assert.rejects(keyring.rollback(local, key, number(1)), { code: "not-found" });
  await keyring.remove(local, key);
  assert.equal((await keyring.derive(local, key, hostKey)).version, 3);
});

test("it may begin with a number that was counted elsewhere, but not go back", async () => {
  const { keyring } = await createBench();
  assert.equal((await keyring.derive(local, key, hostKey, { number: 4 })).version, 4);
  assert.equal((await keyring.derive(local, key, hostKey, { number: 4 })).version, 4);
  assert.equal((await keyring.rotate(local, key)).version, 5);
  await assert.rejects(keyring.derive(local, key, hostKey, { number: 5 - 1 }), { code: "usage" });
});

test("put makes it a stored key, of which earlier versions are still derived", async () => {
  const { keyring, read, states } = await createBench();
  await keyring.derive(local, key, hostKey);
  using value = secret("by hand");
  await keyring.put(local, key, value);
  assert.equal(await read("ssh/host"), "by hand");
  assert.equal((await keyring.show(local, key)).origin.kind, "stored");
  await assert.rejects(keyring.rotate(local, key), { code: "usage" });
  await keyring.rollback(local, key, number(1));
  await assert.rejects(keyring.get(local, key), { code: "usage" });
  assert.equal(await states("ssh/host"), "1 primary, 2 retiring");
});

test("a stored key becomes a derived one, and its kept value is served until it retires", async () => {
  const { keyring, read } = await createBench();
  using value = secret("by hand");
  await keyring.put(local, key, value);
  await keyring.derive(local, key, hostKey);
  assert.equal(await read("ssh/host", 1), "by hand");
});

test("who may not write the key may not say how it is derived", async () => {
  const { keyring } = await createBench();
  const reader = operator({ actions: ["key:list", "key:read"], prefix: "" });
  await assert.rejects(keyring.derive(reader, key, hostKey), { code: "denied" });
});

const refused: readonly [string, Partial<Derivation>][] = [
  ["the node's own identity", { realm: "keyward/identity", kind: { kind: "p256" } }],
  ["an empty realm", { realm: "" }],
  ["a realm of more than 1,024 bytes", { realm: "é".repeat(513) }],
  ["a line break in a realm", { realm: "ssh\nhost" }],
  ["half a surrogate pair", { realm: "\ud800" }],
  ["RSA by keyward-1", { kind: { kind: "rsa2048" } }],
  ["a password by gokey", { scheme: "gokey-0.2", purpose: "", kind: password(32, ["lower"]) }],
  ["a purpose with gokey", { scheme: "gokey-0.2" }],
  ["no byte at all", { kind: { kind: "raw", length: 0 } }],
  ["more than a mebibyte", { kind: { kind: "raw", length: 1_048_577 } }],
  ["a short password", { kind: password(7, ["lower"]) }],
  ["a password of no class", { kind: password(32, []) }],
  ["a special character twice", { kind: password(32, ["special"], "!!") }],
];

test("refused: a password as PEM, a luks key as an authorized_keys line", async () => {
  const { keyring } = await createBench();
  const as = (kind: RealmKind, encoding: DerivedAs["encoding"]) =>
    keyring.derive(local, key, { derivation: { ...ssh, kind }, encoding });
  await assert.rejects(as(password(32, ["lower"]), "pem"), { code: "usage" });
  await assert.rejects(as({ kind: "luks" }, "authorized-keys"), { code: "usage" });
});

function password(length: number, classes: ("lower" | "special")[], specials?: string): RealmKind {
  return { kind: "password", policy: { length, classes, ...(specials === undefined ? {} : { specials }) } };
}

for (const [what, change] of refused) {
  test(`refused: ${what}`, async () => {
    const { keyring, records } = await createBench();
    const derivation = { ...ssh, ...change };
    const encoding = derivation.kind.kind === "password" ? "text" : "pem";
    await assert.rejects(keyring.derive(local, key, { derivation, encoding }), { code: "usage" });
    assert.ok(!(await records()).includes("keys/ssh/host"));
  });
}
