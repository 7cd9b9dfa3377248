import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import { createTestSeed, seedOf } from "../../test/agent/seed-for-test.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { openedSeed } from "../derive/opened.ts";
import { identityDerivation } from "../model/realm.ts";
import { encodeKey } from "../seed/seed.ts";
import type { SeedSource } from "./deriver.ts";
import { createDerivedIdentity } from "./identity.ts";

test("the key is the seed's for realm keyward/identity, in the version of the seed's generation", async (t) => {
  const seed = createTestSeed(t);
  await seed.put(1, 3);
  using key = await createDerivedIdentity(seed.source).key();
  using value = await seedOf(1).derive(identityDerivation, 3);
  assert.ok(key.equals(encodeKey(identityDerivation, value, "pem")));
  const text = Buffer.from(key.reveal()).toString();
  assert.equal(createPublicKey(createPrivateKey(text)).asymmetricKeyDetails?.namedCurve, "prime256v1");
});

test("without a seed there is no key, and the error says what to do", async (t) => {
  const { source } = createTestSeed(t);
  await assert.rejects(createDerivedIdentity(source).key(), {
    code: "not-found",
    hint: /keyward seed install/,
  });
});

test("a gokey seed gives no identity", async () => {
  const source: SeedSource = {
    look: async () => null,
    async open() {
      const seed = openedSeed("gokey-0.2", Secret.take(new Uint8Array(256).fill(7)));
      const facts = { scheme: "gokey-0.2", id: seed.id, generation: 1, opener: { kind: "machine" } } as const;
      return { seed, facts, [Symbol.dispose]: () => seed[Symbol.dispose]() };
    },
  };
  await assert.rejects(createDerivedIdentity(source).key(), (error) => isKeywardError(error, "usage"));
});
