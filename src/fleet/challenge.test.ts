import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { createChallenges } from "./challenge.ts";
import { createTestRootKey } from "./fleet-for-test.ts";

function create(at = { now: 1_700_000_000_000 }) {
  const rootKey = createTestRootKey();
  return {
    at,
    rootKey,
    challenges: createChallenges({ rootKey, clock: () => at.now as UnixMs, random: systemRandom }),
  };
}

describe("a challenge", () => {
  it("is 32 bytes, another each second, and known again", () => {
    const { challenges, at } = create();
    const one = challenges.ask();
    assert.equal(one.byteLength, 32);
    at.now += 999;
    assert.deepEqual(one, challenges.ask());
    at.now += 1;
    assert.notDeepEqual(one, challenges.ask());
    assert.ok(challenges.isOurs(one));
  });

  it("is known to another server under the same root key", () => {
    assert.ok(create().challenges.isOurs(create().challenges.ask()));
  });

  it("cut short or with any byte changed is not ours", () => {
    const { challenges } = create();
    const one = challenges.ask();
    for (let i = 0; i < one.byteLength; i++) {
      assert.equal(challenges.isOurs(one.slice(0, i)), false);
      const changed = one.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.equal(challenges.isOurs(changed), false);
    }
  });

  it("is worth nothing after a day", () => {
    const { challenges, at } = create();
    const one = challenges.ask();
    at.now += 24 * 3_600_000;
    assert.ok(challenges.isOurs(one));
    at.now += 1;
    assert.equal(challenges.isOurs(one), false);
  });

  it("cannot be made while the server is sealed", () => {
    const { challenges, rootKey } = create();
    challenges.ask();
    rootKey.lock();
    assert.throws(() => challenges.ask(), { code: "sealed" });
  });
});
