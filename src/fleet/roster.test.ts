import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Json } from "../base/json.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import type { Grant, GrantId, InstallPath } from "../model/grant.ts";
import type { Key, VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { type AttributeTree, type Node, type NodeState, noAttributes } from "../model/node.ts";
import { createRoster, type Roster } from "./roster.ts";

function node(name: string, attributes: Partial<Node["attributes"]> = {}, state: NodeState = "active"): Node {
  return {
    name: name as NodeName,
    state,
    created: 0 as UnixMs,
    attributes: { ...noAttributes, ...attributes },
  };
}

function key(name: string, version = 1, created = 0): Key {
  const one = {
    number: version as VersionNumber,
    state: { kind: "primary" },
    created: 0 as UnixMs,
    by: "",
    size: 0,
  } as const;
  return {
    name: name as KeyName,
    origin: { kind: "stored" },
    created: created as UnixMs,
    retire: 0 as DurationMs,
    versions: [one],
  };
}

function grant(id: string, of: string, query: string, created = 1): Grant {
  const delivery = {
    kind: "file",
    path: `/run/${id}` as InstallPath,
    mode: 0o400,
    offline: "never",
  } as const;
  return { id: id as GrantId, key: of as KeyName, query, delivery, created: created as UnixMs, by: "" };
}

function holds(roster: Roster, name: string): string {
  const { desired } = roster.placements(name as NodeName);
  return desired.map((one) => `${one.grant.key}@${one.version}`).join(" ");
}

/** A number from 0 up to `below`, the same each time: xorshift (Marsaglia 2003), so that a case can be found again. */
function createDice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const fields = ["role", "env", "tag", "net_ip", "ip", "a_b", "b", "name"];
const values = ["api", "db", "prod", "legacy", "10.0.0.1", "web1", "", "x y"];

function pick<T>(from: readonly T[], roll: (below: number) => number): T {
  return from[roll(from.length)] as T;
}

function randomValue(roll: (below: number) => number): Json {
  const kind = roll(8);
  if (kind === 0) return [pick(values, roll), pick(values, roll)];
  if (kind === 1) return { [pick(fields, roll)]: pick(values, roll) };
  if (kind === 2) return roll(2) === 0 ? null : roll(10);
  return pick(values, roll);
}

function randomTree(roll: (below: number) => number): AttributeTree {
  return Object.fromEntries(Array.from({ length: roll(4) }, () => [pick(fields, roll), randomValue(roll)]));
}

const queries = [
  "*:*",
  "role:api",
  "role:api AND env:prod",
  "role:db OR env:*",
  "(*:*) AND NOT tag:legacy",
  "net_ip:10.*",
  "b:[a TO m]",
  'role:"x y"',
  "name:web1",
  "a*:prod",
  "NOT role:db",
  "env:prod AND (role:api OR role:db) AND NOT ip:10.0.0.1",
];

function createFilled(): Roster {
  const roster = createRoster();
  for (const [i, query] of queries.entries()) {
    roster.putKey(key(`k${i}`));
    roster.putGrant(grant(`g-${i}`, `k${i}`, query), "");
  }
  return roster;
}

describe("who receives what", () => {
  it("is changed by no reported attribute, in 100,000 generated cases", () => {
    const roll = createDice(20_240_229);
    const roster = createFilled();
    let received = 0;
    for (let i = 0; i < 100_000; i++) {
      const name = `web${i % 100}`;
      const granting = { set: randomTree(roll), attested: randomTree(roll), inventory: randomTree(roll) };
      roster.putNode(node(name, granting), `${i} silent`);
      const before = holds(roster, name);
      roster.putNode(node(name, { ...granting, reported: randomTree(roll) }), `${i} speaking`);
      assert.equal(holds(roster, name), before, `case ${i}`);
      received += before === "" ? 0 : 1;
    }
    assert.ok(received > 50_000, "most cases are about something");
  });

  it("is the same whether nodes, grants or keys came first, and after any order of changes", () => {
    const roll = createDice(7);
    for (let round = 0; round < 50; round++) {
      const nodes = Array.from({ length: 8 }, (_, i) => node(`web${i}`, { set: randomTree(roll) }));
      const steps: ((roster: Roster) => void)[] = [
        ...nodes.map((one) => (roster: Roster) => roster.putNode(one, "n")),
        ...queries.map(
          (query, i) => (roster: Roster) => roster.putGrant(grant(`g-${i}`, `k${i % 5}`, query), "g"),
        ),
        ...[0, 1, 2, 3, 4].map((i) => (roster: Roster) => roster.putKey(key(`k${i}`))),
      ];
      const straight = createRoster();
      for (const step of steps) step(straight);
      const shuffled = createRoster();
      for (const step of [...steps].sort(() => roll(3) - 1)) {
        step(shuffled);
        if (roll(3) === 0) disturb(shuffled, nodes, roll);
      }
      for (const step of steps) step(shuffled);
      for (const { name } of nodes) assert.equal(holds(shuffled, name), holds(straight, name));
    }
  });

  /** Changes that are put right by the steps that follow. */
  function disturb(roster: Roster, nodes: readonly Node[], roll: (below: number) => number): void {
    const one = pick(nodes, roll);
    const change = roll(5);
    if (change === 0) roster.removeNode(one.name);
    else if (change === 1)
      roster.putNode({ ...one, attributes: { ...noAttributes, set: randomTree(roll) } }, "other");
    else if (change === 2) roster.removeGrant(`g-${roll(queries.length)}` as GrantId);
    else if (change === 3) roster.removeKey(`k${roll(5)}` as KeyName);
    else roster.putNode({ ...one, state: "revoked" }, "revoked");
  }

  it("is nothing for nodes that are not active", () => {
    const roster = createFilled();
    for (const state of ["pending", "frozen", "revoked"] as const) {
      roster.putNode(node("web1", { set: { role: "api" } }, state), state);
      assert.equal(holds(roster, "web1"), "");
    }
    assert.equal(holds(roster, "nobody"), "");
  });

  it("follows the version of the key, and is nothing while there is none", () => {
    const roster = createRoster();
    roster.putNode(node("web1"), "");
    roster.putGrant(grant("g-1", "k", "*:*"), "");
    assert.equal(holds(roster, "web1"), "");
    roster.putKey(key("k", 1));
    roster.putKey(key("k", 2));
    assert.equal(holds(roster, "web1"), "k@2");
    roster.putKey({ ...key("k"), versions: [] });
    assert.equal(holds(roster, "web1"), "");
    roster.removeKey("k" as KeyName);
    roster.putKey(key("k", 1, 99));
    assert.equal(holds(roster, "web1"), "", "the grant is older than this key");
  });
});

describe("a change", () => {
  it("is told once a turn, with the active nodes that it concerns", async () => {
    const roster = createRoster();
    const told: string[] = [];
    roster.onChange(({ desired, refused }) => told.push(`${[...desired].sort()} | ${[...refused].sort()}`));
    roster.putKey(key("k"));
    roster.putNode(node("a"), "");
    roster.putNode(node("b"), "");
    roster.putNode(node("c", {}, "frozen"), "");
    await Promise.resolve();
    roster.putGrant(grant("g-1", "k", "NOT name:b"), "");
    roster.putNode(node("b", {}, "revoked"), "2");
    await Promise.resolve();
    roster.putNode(node("b", {}, "revoked"), "3");
    roster.putKey(key("k"));
    await Promise.resolve();
    assert.deepEqual(told, ["a,b | ", "a | b", " | "]);
  });

  it("of a record that is the same is no change", async () => {
    const roster = createFilled();
    roster.putNode(node("a"), "1");
    await Promise.resolve();
    let told = 0;
    roster.onChange(() => told++);
    roster.putNode(node("a"), "1");
    roster.putGrant(grant("g-0", "k0", "*:*"), "");
    await Promise.resolve();
    assert.equal(told, 0);
  });
});
