import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Action, type Allow, actions, type Principal, permits } from "./principal.ts";
import { excessOf, parseOperatorName, parseRuleName } from "./rule.ts";

const operator = (...allow: Allow[]): Principal => ({
  kind: "operator",
  name: "a",
  rules: [{ name: "r", allow }],
});

describe("what one may hand on", () => {
  it("is never more than one has", () => {
    const prefix = fc.constantFrom("", "a", "a/", "a/b", "a/b/", "ab/", "b/");
    const some = fc.uniqueArray(fc.constantFrom<Action>("key:read", "key:write", "node:read"), {
      minLength: 1,
    });
    const allow = fc.record({ actions: fc.oneof(fc.constant("*" as const), some), prefix });
    const resources = ["a", "ab", "a/b", "a/bc", "a/b/c", "ab/c", "b/x", "c", "a/", "x/y"];
    fc.assert(
      fc.property(fc.array(allow, { maxLength: 3 }), fc.array(allow, { maxLength: 2 }), (held, wanted) => {
        const who = operator(...held);
        if (excessOf(who, wanted) !== null) return;
        for (const resource of resources)
          for (const action of actions)
            if (permits(operator(...wanted), action, resource)) assert.ok(permits(who, action, resource));
      }),
      { numRuns: 1000 },
    );
  });

  it("is everything for the store's owner and nothing for a node", () => {
    const everything: Allow[] = [{ actions: "*", prefix: "" }];
    assert.equal(excessOf({ kind: "local", name: "root" }, everything), null);
    assert.deepEqual(excessOf({ kind: "anonymous" }, everything), { action: "*", prefix: "" });
  });

  it("includes every action only for who has every action, not for who has a list of all", () => {
    const wanted: Allow[] = [{ actions: "*", prefix: "db/" }];
    assert.equal(excessOf(operator({ actions: "*", prefix: "" }), wanted), null);
    assert.notEqual(excessOf(operator({ actions, prefix: "" }), wanted), null);
  });

  it("says which right is missing", () => {
    const who = operator({ actions: ["key:read"], prefix: "db/" });
    const wanted: Allow[] = [{ actions: ["key:read", "key:write"], prefix: "db/x" }];
    assert.deepEqual(excessOf(who, wanted), { action: "key:write", prefix: "db/x" });
  });
});

describe("names of operators and rules", () => {
  it("are letters, digits and a few marks, in segments", () => {
    for (const name of ["alice", "team/alice", "alice@example.org", "a+b", "A_1.x-y"]) {
      assert.equal(parseOperatorName(name), name);
      assert.equal(parseRuleName(name), name);
    }
    for (const name of [
      "",
      "/a",
      "a/",
      "a//b",
      "..",
      "a/../b",
      "-a",
      "a b",
      "a%2f",
      "ä",
      "a\n",
      "a".repeat(129),
    ]) {
      assert.throws(() => parseOperatorName(name), { code: "usage" });
      assert.throws(() => parseRuleName(name), { code: "usage" });
    }
  });
});
