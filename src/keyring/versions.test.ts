import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isKeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { isServed, type Key, primaryOf, type Version, type VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { DAY } from "./keyring-for-test.ts";
import { addVersion, destroy, lastNumber, MAX_VERSIONS, promote, rollback } from "./versions.ts";

type Step =
  | { readonly kind: "add"; readonly as: "pending" | "primary" }
  | { readonly kind: "promote" | "rollback" | "destroy"; readonly number: number }
  | { readonly kind: "pass"; readonly time: number };

const number = fc.integer({ min: 1, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    as: fc.constantFrom("pending" as const, "primary" as const),
  }),
  fc.record({ kind: fc.constantFrom("promote" as const, "rollback" as const, "destroy" as const), number }),
  fc.record({ kind: fc.constant("pass" as const), time: fc.integer({ min: 0, max: 2 * DAY }) }),
);

function empty(): Key {
  const created = 0 as UnixMs;
  return { name: "k" as KeyName, origin: { kind: "stored" }, created, retire: DAY, versions: [] };
}

function made(now: UnixMs): Omit<Version, "number" | "state"> {
  return { created: now, by: "local:root", size: 1 };
}

/** The key after a step; the same key when the step is refused. */
function apply(key: Key, one: Exclude<Step, { kind: "pass" }>, now: UnixMs): Key {
  try {
    switch (one.kind) {
      case "add":
        return addVersion(key, lastNumber(key), made(now), key.versions.length === 0 ? "primary" : one.as)
          .key;
      case "promote":
        return promote(key, one.number as VersionNumber, now);
      case "rollback":
        return rollback(key, one.number as VersionNumber, now);
      case "destroy":
        return destroy(key, one.number as VersionNumber, now);
    }
  } catch (error) {
    assert.ok(isKeywardError(error, "conflict") || isKeywardError(error, "not-found"), String(error));
    return key;
  }
}

const order = ["pending", "primary", "retiring", "destroyed"];

/** Which state may follow which: forward, and from retiring back to primary. */
function mayFollow(before: Version, after: Version): boolean {
  const [from, to] = [order.indexOf(before.state.kind), order.indexOf(after.state.kind)];
  return to >= from || (before.state.kind === "retiring" && after.state.kind === "primary");
}

function assertLawful(before: Key, after: Key, now: UnixMs): void {
  const kinds = after.versions.map((version) => version.state.kind);
  assert.ok(
    after.versions.length === 0 || kinds.filter((kind) => kind === "primary").length === 1,
    "one primary",
  );
  assert.ok(kinds.filter((kind) => kind === "pending").length <= 1, "at most one pending");
  const numbers = after.versions.map((version) => version.number);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    "numbers count up",
  );
  for (const version of before.versions) {
    const { state, ...rest } = after.versions.find((one) => one.number === version.number) ?? version;
    const { state: was, ...unchanged } = version;
    assert.deepEqual(rest, unchanged, "a version but for its state never changes");
    assert.ok(mayFollow(version, { ...rest, state }), `${was.kind} became ${state.kind}`);
    if (was.kind === "retiring" && !isServed(version, now))
      assert.notEqual(state.kind, "primary", "too late");
  }
}

test("whatever is done in whatever order, one version is primary and none changes but in its state", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let key = empty();
      let now = 0 as UnixMs;
      let newest = 0;
      for (const one of steps) {
        if (one.kind === "pass") {
          now = (now + one.time) as UnixMs;
          continue;
        }
        const after = apply(key, one, now);
        assertLawful(key, after, now);
        assert.ok(lastNumber(after) >= newest, "no number is used again");
        newest = lastNumber(after);
        key = after;
      }
    }),
    { numRuns: 500 },
  );
});

test("what was primary retires for the key's time from now on", () => {
  const one = addVersion(empty(), 0, made(5 as UnixMs), "primary").key;
  const two = addVersion(one, 1, made(7 as UnixMs), "primary").key;
  assert.deepEqual(two.versions[0]?.state, { kind: "retiring", until: 7 + DAY });
  assert.equal(primaryOf(two)?.number, 2);
});

test("numbers go on after the last, also when it is not listed", () => {
  assert.equal(addVersion(empty(), 41, made(0 as UnixMs), "primary").number, 42);
  assert.throws(
    () => addVersion(empty(), 99_999_999, made(0 as UnixMs), "primary"),
    (e) => isKeywardError(e, "conflict"),
  );
});

test("a step leaves the key that it was given as it is", () => {
  const before = addVersion(empty(), 0, made(0 as UnixMs), "primary").key;
  const copy = structuredClone(before);
  addVersion(before, 1, made(1 as UnixMs), "primary");
  assert.deepEqual(before, copy);
});

test("the newest version stays listed, however many were destroyed", () => {
  let key = empty();
  for (let i = 0; i < MAX_VERSIONS * 2; i++) {
    key = addVersion(key, lastNumber(key), made(0 as UnixMs), "primary").key;
    const previous = key.versions.at(-2);
    if (previous !== undefined) key = destroy(key, previous.number, 0 as UnixMs);
  }
  assert.equal(key.versions.length, MAX_VERSIONS);
  assert.equal(lastNumber(key), MAX_VERSIONS * 2);
});
