import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UnixMs } from "../base/time.ts";
import type { Grant, GrantId, InstallPath } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { type Desired, type Held, resolve, stepsBetween } from "./placements.ts";

function grant(id: string, created: number, key: string, path: string, mode = 0o400): Grant {
  return {
    id: id as GrantId,
    key: key as KeyName,
    query: "*:*",
    delivery: { kind: "file", path: path as InstallPath, mode, offline: "never" },
    created: created as UnixMs,
    by: "local:root",
  };
}

function wants(grant: Grant, version = 1): Desired {
  return { grant, version: version as VersionNumber };
}

function held(path: string, key: string, version: number): Held {
  return { path: path as InstallPath, key: key as KeyName, version: version as VersionNumber };
}

const ids = (all: readonly { grant: Grant }[]): string[] => all.map((one) => one.grant.id);

describe("what one node should hold", () => {
  it("stands in order of path, one entry a file", () => {
    const { desired, refused } = resolve([
      wants(grant("g-2", 2, "b", "/run/b")),
      wants(grant("g-1", 1, "a", "/run/a")),
    ]);
    assert.deepEqual(ids(desired), ["g-1", "g-2"]);
    assert.deepEqual(refused, []);
  });

  it("two grants of one key at one path are one entry, by the older grant", () => {
    const { desired, refused } = resolve([
      wants(grant("g-2", 2, "a", "/run/a")),
      wants(grant("g-1", 1, "a", "/run/a")),
    ]);
    assert.deepEqual(ids(desired), ["g-1"]);
    assert.deepEqual(refused, []);
  });

  it("two keys at one path: the older grant has it, in whatever order they are looked at", () => {
    const old = wants(grant("g-2", 1, "a", "/run/x"));
    const young = wants(grant("g-1", 2, "b", "/run/x"));
    for (const order of [
      [old, young],
      [young, old],
    ]) {
      const { desired, refused } = resolve(order);
      assert.deepEqual(ids(desired), ["g-2"]);
      assert.deepEqual(ids(refused), ["g-1"]);
    }
  });

  it("grants of one millisecond go by their id", () => {
    const { desired } = resolve([
      wants(grant("g-b", 1, "a", "/run/x")),
      wants(grant("g-a", 1, "b", "/run/x")),
    ]);
    assert.deepEqual(ids(desired), ["g-a"]);
  });

  it("a file is refused where an older grant needs a directory, and the other way round", () => {
    const file = (created: number) => wants(grant("g-file", created, "a", "/run/app"));
    const below = (created: number) => wants(grant("g-below", created, "a", "/run/app/db/key"));
    assert.deepEqual(ids(resolve([file(1), below(2)]).refused), ["g-below"]);
    assert.deepEqual(ids(resolve([file(2), below(1)]).refused), ["g-file"]);
  });
});

describe("the difference between two states", () => {
  it("names what is gained, replaced and lost", () => {
    const after = [wants(grant("g-1", 1, "a", "/run/a")), wants(grant("g-2", 2, "b", "/run/b"), 2)];
    const steps = stepsBetween([held("/run/b", "b", 1), held("/run/c", "c", 3)], after);
    assert.deepEqual(
      steps.map((step) => step.change),
      ["gain", "replace", "lose"],
    );
  });

  it("another key at the same path is a loss and a gain", () => {
    const steps = stepsBetween([held("/run/x", "a", 1)], [wants(grant("g-1", 1, "b", "/run/x"))]);
    assert.deepEqual(steps.map((step) => step.change).sort(), ["gain", "lose"]);
  });

  it("another mode by another grant replaces, the same delivery does not", () => {
    const before = grant("g-1", 1, "a", "/run/a");
    const was = { ...held("/run/a", "a", 1), grant: before };
    assert.deepEqual(stepsBetween([was], [wants(grant("g-2", 2, "a", "/run/a"))]), []);
    assert.equal(stepsBetween([was], [wants(grant("g-2", 2, "a", "/run/a", 0o440))])[0]?.change, "replace");
  });

  it("is empty when nothing is to be done", () => {
    assert.deepEqual(stepsBetween([held("/run/a", "a", 1)], [wants(grant("g-1", 1, "a", "/run/a"))]), []);
  });
});
