import assert from "node:assert/strict";
import { constants, createPrivateKey, createPublicKey, type KeyObject, privateDecrypt } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromHex, toHex } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import { formatExactJson } from "../../base/exact-json-text.ts";
import { Secret } from "../../base/secret.ts";
import {
  assertReaderName,
  assertVaultName,
  formatSparseKey,
  formatVaultKeys,
  formatVaultNotes,
  keysIdOf,
  makeSharedSecret,
  notesIdOf,
  parseSparseKey,
  parseVaultKeys,
  parseVaultNotes,
  sparseIdOf,
  unwrapSecret,
  vaultItemType,
  wrapSecret,
} from "./chefvault.ts";

const url = new URL("../../../test/vectors/chef/vault.json", import.meta.url);
const recorded = object(parseExactJson(readFileSync(url, "utf8"), "vault.json"));

function object(value: ExactJson | undefined): ExactObject {
  assert.ok(isExactObject(value));
  return value;
}
const privateKeys = new Map<string, KeyObject>();
for (const [name, pem] of object(recorded.get("private_keys")))
  privateKeys.set(name, createPrivateKey(String(pem)));
const privateKey = (name: string): KeyObject => privateKeys.get(name) ?? assert.fail(name);
const publicKey = (name: string): KeyObject => createPublicKey(privateKey(name));

interface Step {
  readonly name: string;
  readonly item: string;
  readonly bag: ExactObject;
  readonly readers: ExactObject;
  readonly secret: string | null;
}
const steps: readonly Step[] = (recorded.get("steps") as readonly ExactJson[]).map((value) => {
  const step = object(value);
  const secret = step.get("shared_secret_hex");
  return {
    name: String(step.get("step")),
    item: String(step.get("item")),
    bag: object(step.get("bag_items")),
    readers: object(step.get("readers")),
    secret: typeof secret === "string" ? secret : null,
  };
});

/** Every wrapped key that the recorded bags hold, with its reader. */
function* wrappedKeys(): Generator<{
  reader: string;
  wrapped: string;
  secret: string | null;
  stale: boolean;
}> {
  for (const { item, bag, secret } of steps) {
    const keys = parseVaultKeys(object(bag.get(keysIdOf(item))), item);
    const listed = [...keys.admins, ...keys.clients];
    for (const [reader, wrapped] of keys.wrapped) yield { reader, wrapped, secret, stale: false };
    for (const reader of privateKeys.keys()) {
      const sparse = bag.get(sparseIdOf(item, reader));
      if (sparse === undefined) continue;
      const { wrapped } = parseSparseKey(object(sparse), reader, "sparse");
      yield { reader, wrapped: wrapped ?? "", secret, stale: !listed.includes(reader) };
    }
  }
}

test("keys items and sparse keys are written as chef-vault writes them, byte for byte", () => {
  let seen = 0;
  for (const { name, bag } of steps)
    for (const [id, value] of bag) {
      const item = object(value);
      const reader = /_key_(.+)$/.exec(id)?.[1];
      if (id.endsWith("_keys")) {
        const made = formatVaultKeys(parseVaultKeys(item, id));
        assert.equal(formatExactJson(made), formatExactJson(item), name);
      } else if (reader !== undefined) {
        const made = formatSparseKey(parseSparseKey(item, reader, id));
        assert.equal(formatExactJson(made), formatExactJson(item), name);
      } else continue;
      seen++;
    }
  assert.ok(seen > 20);
});

test("each wrapped key opens with its reader's key, and with nobody else's", () => {
  let seen = 0;
  for (const { reader, wrapped, secret, stale } of wrappedKeys()) {
    for (const name of privateKeys.keys()) {
      using opened = unwrapSecret(wrapped, privateKey(name));
      if (name !== reader) assert.ok(opened === null || toHex(opened.reveal()) !== secret);
      else {
        assert.equal(opened?.length, 32);
        if (secret !== null) assert.equal(toHex(opened?.reveal() ?? new Uint8Array()) === secret, !stale);
      }
    }
    seen++;
  }
  assert.ok(seen > 50);
});

test("with the same padding the bytes are chef-vault's", () => {
  for (const { reader, wrapped, secret, stale } of wrappedKeys()) {
    if (secret === null || stale) continue;
    const padding = constants.RSA_NO_PADDING;
    const block = privateDecrypt({ key: privateKey(reader), padding }, Buffer.from(wrapped, "base64"));
    using shared = Secret.take(fromHex(secret, "secret"));
    const drawn = new Uint8Array(block.subarray(2, block.length - 33));
    const random = (length: number): Uint8Array => drawn.slice(0, length);
    assert.equal(wrapSecret(shared, publicKey(reader), random), wrapped);
  }
});

test("a wrapped key that was changed in any byte, or cut, opens to nothing", () => {
  using shared = makeSharedSecret();
  const key = publicKey("alice");
  const bytes = Buffer.from(wrapSecret(shared, key), "base64");
  let opened = 0;
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    using other = unwrapSecret(changed.toString("base64"), privateKey("alice"));
    if (other !== null) opened++;
    assert.notDeepEqual(other?.reveal(), shared.reveal());
    assert.equal(unwrapSecret(bytes.subarray(0, i).toString("base64"), privateKey("alice")), null);
  }
  // One in some ten thousand looks like a key by chance.
  assert.ok(opened <= 2);
  assert.equal(unwrapSecret("A".repeat(9000), privateKey("alice")), null);
  assert.equal(unwrapSecret(Buffer.alloc(256, 255).toString("base64"), privateKey("alice")), null);
});

test("padding that is short, of another kind, or without an end is refused", () => {
  const key = publicKey("alice");
  const size = 256;
  const open = (block: Uint8Array): Secret | null =>
    unwrapSecret(
      rawWrap(Buffer.concat([new Uint8Array(size - block.byteLength), block]), key),
      privateKey("alice"),
    );
  const block = (start: readonly number[], padding: number, tail: readonly number[]): Uint8Array =>
    Uint8Array.from([...start, ...new Array(padding).fill(7), ...tail]);
  assert.equal(open(block([0, 2], size - 35, [0, ...new Array(32).fill(9)]))?.length, 32);
  assert.equal(open(block([0, 2], 8, [0, ...new Array(size - 11).fill(9)]))?.length, size - 11);
  for (const wrong of [
    block([0, 2], 7, [0, ...new Array(size - 10).fill(9)]),
    block([0, 1], size - 35, [0, ...new Array(32).fill(9)]),
    block([1, 2], size - 35, [0, ...new Array(32).fill(9)]),
    block([0, 2], size - 2, []),
    block([0, 2], size - 3, [0]),
  ])
    assert.equal(open(wrong), null);
});

/** As someone would who does not keep to the padding. */
function rawWrap(block: Uint8Array, key: KeyObject): string {
  const { n, e } = key.export({ format: "jwk" });
  const number = (text: string | undefined): bigint =>
    BigInt(`0x${Buffer.from(text ?? "", "base64url").toString("hex")}`);
  let [result, base, power] = [1n, BigInt(`0x${toHex(block)}`), number(e)];
  const modulus = number(n);
  for (; power > 0n; power >>= 1n) {
    if (power & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return Buffer.from(result.toString(16).padStart(512, "0"), "hex").toString("base64");
}

test("names that a vault keeps for itself are refused, for readers and for items", () => {
  for (const name of [
    "id",
    "admins",
    "clients",
    "search_query",
    "mode",
    "",
    "a/b",
    "keyward/vault",
    "keyward.vault",
    "a b",
  ])
    assert.throws(
      () => assertReaderName(name),
      (error) => isKeywardError(error, "usage"),
    );
  for (const name of ["web-a.example", "keyward", "modes", "Id"]) assertReaderName(name);
  for (const name of ["a_keys", "a_key_b"])
    assert.throws(
      () => assertVaultName(name),
      (error) => isKeywardError(error, "usage"),
    );
  for (const name of ["keys", "a_key", "a_keyset"]) assertVaultName(name);
});

test("an item's type is what chef-vault says it is", () => {
  const bag = steps[0]?.bag ?? assert.fail();
  assert.equal(vaultItemType(object(bag.get("database")), true), "vault");
  assert.equal(vaultItemType(object(bag.get("database")), false), "encrypted");
  assert.equal(vaultItemType(object(bag.get("database_keys")), false), "normal");
});

test("what is ours comes back, and what is no keys item is refused", () => {
  const item = (text: string): ExactObject => object(parseExactJson(text, "item"));
  const given =
    '{"id":"a_keys","admins":["x"],"clients":[],"search_query":[],"x":"eA==\\n","keyward/vault":{"next":{"x":"eQ==\\n"}}}';
  const notes = { rotating: true, removed: ["r"], named: ["n"] };
  const keys = parseVaultKeys(item(given), "keys", notes);
  assert.equal(keys.mode, null);
  assert.deepEqual([...(keys.next ?? [])], [["x", "eQ==\n"]]);
  assert.deepEqual([keys.removed, keys.named], [["r"], ["n"]]);
  assert.equal(formatExactJson(formatVaultKeys(keys)), given);
  const sparse = item('{"id":"a_keys","admins":["x"],"clients":[],"search_query":[],"mode":"sparse"}');
  assert.deepEqual(parseVaultKeys(sparse, "keys", notes).next, new Map());
  assert.equal(parseVaultKeys(sparse, "keys").next, null);
  const written = formatVaultNotes(notesIdOf("a"), notes) ?? assert.fail();
  assert.equal(
    formatExactJson(written),
    '{"id":"a_key_keyward.vault","rotating":true,"removed":["r"],"named":["n"]}',
  );
  assert.deepEqual(parseVaultNotes(written, "notes"), notes);
  assert.equal(formatVaultNotes("x", { rotating: false, removed: [], named: [] }), null);
  for (const text of ['{"rotating":1}', '{"removed":"r"}', '{"named":[1]}'])
    assert.throws(
      () => parseVaultNotes(item(text), "notes"),
      (error) => isKeywardError(error, "malformed"),
    );
  for (const text of [
    '{"id":"a","admins":[],"clients":[]}',
    '{"id":"a_keys","admins":[]}',
    '{"id":"a_keys","admins":[1],"clients":[]}',
    '{"id":"a_keys","admins":[],"clients":[],"search_query":7}',
    '{"id":"a_keys","admins":[],"clients":[],"mode":"other"}',
    '{"id":"a_keys","admins":[],"clients":[],"keyward/vault":1}',
    '{"id":"a_keys","admins":[],"clients":[],"keyward/vault":{"next":[]}}',
  ])
    assert.throws(
      () => parseVaultKeys(object(parseExactJson(text, "keys")), "keys"),
      (error) => isKeywardError(error, "malformed"),
      text,
    );
});
