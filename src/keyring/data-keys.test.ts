import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { systemRandom } from "../crypto/random.ts";
import type { RootKey } from "../seal/root-key.ts";
import { createDataKeys } from "./data-keys.ts";
import { createBench, name } from "./keyring-for-test.ts";

/** A root key that counts what is opened. */
async function counted() {
  const { rootKey } = await createBench();
  let opened = 0;
  const counting: RootKey = {
    get state() {
      return rootKey.state;
    },
    seal: rootKey.seal,
    derive: rootKey.derive,
    onSeal: rootKey.onSeal,
    open(...args) {
      opened++;
      return rootKey.open(...args);
    },
  };
  return { rootKey, counting, opened: () => opened };
}

test("a data key that was used lately is not unwrapped again", async () => {
  const { counting, opened } = await counted();
  const dataKeys = createDataKeys({ rootKey: counting, random: systemRandom, limit: 2 });
  const [a, b, c] = [name("a"), name("b"), name("c")];
  const [forA, forB] = [dataKeys.create(a), dataKeys.create(b)];
  dataKeys.open(a, forA);
  dataKeys.create(c);
  dataKeys.open(a, forA);
  assert.equal(opened(), 0);
  dataKeys.open(b, forB);
  assert.equal(opened(), 1);
});

test("what is forgotten is wiped", async () => {
  const { counting } = await counted();
  const dataKeys = createDataKeys({ rootKey: counting, random: systemRandom, limit: 1 });
  const wrapped = dataKeys.create(name("a"));
  const key = dataKeys.open(name("a"), wrapped);
  assert.ok(key.some((byte) => byte !== 0));
  dataKeys.create(name("b"));
  assert.ok(key.every((byte) => byte === 0));
});

test("a key that was removed and made again has another data key", async () => {
  const { counting } = await counted();
  const dataKeys = createDataKeys({ rootKey: counting, random: systemRandom });
  const first = dataKeys.create(name("a"));
  const before = dataKeys.open(name("a"), first).slice();
  const second = dataKeys.create(name("a"));
  assert.notDeepEqual(dataKeys.open(name("a"), second), before);
  assert.deepEqual(dataKeys.open(name("a"), first), before);
});

test("sealing wipes all of them, and none opens afterwards", async () => {
  const { counting, rootKey } = await counted();
  const dataKeys = createDataKeys({ rootKey: counting, random: systemRandom });
  const wrapped = dataKeys.create(name("a"));
  const key = dataKeys.open(name("a"), wrapped);
  rootKey.lock();
  assert.ok(key.every((byte) => byte === 0));
  assert.throws(
    () => dataKeys.open(name("a"), wrapped),
    (e) => isKeywardError(e, "sealed"),
  );
});
