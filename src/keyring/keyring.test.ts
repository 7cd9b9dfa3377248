import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { createBench, DAY, local, name, number, operator, secret, start, text } from "./keyring-for-test.ts";

const code = (wanted: ErrorCode) => (error: unknown) => isKeywardError(error, wanted);
const db = name("db/orders/password");

test("what was put is got, byte for byte", async () => {
  const { keyring } = await createBench();
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await keyring.put(local, db, Secret.copy(bytes));
  const { version, value } = await keyring.get(local, db);
  assert.equal(version, 1);
  assert.deepEqual(value.reveal(), bytes);
});

test("a new value is the next version, and the one before it retires", async () => {
  const { keyring, read, states } = await createBench();
  await keyring.put(local, db, secret("one"));
  assert.deepEqual(await keyring.put(local, db, secret("two")), { name: db, version: 2 });
  assert.equal(await read(db), "two");
  assert.equal(await read(db, 1), "one");
  assert.equal(await states(db), "1 retiring, 2 primary");
});

test("the value that is there already makes no new version", async () => {
  const { keyring, states } = await createBench();
  await keyring.put(local, db, secret("same"));
  assert.deepEqual(await keyring.put(local, db, secret("same")), { name: db, version: 1 });
  assert.equal(await states(db), "1 primary");
});

test("a value that a retiring version had makes a new version", async () => {
  const { keyring, states } = await createBench();
  for (const value of ["one", "two", "one"]) await keyring.put(local, db, secret(value));
  assert.equal(await states(db), "1 retiring, 2 retiring, 3 primary");
});

test("the caller's value is left as it is, and each get gives a copy", async () => {
  const { keyring, read } = await createBench();
  const value = secret("mine");
  await keyring.put(local, db, value);
  assert.equal(text(value), "mine");
  (await keyring.get(local, db)).value.wipe();
  assert.equal(await read(db), "mine");
});

test("an empty value and one over 1 MiB are refused; 1 MiB is kept", async () => {
  const { keyring, records } = await createBench();
  await assert.rejects(keyring.put(local, db, secret("")), code("usage"));
  await assert.rejects(keyring.put(local, db, Secret.take(new Uint8Array(1_048_577))), code("too-large"));
  assert.deepEqual(await records(), []);
  await keyring.put(local, db, Secret.take(new Uint8Array(1_048_576).fill(7)));
  const { value } = await keyring.get(local, db);
  assert.equal(value.length, 1_048_576);
});

test("compare-and-set: the primary version must be the expected one", async () => {
  const { keyring, read } = await createBench();
  await assert.rejects(keyring.put(local, db, secret("x"), { expected: 1 }), code("conflict"));
  await keyring.put(local, db, secret("one"), { expected: 0 });
  await assert.rejects(keyring.put(local, db, secret("x"), { expected: 0 }), code("conflict"));
  await keyring.put(local, db, secret("two"), { expected: 1 });
  await assert.rejects(keyring.put(local, db, secret("x"), { expected: 1 }), code("conflict"));
  assert.equal(await read(db), "two");
});

test("of many who put with the same expectation, one wins", async () => {
  const { keyring } = await createBench();
  const puts = Array.from({ length: 20 }, (_, i) =>
    keyring.put(local, db, secret(`value ${i}`), { expected: 0 }),
  );
  const results = await Promise.allSettled(puts);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

test("what is not there is not found", async () => {
  const { keyring } = await createBench();
  await assert.rejects(keyring.get(local, db), code("not-found"));
  await assert.rejects(keyring.show(local, db), code("not-found"));
  await assert.rejects(keyring.remove(local, db), code("not-found"));
  await keyring.put(local, db, secret("one"));
  await assert.rejects(keyring.get(local, db, number(2)), code("not-found"));
});

test("show and list hold no value and no data key", async () => {
  const { keyring } = await createBench();
  await keyring.put(local, db, secret("s3cret"), { retire: DAY });
  const key = await keyring.show(local, db);
  assert.deepEqual(key, {
    name: db,
    origin: { kind: "stored" },
    created: start,
    retire: DAY,
    versions: [{ number: 1, state: { kind: "primary" }, created: start, by: "local:root", size: 6 }],
  });
  assert.deepEqual((await keyring.list(local)).keys, [key]);
});

test("neither value nor data key lies in the store in the clear", async () => {
  const { keyring, store } = await createBench();
  await keyring.put(local, db, secret("a value of some length"));
  for (const { value } of await store.range({ prefix: "" })) {
    assert.equal(Buffer.from(value).includes("a value of some length"), false);
  }
});

test("keys are listed in order, by prefix and by page", async () => {
  const { keyring } = await createBench();
  const names = ["a", "db/a", "db/b", "db/c", "db2", "zz"];
  for (const one of names.toReversed()) await keyring.put(local, name(one), secret("x"));
  const list = async (page: Parameters<typeof keyring.list>[1]) => {
    const { keys, more } = await keyring.list(local, page);
    return [...keys.map((key) => key.name), ...(more ? ["more"] : [])];
  };
  assert.deepEqual(await list({}), names);
  assert.deepEqual(await list({ prefix: "db/" }), ["db/a", "db/b", "db/c"]);
  assert.deepEqual(await list({ prefix: "db" }), ["db/a", "db/b", "db/c", "db2"]);
  assert.deepEqual(await list({ limit: 2 }), ["a", "db/a", "more"]);
  assert.deepEqual(await list({ limit: 2, after: "db/b" }), ["db/c", "db2", "more"]);
  assert.deepEqual(await list({ limit: 2, after: "db2" }), ["zz"]);
});

test("an operator lists what the rules cover and nothing else", async () => {
  const { keyring } = await createBench();
  for (const one of ["app/x", "db", "db/a", "db/b", "dba", "web/a", "web/ab", "web/a/b"]) {
    await keyring.put(local, name(one), secret("x"));
  }
  const alice = operator(
    { actions: ["key:list"], prefix: "web/a" },
    { actions: ["key:list", "key:read"], prefix: "db/" },
    { actions: ["key:list"], prefix: "db/b" },
    { actions: ["key:read"], prefix: "" },
  );
  const list = async (page: Parameters<typeof keyring.list>[1]) =>
    (await keyring.list(alice, page)).keys.map((k) => k.name);
  assert.deepEqual(await list({}), ["db/a", "db/b", "web/a"]);
  assert.deepEqual(await list({ prefix: "db/b" }), ["db/b"]);
  assert.deepEqual(await list({ prefix: "w" }), ["web/a"]);
  assert.deepEqual(await list({ prefix: "web/a" }), ["web/a"]);
  assert.deepEqual(await list({ after: "db/a", limit: 1 }), ["db/b"]);
  assert.deepEqual(await list({ after: "web/a" }), []);
  await assert.rejects(keyring.list(alice, { prefix: "app/" }), code("denied"));
  await assert.rejects(keyring.list({ by: { kind: "anonymous" } }), code("denied"));
});

test("every method checks the permission first", async () => {
  const { keyring, events } = await createBench();
  await keyring.generate(local, db, { kind: "disk" });
  const nobody = operator({ actions: "*", prefix: "other/" });
  const before = (await events()).length;
  const one = number(1);
  const acts = [
    keyring.show(nobody, db),
    keyring.get(nobody, db),
    keyring.put(nobody, db, secret("x")),
    keyring.generate(nobody, db, { kind: "pkcs8", type: "rsa-4096" }),
    keyring.rotate(nobody, db),
    keyring.promote(nobody, db, one),
    keyring.rollback(nobody, db, one),
    keyring.destroy(nobody, db, one),
    keyring.remove(nobody, db),
  ];
  for (const result of await Promise.allSettled(acts)) {
    assert.ok(result.status === "rejected" && isKeywardError(result.reason, "denied"));
  }
  const denied = (await events()).slice(before);
  assert.equal(denied.length, acts.length);
  assert.ok(denied.every((event) => event.includes(" denied")));
});

test("an act that fails for the rule of another action does nothing", async () => {
  const { keyring, states } = await createBench();
  await keyring.put(local, db, secret("x"));
  const writer = operator({ actions: ["key:write"], prefix: "db/" });
  await assert.rejects(keyring.get(writer, db), code("denied"));
  await assert.rejects(keyring.remove(writer, db), code("denied"));
  await keyring.put(writer, db, secret("y"));
  assert.equal(await states(db), "1 retiring, 2 primary");
});

test("each act has its event, with the version and without the value", async () => {
  const { keyring, events } = await createBench();
  await keyring.put(local, db, secret("hunter2"));
  await keyring.put(local, db, secret("hunter2"));
  (await keyring.get(local, db)).value.wipe();
  await keyring.generate(local, name("gen"), { kind: "disk" });
  await keyring.rotate(local, name("gen"), { staged: true });
  await keyring.promote(local, name("gen"), number(2));
  await keyring.rollback(local, name("gen"), number(1));
  await keyring.destroy(local, name("gen"), number(2));
  await keyring.remove(local, name("gen"));
  await keyring.list(local, { prefix: "db/" });
  assert.deepEqual(await events(), [
    `local:root key:write ${db} ok {"version":1}`,
    `local:root key:write ${db} ok {"unchanged":true,"version":1}`,
    `local:root key:read ${db} ok {"version":1}`,
    'local:root key:write gen ok {"recipe":"disk","version":1}',
    'local:root key:write gen ok {"state":"pending","version":2}',
    'local:root key:write gen ok {"step":"promote","version":2}',
    'local:root key:write gen ok {"step":"rollback","version":1}',
    'local:root key:destroy gen ok {"step":"destroy","version":2}',
    'local:root key:destroy gen ok {"step":"remove","versions":2}',
    "local:root key:list db/ ok",
  ]);
});

test("a dry run changes nothing and says what it would have done", async () => {
  const { keyring, records, events } = await createBench();
  const dry = { ...local, dryRun: true };
  assert.deepEqual(await keyring.put(dry, db, secret("x")), { name: db, version: 1 });
  assert.deepEqual(await keyring.generate(dry, db, { kind: "disk" }), { name: db, version: 1 });
  assert.deepEqual(await records(), []);
  assert.deepEqual(await events(), []);
});

test("a generated key rotates by its recipe", async () => {
  const { keyring, read, states } = await createBench();
  await keyring.generate(local, db, { kind: "password", length: 20, classes: ["lower", "digit"] });
  const first = await read(db);
  assert.match(first, /^[a-z0-9]{20}$/);
  assert.deepEqual(await keyring.rotate(local, db), { name: db, version: 2, state: "primary" });
  assert.notEqual(await read(db), first);
  assert.equal(await read(db, 1), first);
  assert.equal(await states(db), "1 retiring, 2 primary");
});

test("a stored key has no recipe to rotate by, and putting a value makes a key a stored one", async () => {
  const { keyring } = await createBench();
  await keyring.generate(local, db, { kind: "disk" });
  await keyring.put(local, db, secret("by hand"));
  await assert.rejects(keyring.rotate(local, db), code("usage"));
  await keyring.generate(local, db, { kind: "random", bytes: 16, encoding: "hex" });
  assert.equal((await keyring.rotate(local, db)).version, 4);
});

test("a staged rotation leaves the primary version until it is promoted", async () => {
  const { keyring, read, states } = await createBench();
  await keyring.generate(local, db, { kind: "random", bytes: 8, encoding: "hex" });
  const first = await read(db);
  assert.deepEqual(await keyring.rotate(local, db, { staged: true }), {
    name: db,
    version: 2,
    state: "pending",
  });
  assert.equal(await read(db), first);
  assert.equal(await states(db), "1 primary, 2 pending");
  await assert.rejects(keyring.rotate(local, db, { staged: true }), code("conflict"));
  await keyring.promote(local, db, number(2));
  await keyring.promote(local, db, number(2));
  assert.equal(await states(db), "1 retiring, 2 primary");
  await assert.rejects(keyring.promote(local, db, number(1)), code("conflict"));
});

test("a value that is put overtakes a pending one", async () => {
  const { keyring, states } = await createBench();
  await keyring.generate(local, db, { kind: "disk" });
  await keyring.rotate(local, db, { staged: true });
  await keyring.put(local, db, secret("now"));
  assert.equal(await states(db), "1 retiring, 2 retiring, 3 primary");
});

test("rollback makes an earlier version primary again, or gives up the pending one", async () => {
  const { keyring, read, states } = await createBench();
  await keyring.generate(local, db, { kind: "disk" });
  await keyring.rotate(local, db);
  await keyring.rollback(local, db, number(1));
  assert.equal(await states(db), "1 primary, 2 retiring");
  await keyring.rotate(local, db, { staged: true });
  await assert.rejects(keyring.rollback(local, db, number(3)), code("conflict"));
  await keyring.rollback(local, db, number(1));
  assert.equal(await states(db), "1 primary, 2 retiring, 3 retiring");
  await keyring.put(local, db, secret("next"));
  assert.equal(await read(db), "next");
  assert.equal((await keyring.get(local, db)).version, 4);
});

test("a destroyed version's value is gone, and its number stays", async () => {
  const { keyring, states, records } = await createBench();
  await keyring.put(local, db, secret("one"));
  await keyring.put(local, db, secret("two"));
  await assert.rejects(keyring.destroy(local, db, number(2)), code("conflict"));
  await keyring.destroy(local, db, number(1));
  await keyring.destroy(local, db, number(1));
  await assert.rejects(keyring.get(local, db, number(1)), code("not-found"));
  await assert.rejects(keyring.rollback(local, db, number(1)), code("not-found"));
  assert.equal(await states(db), "1 destroyed, 2 primary");
  assert.deepEqual(await records(), [`keys/${db}`, `versions/${db}@00000002`]);
});

test("a retiring version is served for its time, then swept away", async () => {
  const { keyring, pass, clock, read, states, records, events } = await createBench();
  await keyring.put(local, db, secret("one"), { retire: DAY });
  await keyring.put(local, db, secret("two"));
  pass(DAY - 1);
  assert.equal(await read(db, 1), "one");
  assert.equal(await keyring.sweep(clock()), 0);
  pass(1);
  await assert.rejects(keyring.get(local, db, number(1)), code("not-found"));
  await assert.rejects(keyring.rollback(local, db, number(1)), code("not-found"));
  const before = (await events()).length;
  assert.equal(await keyring.sweep(clock()), 1);
  assert.deepEqual((await events()).slice(before), [
    `system:schedule key:destroy ${db} ok {"step":"retired","version":1}`,
  ]);
  assert.equal(await keyring.sweep(clock()), 0);
  assert.equal((await events()).length, before + 1);
  assert.equal(await states(db), "1 destroyed, 2 primary");
  assert.deepEqual(await records(), [`keys/${db}`, `versions/${db}@00000002`]);
});

test("a version that was rolled back to is not swept", async () => {
  const { keyring, pass, clock, states } = await createBench();
  await keyring.put(local, db, secret("one"), { retire: DAY });
  await keyring.put(local, db, secret("two"));
  await keyring.rollback(local, db, number(1));
  pass(DAY);
  assert.equal(await keyring.sweep(clock()), 1);
  assert.equal(await states(db), "1 primary, 2 destroyed");
});

test("a version whose time is over stays while a volume needs it, and is opened for that alone", async () => {
  const { keyring, pass, clock, states, transact } = await createBench();
  await keyring.put(local, db, secret("one"), { retire: DAY });
  await keyring.put(local, db, secret("two"));
  pass(DAY);
  assert.equal(await keyring.sweep(clock(), (key, version) => key === db && version === 1), 0);
  await assert.rejects(keyring.get(local, db, number(1)), code("not-found"));
  await transact(async (tx) => {
    await assert.rejects(keyring.openVersion(tx, db, number(1)), code("not-found"));
    using value = await keyring.openVersion(tx, db, number(1), { over: true });
    assert.ok(value.equals(secret("one")));
  });
  assert.equal(await keyring.sweep(clock()), 1);
  assert.equal(await states(db), "1 destroyed, 2 primary");
  await transact((tx) =>
    assert.rejects(keyring.openVersion(tx, db, number(1), { over: true }), code("not-found")),
  );
});

test("a sweep ends hundreds of versions of many keys", async () => {
  const { keyring, pass, clock } = await createBench();
  const names = Array.from({ length: 300 }, (_, i) => name(`many/${i}`));
  await Promise.all(names.map((one) => keyring.put(local, one, secret("one"), { retire: DAY })));
  await Promise.all(names.map((one) => keyring.put(local, one, secret("two"))));
  pass(DAY);
  assert.equal(await keyring.sweep(clock()), 300);
});

test("a retire time of nothing ends the version before it at once", async () => {
  const { keyring } = await createBench();
  await keyring.put(local, db, secret("one"), { retire: 0 as DurationMs });
  await keyring.put(local, db, secret("two"));
  await assert.rejects(keyring.get(local, db, number(1)), code("not-found"));
  for (const retire of [-1, 1.5, Number.NaN, 36_526 * DAY]) {
    await assert.rejects(
      keyring.put(local, db, secret("x"), { retire: retire as DurationMs }),
      code("usage"),
    );
  }
});

test("a removed key leaves nothing but its last number, and goes on counting", async () => {
  const { keyring, records, states } = await createBench();
  for (const value of ["one", "two", "three"]) await keyring.put(local, db, secret(value));
  await keyring.remove(local, db);
  assert.deepEqual(await records(), [`removed-keys/${db}`]);
  await assert.rejects(keyring.get(local, db), code("not-found"));
  assert.deepEqual(await keyring.put(local, db, secret("again"), { expected: 0 }), { name: db, version: 4 });
  assert.equal(await states(db), "4 primary");
  assert.deepEqual(await records(), [`keys/${db}`, `versions/${db}@00000004`]);
});

test("the oldest destroyed versions make room, and without any there is none", async () => {
  const { keyring, states } = await createBench();
  for (let i = 1; i <= 256; i++) await keyring.put(local, db, secret(`value ${i}`));
  await assert.rejects(keyring.put(local, db, secret("one more")), code("conflict"));
  await keyring.destroy(local, db, number(7));
  assert.equal((await keyring.put(local, db, secret("one more"))).version, 257);
  assert.doesNotMatch(await states(db), /destroyed/);
});

test("while sealed nothing is read or written, and after unsealing everything is there", async () => {
  const { keyring, rootKey, keyFile, read, states } = await createBench();
  await keyring.put(local, db, secret("one"));
  rootKey.lock();
  await assert.rejects(keyring.get(local, db), code("sealed"));
  await assert.rejects(keyring.put(local, db, secret("two")), code("sealed"));
  await assert.rejects(keyring.put(local, name("new"), secret("two")), code("sealed"));
  assert.equal(await states(db), "1 primary");
  await rootKey.unseal({ kind: "file", content: keyFile });
  assert.equal(await read(db), "one");
});

test("a version is opened for a node inside the act that delivers it", async () => {
  const { keyring, transact, pass } = await createBench();
  await keyring.put(local, db, secret("one"), { retire: DAY });
  const open = (version: number) => transact((tx) => keyring.openVersion(tx, db, number(version)));
  assert.equal(text(await open(1)), "one");
  await assert.rejects(open(2), code("not-found"));
  await keyring.put(local, db, secret("two"));
  assert.equal(text(await open(1)), "one");
  pass(DAY);
  await assert.rejects(open(1), code("not-found"));
  await keyring.remove(local, db);
  await assert.rejects(open(2), code("not-found"));
});
