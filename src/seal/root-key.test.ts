import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, toBase64, utf8 } from "../base/bytes.ts";
import { type ErrorCode, isKeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { createRootKey } from "./root-key.ts";
import { type SealInput, type SealRow, seals } from "./seal.ts";
import { systemSecret } from "./system.ts";

const cost = { N: 16_384, r: 8, p: 1 };
const clock = () => 1_700_000_000_000 as UnixMs;
const content = toBase64(systemRandom(48));
const file = (text = content): SealInput => ({ kind: "file", content: Secret.fromText(text) });
const passphrase = (text = "six odd words make a phrase"): SealInput => ({
  kind: "passphrase",
  passphrase: Secret.fromText(text),
});
const code = (wanted: ErrorCode) => (error: unknown) => isKeywardError(error, wanted);

function house(store: Store = openMemory()) {
  const transact = createTransact(store);
  return { store, transact, rootKey: createRootKey({ transact, clock, random: systemRandom, cost }) };
}

test("a new store is uninitialised, then unsealed, then sealed, then unsealed", async () => {
  const { rootKey } = house();
  assert.equal(await rootKey.load(), "uninitialised");
  await rootKey.initialise([file()]);
  assert.equal(rootKey.state, "unsealed");
  rootKey.lock();
  assert.equal(rootKey.state, "sealed");
  await rootKey.unseal(file());
  assert.equal(rootKey.state, "unsealed");
});

test("what was sealed before a restart opens after it", async () => {
  const first = house();
  await first.rootKey.initialise([file(), passphrase()]);
  const box = first.rootKey.seal("data-key", ["db/x"], Secret.fromText("value"));
  for (const input of [file(), passphrase(), file(`\n ${content}\0\n`)]) {
    const second = house(first.store);
    assert.equal(await second.rootKey.load(), "sealed");
    assert.equal((await second.rootKey.unseal(input)).kind, input.kind);
    assert.deepEqual(second.rootKey.open("data-key", ["db/x"], box).reveal(), utf8("value"));
  }
});

test("nothing opens, seals or derives while sealed or uninitialised", async () => {
  const { rootKey } = house();
  const secret = Secret.fromText("value");
  const each = [
    () => rootKey.seal("data-key", ["x"], secret),
    () => rootKey.open("data-key", ["x"], new Uint8Array(64)),
    () => rootKey.derive("node names"),
  ];
  for (const one of each) assert.throws(one, code("uninitialised"));
  await rootKey.initialise([file()]);
  rootKey.lock();
  for (const one of each) assert.throws(one, code("sealed"));
  await assert.rejects(rootKey.prepareSeal(passphrase()), code("sealed"));
});

test("a wrong passphrase or key file is a wrong key", async () => {
  const { rootKey } = house();
  await rootKey.initialise([file(), passphrase()]);
  rootKey.lock();
  await assert.rejects(rootKey.unseal(file(`${content}x`)), code("wrong-key"));
  await assert.rejects(rootKey.unseal(passphrase("six odd words make a phrasE")), code("wrong-key"));
  await assert.rejects(rootKey.unseal(file(" \n")), code("usage"));
  assert.equal(rootKey.state, "sealed");
});

test("a passphrase where only a key file opens says which to use", async () => {
  const { rootKey } = house();
  await rootKey.initialise([file()]);
  await assert.rejects(rootKey.unseal(passphrase()), /no seal is opened by a passphrase/);
});

test("a passphrase opens in whichever Unicode form it was typed", async () => {
  const { rootKey } = house();
  await rootKey.initialise([passphrase("Grüße aus Köln, 1848")]);
  rootKey.lock();
  await rootKey.unseal(passphrase("Grüße aus Köln, 1848".normalize("NFD")));
});

test("what is too easy to guess makes no seal", async () => {
  const { rootKey } = house();
  for (const input of [file("hunter2"), passphrase("short"), passphrase("aaaaaaaaaaaaaaaaaaaa")]) {
    await assert.rejects(rootKey.initialise([input]), code("usage"));
  }
  await assert.rejects(rootKey.initialise([]), code("usage"));
  assert.equal(await rootKey.load(), "uninitialised");
});

test("a store is initialised once, also by two at the same time", async () => {
  const { store, rootKey } = house();
  const other = house(store).rootKey;
  const results = await Promise.allSettled([rootKey.initialise([file()]), other.initialise([file()])]);
  assert.deepEqual(results.map((result) => result.status).sort(), ["fulfilled", "rejected"]);
  await assert.rejects(rootKey.initialise([file()]), code("conflict"));
});

test("a store that holds keys and no seal is not initialised over them", async () => {
  const { rootKey, transact } = house();
  await transact((tx) => tx.put("keys/db/x", utf8("{}")));
  await assert.rejects(rootKey.initialise([file()]), code("integrity"));
});

test("a seal that was added opens the same root key; one that was removed does not", async () => {
  const { rootKey, transact } = house();
  await rootKey.initialise([file()]);
  const box = rootKey.seal("data-key", ["x"], Secret.fromText("value"));
  const prepared = await rootKey.prepareSeal(passphrase());
  const added = await transact((tx) => rootKey.addSeal(tx, prepared));
  assert.equal(added.detail, "passphrase, scrypt N=16384 r=8 p=1");
  const [first] = (await transact((tx) => rootKey.listSeals(tx))).filter(({ kind }) => kind === "file");
  await transact((tx) => rootKey.removeSeal(tx, first?.id ?? ""));
  rootKey.lock();
  await assert.rejects(rootKey.unseal(file()), code("wrong-key"));
  await rootKey.unseal(passphrase());
  assert.deepEqual(rootKey.open("data-key", ["x"], box).reveal(), utf8("value"));
});

test("the last seal stays", async () => {
  const { rootKey, transact } = house();
  const [only] = await rootKey.initialise([file()]);
  await assert.rejects(
    transact((tx) => rootKey.removeSeal(tx, only?.id ?? "")),
    code("conflict"),
  );
  await assert.rejects(
    transact((tx) => rootKey.removeSeal(tx, "file-none")),
    code("not-found"),
  );
});

test("a seal of another root key is not added", async () => {
  const one = house();
  const other = house();
  await one.rootKey.initialise([file()]);
  await other.rootKey.initialise([file()]);
  const foreign = await other.rootKey.prepareSeal(passphrase());
  await assert.rejects(
    one.transact((tx) => one.rootKey.addSeal(tx, foreign)),
    code("conflict"),
  );
});

test("boxes are bound to their purpose and place", async () => {
  const { rootKey } = house();
  await rootKey.initialise([file()]);
  const box = rootKey.seal("data-key", ["db/x"], Secret.fromText("value"));
  for (const [purpose, ...place] of [
    ["data-key", "db/y"],
    ["system", "db/x"],
    ["data-key", "db", "x"],
    ["data-key"],
  ] as const) {
    assert.throws(() => rootKey.open(purpose, place, box), code("integrity"));
  }
});

test("another root key opens nothing", async () => {
  const one = house();
  const other = house();
  await one.rootKey.initialise([file()]);
  await other.rootKey.initialise([file()]);
  const box = one.rootKey.seal("data-key", ["x"], Secret.fromText("value"));
  assert.throws(() => other.rootKey.open("data-key", ["x"], box), code("integrity"));
});

test("derived keys differ by purpose and are the same after unsealing", async () => {
  const { rootKey } = house();
  await rootKey.initialise([file()]);
  const names = rootKey.derive("node-names");
  assert.equal(names.length, 32);
  assert.equal(names.equals(rootKey.derive("tokens")), false);
  rootKey.lock();
  await rootKey.unseal(file());
  assert.ok(names.equals(rootKey.derive("node-names")));
});

test("sealing tells everyone to wipe, also when one of them fails", async () => {
  const { rootKey } = house();
  await rootKey.initialise([file()]);
  const told: string[] = [];
  rootKey.onSeal(() => told.push("first"));
  rootKey.onSeal(() => {
    throw new Error("cannot");
  });
  rootKey.onSeal(() => told.push("last"));
  assert.throws(() => rootKey.lock(), /cannot/);
  assert.deepEqual(told, ["first", "last"]);
  assert.equal(rootKey.state, "sealed");
});

async function damage(store: Store, change: (row: SealRow) => object): Promise<void> {
  const [record] = await store.range({ prefix: "seals/" });
  assert.ok(record);
  const row = seals.decode(record.key, record.value);
  const write = {
    kind: "put",
    key: record.key,
    value: utf8(canonicalJson({ ...row, ...change(row) })),
  } as const;
  await store.commit({ compare: [], write: [write] });
}

test("a damaged seal is told from a wrong key", async () => {
  const flip = (text: string) => (text.startsWith("A") ? `B${text.slice(1)}` : `A${text.slice(1)}`);
  const changes: ((row: SealRow) => object)[] = [
    ({ box }) => ({ box: flip(box) }),
    () => ({ box: "not base64" }),
    ({ root }) => ({ root: root.replace(/^./, (c) => (c === "0" ? "1" : "0")) }),
    () => ({ created: 5 }),
    () => ({ derivation: { kind: "other", salt: "" } }),
    () => ({ derivation: null }),
    () => ({ check: 7 }),
  ];
  for (const change of changes) {
    const { store, rootKey } = house();
    await rootKey.initialise([file()]);
    rootKey.lock();
    await damage(store, change);
    await assert.rejects(rootKey.unseal(file()), code("integrity"), change.toString());
  }
});

test("scrypt parameters that were changed in the store are refused before they are used", async () => {
  const { store, rootKey } = house();
  await rootKey.initialise([passphrase()]);
  rootKey.lock();
  await damage(store, ({ derivation }) => ({
    derivation: { ...derivation, cost: { N: 2 ** 40, r: 8, p: 1 } },
  }));
  await assert.rejects(rootKey.unseal(passphrase()), code("integrity"));
});

test("a damaged seal does not keep another from opening", async () => {
  const { store, rootKey } = house();
  await rootKey.initialise([file(), file()]);
  rootKey.lock();
  await damage(store, () => ({ box: "" }));
  await rootKey.unseal(file());
  assert.equal(rootKey.state, "unsealed");
});

test("the root key is not in the store", async () => {
  const store = openMemory();
  const drawn: Uint8Array[] = [];
  const random = (length: number) => {
    const bytes = systemRandom(length);
    if (length === 32) drawn.push(bytes.slice());
    return bytes;
  };
  const rootKey = createRootKey({ transact: createTransact(store), clock, random, cost });
  await rootKey.initialise([file(), passphrase()]);
  const all = (await store.range({ prefix: "" })).map(({ value }) => fromUtf8(value, "record")).join("");
  assert.equal(drawn.length, 1);
  for (const root of drawn) {
    assert.equal(all.includes(toBase64(root).slice(0, 40)), false);
    assert.equal(all.includes(Buffer.from(root).toString("hex")), false);
  }
});

test("a system secret is made once and kept wrapped", async () => {
  const { rootKey, store, transact } = house();
  await rootKey.initialise([file()]);
  const get = (purpose: string, value: string) =>
    transact((tx) => systemSecret(tx, rootKey, purpose, () => Secret.fromText(value)));
  assert.deepEqual((await get("audit", "made")).reveal(), utf8("made"));
  assert.deepEqual((await get("audit", "made again")).reveal(), utf8("made"));
  assert.deepEqual((await get("other", "another")).reveal(), utf8("another"));
  const record = await store.get("system/audit");
  assert.ok(record);
  const moved = { ...JSON.parse(fromUtf8(record.value, "record")), purpose: "other" };
  const write = { kind: "put", key: "system/other", value: utf8(canonicalJson(moved)) } as const;
  await store.commit({ compare: [], write: [write] });
  await assert.rejects(get("other", "another"), code("integrity"));
  rootKey.lock();
  await assert.rejects(get("audit", "made"), code("sealed"));
});
