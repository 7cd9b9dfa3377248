import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import type { NodeName } from "../model/name.ts";
import { createChallenges } from "./challenge.ts";
import { createTestRootKey } from "./fleet-for-test.ts";

const web1 = "web1" as NodeName;

function create(at = { now: 1_700_000_000_000 }) {
  const rootKey = createTestRootKey();
  return {
    at,
    rootKey,
    challenges: createChallenges({ rootKey, clock: () => at.now as UnixMs, random: systemRandom }),
  };
}

describe("a challenge", () => {
  it("is 32 bytes, another each time, and known again", () => {
    const { challenges } = create();
    const one = challenges.ask(web1);
    assert.equal(one.byteLength, 32);
    assert.notDeepEqual(one, challenges.ask(web1));
    assert.ok(challenges.isOurs(web1, one));
  });

  it("is known to another server under the same root key", () => {
    assert.ok(create().challenges.isOurs(web1, create().challenges.ask(web1)));
  });

  it("of another node, cut short or with any byte changed is not ours", () => {
    const { challenges } = create();
    const one = challenges.ask(web1);
    assert.equal(challenges.isOurs("web2" as NodeName, one), false);
    for (let i = 0; i < one.byteLength; i++) {
      assert.equal(challenges.isOurs(web1, one.slice(0, i)), false);
      const changed = one.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.equal(challenges.isOurs(web1, changed), false);
    }
  });

  it("is worth nothing after a day", () => {
    const { challenges, at } = create();
    const one = challenges.ask(web1);
    at.now += 24 * 3_600_000;
    assert.ok(challenges.isOurs(web1, one));
    at.now += 1;
    assert.equal(challenges.isOurs(web1, one), false);
  });

  it("cannot be made while the server is sealed", () => {
    const { challenges, rootKey } = create();
    challenges.ask(web1);
    rootKey.lock();
    assert.throws(() => challenges.ask(web1), { code: "sealed" });
  });
});
