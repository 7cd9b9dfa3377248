import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../test/agent/until.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Kms } from "../model/kms.ts";
import { openMemory } from "../store/memory.ts";
import { createTestParts, keyFile } from "./server-for-test.ts";
import { unsealAtStart } from "./unseal-at-start.ts";

/** As far as a seal needs one: `away` throws what the real one would. */
function createKms() {
  const keys = new Map<string, Secret>();
  const state = { away: null as KeywardError | null, asked: 0 };
  const kms: Kms = {
    async decrypt(blob) {
      state.asked++;
      if (state.away !== null) throw state.away;
      const plain = keys.get(Buffer.from(blob).toString("hex")) ?? assert.fail();
      return { plain: Secret.copy(plain.reveal()), keyArn: ARN };
    },
    async generateDataKey() {
      const blob = systemRandom(16);
      const plain = Secret.take(systemRandom(32));
      keys.set(Buffer.from(blob).toString("hex"), Secret.copy(plain.reveal()));
      return { plain, blob, keyArn: ARN };
    },
    encrypt: () => assert.fail(),
    close() {},
  };
  return { kms, state };
}

const ARN = "arn:aws:kms:eu-west-1:111122223333:key/k";
const away = new KeywardError("unreachable", "KMS: away");

async function sealedParts() {
  const { kms, state } = createKms();
  const parts = await createTestParts({ store: openMemory() });
  const row = await parts.rootKey.prepareSeal({ kind: "aws-kms", kms, keyId: ARN });
  await parts.transact((tx) => parts.rootKey.addSeal(tx, row));
  parts.rootKey.lock();
  return { parts, kms, state, input: { kind: "aws-kms", kms } as const };
}

test("a service that is away at the start is asked again until it is back", async () => {
  const { parts, state, input } = await sealedParts();
  state.away = away;
  const stop = await unsealAtStart(parts, [input], 5);
  assert.equal(parts.rootKey.state, "sealed");
  await until("asked three times", () => state.asked >= 3);
  state.away = null;
  await until("unsealed", () => parts.rootKey.state === "unsealed");
  stop();
  await parts.close();
});

test("a server that was sealed by hand meanwhile is left sealed", async () => {
  const { parts, state, input } = await sealedParts();
  state.away = away;
  await unsealAtStart(parts, [input], 30);
  await parts.rootKey.unseal(keyFile());
  parts.rootKey.lock();
  state.away = null;
  const { asked } = state;
  await sleep(150);
  assert.equal(parts.rootKey.state, "sealed");
  assert.equal(state.asked, asked);
  await parts.close();
});

test("what will not change by waiting is not asked again", async () => {
  const { parts, state, input } = await sealedParts();
  state.away = new KeywardError("denied", "KMS: no");
  await unsealAtStart(parts, [input], 5);
  await sleep(100);
  assert.equal(state.asked, 1);
  await parts.close();
});

test("a server that stops asks no more", async () => {
  const { parts, state, input } = await sealedParts();
  state.away = away;
  const stop = await unsealAtStart(parts, [input], 20);
  stop();
  await sleep(100);
  assert.equal(state.asked, 1);
  await parts.close();
});

test("the first seal that opens is enough: the service is not asked after a key file", async () => {
  const { parts, state, input } = await sealedParts();
  await unsealAtStart(parts, [keyFile(), input], 5);
  assert.equal(parts.rootKey.state, "unsealed");
  assert.equal(state.asked, 0);
  await parts.close();
});
