/** What the keyring does with a store that was damaged or tampered with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, toBase64, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { createRootKey } from "../seal/root-key.ts";
import { openMemory } from "../store/memory.ts";
import { createTransact } from "../store/transaction.ts";
import { createKeyring } from "./keyring.ts";
import { type Bench, createBench, local, name, number, secret } from "./keyring-for-test.ts";

const integrity = (error: unknown): boolean => isKeywardError(error, "integrity");

async function recordOf({ store }: Bench, key: string): Promise<Uint8Array> {
  const record = await store.get(key);
  assert.ok(record, key);
  return record.value;
}

async function overwrite({ store }: Bench, key: string, value: Uint8Array | null): Promise<void> {
  const write = value === null ? ({ kind: "delete", key } as const) : ({ kind: "put", key, value } as const);
  await store.commit({ compare: [], write: [write] });
}

async function rewrite(
  bench: Bench,
  key: string,
  change: (row: Record<string, unknown>) => object,
): Promise<void> {
  const row = JSON.parse(fromUtf8(await recordOf(bench, key), key)) as Record<string, unknown>;
  await overwrite(bench, key, utf8(canonicalJson({ ...row, ...change(row) })));
}

/** A keyring on the same store after a restart: nothing is remembered. */
async function restarted(bench: Bench) {
  const { transact, clock, journal, keyFile } = bench;
  const rootKey = createRootKey({ transact, clock, random: systemRandom });
  await rootKey.load();
  await rootKey.unseal({ kind: "file", content: keyFile });
  return createKeyring({ journal, rootKey, clock, random: systemRandom });
}

test("a value moved to another key or another version does not open", async () => {
  const bench = await createBench();
  const { keyring } = bench;
  for (const value of ["one", "two"]) await keyring.put(local, name("a"), secret(value));
  await keyring.put(local, name("b"), secret("other"));
  const first = await recordOf(bench, "versions/a@00000001");
  await overwrite(bench, "versions/b@00000001", first);
  await assert.rejects(keyring.get(local, name("b")), integrity);
  await overwrite(bench, "versions/a@00000002", first);
  await assert.rejects(keyring.get(local, name("a")), integrity);
  assert.equal(await bench.read("a", 1), "one");
});

test("a data key moved to another key does not open, with its values neither", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("of a"));
  await bench.keyring.put(local, name("b"), secret("of b"));
  const { dataKey } = JSON.parse(fromUtf8(await recordOf(bench, "keys/a"), "row"));
  await rewrite(bench, "keys/b", () => ({ dataKey }));
  await overwrite(bench, "versions/b@00000001", await recordOf(bench, "versions/a@00000001"));
  await assert.rejects(bench.keyring.get(local, name("b")), integrity);
  await assert.rejects((await restarted(bench)).get(local, name("b")), integrity);
});

test("a key's whole record moved to another name is found out", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("of a"));
  await overwrite(bench, "keys/b", await recordOf(bench, "keys/a"));
  for (const act of [bench.keyring.show(local, name("b")), bench.keyring.list(local)]) {
    await assert.rejects(act, integrity);
  }
});

test("every changed byte of a sealed value is an integrity error, and noted in the audit log", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("value"));
  const good = await recordOf(bench, "versions/a@00000001");
  for (let at = 0; at < good.byteLength; at++) {
    const changed = good.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x04;
    await overwrite(bench, "versions/a@00000001", changed);
    await assert.rejects(bench.keyring.get(local, name("a")), integrity, `byte ${at}`);
  }
  assert.match((await bench.events()).at(-1) ?? "", /^local:root key:read a failed/);
  await overwrite(bench, "versions/a@00000001", good);
  assert.equal(await bench.read("a"), "value");
});

test("every changed byte of a key's record is an integrity error or changes no value", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("value"));
  const good = await recordOf(bench, "keys/a");
  for (let at = 0; at < good.byteLength; at++) {
    const changed = good.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    await overwrite(bench, "keys/a", changed);
    try {
      assert.equal(await bench.read("a"), "value", `byte ${at}`);
    } catch (error) {
      const refused = integrity(error) || isKeywardError(error, "not-found");
      assert.ok(refused, `byte ${at}: ${String(error)}`);
    }
  }
});

test("a value that is missing, cut short or empty is an integrity error", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("value"));
  const good = await recordOf(bench, "versions/a@00000001");
  for (const value of [null, new Uint8Array(0), good.slice(0, 20), good.slice(0, -1)]) {
    await overwrite(bench, "versions/a@00000001", value);
    await assert.rejects(bench.keyring.get(local, name("a")), integrity);
  }
});

test("records that are no records are integrity errors", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("value"));
  const changes: ((row: Record<string, unknown>) => object)[] = [
    () => ({ versions: null }),
    () => ({ dataKey: 5 }),
    () => ({ dataKey: "not base64" }),
    () => ({ dataKey: toBase64(new Uint8Array(61)) }),
    () => ({ retire: "soon" }),
    ({ versions }) => ({ versions: [...(versions as object[]), ...(versions as object[])] }),
    ({ versions }) => ({
      versions: (versions as object[]).map((one) => ({ ...one, state: { kind: "other" } })),
    }),
    ({ versions }) => ({ versions: [...(versions as object[]), null] }),
  ];
  const good = await recordOf(bench, "keys/a");
  for (const change of changes) {
    await overwrite(bench, "keys/a", good);
    await rewrite(bench, "keys/a", change);
    await assert.rejects(bench.keyring.get(local, name("a")), integrity, change.toString());
  }
  await overwrite(bench, "keys/a", utf8("{"));
  await assert.rejects(bench.keyring.get(local, name("a")), integrity);
});

test("under another root key nothing opens", async () => {
  const bench = await createBench();
  await bench.keyring.put(local, name("a"), secret("value"));
  const elsewhere = createTransact(openMemory());
  const rootKey = createRootKey({ transact: elsewhere, clock: bench.clock, random: systemRandom });
  const content = Secret.fromText(toBase64(systemRandom(32)));
  await rootKey.initialise([{ kind: "file", content }]);
  const { journal, clock } = bench;
  const other = createKeyring({ journal, rootKey, clock, random: systemRandom });
  await assert.rejects(other.get(local, name("a")), integrity);
});

test("a damaged key does not keep a sweep from ending the others", async () => {
  const bench = await createBench();
  const { keyring } = bench;
  for (const one of ["a", "b", "c"]) {
    await keyring.put(local, name(one), secret("one"));
    await keyring.put(local, name(one), secret("two"));
  }
  await overwrite(bench, "keys/b", utf8("{}"));
  bench.pass(31 * 86_400_000);
  await assert.rejects(keyring.sweep(bench.clock()), integrity);
  assert.equal(await bench.states("a"), "1 destroyed, 2 primary");
  assert.equal(await bench.states("c"), "1 destroyed, 2 primary");
});

test("after a restart every version opens as before", async () => {
  const bench = await createBench();
  for (const value of ["one", "two"]) await bench.keyring.put(local, name("a"), secret(value));
  const keyring = await restarted(bench);
  for (const [version, value] of [
    [1, "one"],
    [2, "two"],
  ] as const) {
    const got = await keyring.get(local, name("a"), number(version));
    assert.equal(fromUtf8(got.value.reveal(), "value"), value);
  }
});
