import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type Bench, createBench, me, operator } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("db/x", ["secret"]);
  await bench.putKey("db/y", ["other"]);
  await bench.putNode("web1", { set: { role: "api" } });
  await bench.putNode("web2", { set: { role: "api" } });
  await bench.putNode("db1", { set: { role: "db" } });
});

const delivery = { kind: "file", path: "/run/x", mode: 0o400, offline: "never" } as const;

describe("adding a grant", () => {
  it("says who gains what", async () => {
    const { grant, effect } = await bench.grant("db/x", "role:api", "/run/x", {
      owner: "app",
      run: ["systemctl", "reload", "app"],
    });
    assert.match(grant.id, /^g-[a-z2-7]{8}$/);
    assert.equal(grant.by, "local:root");
    assert.deepEqual(grant.delivery, { ...delivery, owner: "app", run: ["systemctl", "reload", "app"] });
    assert.deepEqual(effect, [
      {
        change: "gain",
        node: "web1",
        key: "db/x",
        path: "/run/x",
        grant: grant.id,
        version: 1,
        reason: 'role:api: role is "api" (set)',
      },
      {
        change: "gain",
        node: "web2",
        key: "db/x",
        path: "/run/x",
        grant: grant.id,
        version: 1,
        reason: 'role:api: role is "api" (set)',
      },
    ]);
  });

  it("a dry run keeps nothing", async () => {
    const { effect } = await bench.fleet.grants.add(
      { ...me, dryRun: true },
      { key: "db/x", query: "role:api", delivery },
    );
    assert.equal(effect.length, 2);
    assert.deepEqual(await bench.fleet.grants.list(me), []);
    assert.deepEqual(await bench.receive("web1"), {});
  });

  it("needs a key that exists, a query that parses and a delivery that can be done", async () => {
    const add = (parts: object) =>
      bench.fleet.grants.add(me, { key: "db/x", query: "role:api", delivery, ...parts });
    await assert.rejects(add({ key: "db/none" }), { code: "not-found" });
    await assert.rejects(add({ key: "../x" }), { code: "usage" });
    await assert.rejects(add({ query: "role:api OR role:db AND env:prod" }), { code: "malformed" });
    for (const parts of [
      { path: "/run/../etc/shadow" },
      { path: "" },
      { mode: 0o4755 },
      { mode: 1.5 },
      { owner: "-rf" },
      { owner: "a b" },
      { group: "" },
      { run: [] },
      { run: ["a\0b"] },
      { run: [""] },
      { offline: -1 },
    ]) {
      await assert.rejects(
        add({ delivery: { ...delivery, ...parts } }),
        { code: "usage" },
        JSON.stringify(parts),
      );
    }
  });

  it("needs the right to grant the key and the right to read it", async () => {
    const add = (caller: ReturnType<typeof operator>) =>
      bench.fleet.grants.add(caller, {
        key: "db/x",
        query: "role:api",
        delivery: { ...delivery, path: "x.key" },
      });
    await assert.rejects(add(operator({ actions: ["grant:write"], prefix: "db/" })), { code: "denied" });
    await assert.rejects(add(operator({ actions: ["key:read"], prefix: "db/" })), { code: "denied" });
    await assert.rejects(add(operator({ actions: ["grant:write", "key:read"], prefix: "web/" })), {
      code: "denied",
    });
    await add(
      operator({ actions: ["grant:write"], prefix: "db/" }, { actions: ["key:read"], prefix: "db/x" }),
    );
    assert.deepEqual(
      (await bench.events()).map((event) => `${event.action} ${event.outcome}`),
      ["key:read denied", "grant:write denied", "grant:write denied", "key:read denied", "grant:write ok"],
    );
  });

  it("needs one right more for a program, and for a path outside the agent's directory", async () => {
    const team = operator({ actions: ["grant:write", "key:read"], prefix: "db/" });
    const add = (parts: object) =>
      bench.fleet.grants.add(team, { key: "db/x", query: "role:api", delivery: { ...delivery, ...parts } });
    await assert.rejects(add({ path: "/etc/cron.d/x" }), /grant:run/);
    await assert.rejects(add({ path: "x.key", run: ["/bin/touch", "/x"] }), /grant:run/);
    await add({ path: "x.key" });
  });

  it("two keys at one path on one node are a conflict that names the other grant", async () => {
    const first = await bench.grant("db/x", "role:api", "/run/key");
    await assert.rejects(bench.grant("db/y", "name:web2", "/run/key"), (error: Error) => {
      assert.equal((error as Error & { code: string }).code, "conflict");
      assert.match(
        error.message,
        new RegExp(`/run/key on node web2 is taken: ${first.grant.id} puts db/x at /run/key`),
      );
      return true;
    });
    await assert.rejects(bench.grant("db/y", "name:web2", "/run/key/below"), { code: "conflict" });
    await bench.grant("db/y", "role:db", "/run/key");
  });

  it("the same grant again is a conflict, another path for the same key is not", async () => {
    await bench.grant("db/x", "role:api", "/run/a");
    await assert.rejects(bench.grant("db/x", "role:api", "/run/a"), { code: "conflict" });
    await bench.grant("db/x", "role:api", "/run/b");
    assert.equal(
      (await bench.fleet.bundleFor({ by: { kind: "node", name: "web1" as never } }, [])).entries.length,
      2,
    );
  });
});

describe("listing and removing grants", () => {
  it("lists the oldest first, all or those of a key", async () => {
    const a = await bench.grant("db/y", "role:api");
    const b = await bench.grant("db/x", "role:api");
    assert.deepEqual(await bench.fleet.grants.list(me), [a.grant, b.grant]);
    assert.deepEqual(await bench.fleet.grants.list(me, { key: "db/x" }), [b.grant]);
    const reader = operator({ actions: ["grant:read"], prefix: "db/x" });
    assert.equal((await bench.fleet.grants.list(reader, { key: "db/x" })).length, 1);
    assert.deepEqual(await bench.fleet.grants.list(reader), [b.grant]);
    await assert.rejects(bench.fleet.grants.list(reader, { key: "db/y" }), { code: "denied" });
    await assert.rejects(bench.fleet.grants.list(operator()), { code: "denied" });
  });

  it("says who loses what, and who keeps it by another grant", async () => {
    const first = await bench.grant("db/x", "role:api", "/run/x");
    const second = await bench.grant("db/x", "name:web2", "/run/x", { mode: 0o440 });
    const { effect } = await bench.fleet.grants.remove(me, first.grant.id);
    assert.deepEqual(
      effect.map(({ change, node, reason }) => ({ change, node, reason })),
      [
        { change: "lose", node: "web1", reason: `grant ${first.grant.id} is removed` },
        {
          change: "replace",
          node: "web2",
          reason: `installed as ${second.grant.id} says: name:web2: name is "web2" (set)`,
        },
      ],
    );
    assert.deepEqual(await bench.receive("web1"), {});
    assert.deepEqual(await bench.receive("web2"), { "db/x": "secret" });
  });

  it("needs the right to grant that key", async () => {
    const { grant } = await bench.grant("db/x", "role:api");
    await assert.rejects(
      bench.fleet.grants.remove(operator({ actions: ["grant:write"], prefix: "web/" }), grant.id),
      { code: "denied" },
    );
    await assert.rejects(bench.fleet.grants.remove(me, "g-nothing"), { code: "not-found" });
    await bench.fleet.grants.remove(operator({ actions: ["grant:write"], prefix: "db/" }), grant.id);
  });

  it("a key made anew under an old name is not given to those who had the old one", async () => {
    await bench.grant("db/x", "role:api");
    await bench.removeKey("db/x");
    bench.tick(1);
    await bench.putKey("db/x", ["new"]);
    assert.deepEqual(await bench.receive("web1"), {});
    assert.match((await bench.fleet.why(me, "web1", "db/x")).summary, /earlier key of this name/);
    await bench.grant("db/x", "role:api");
    assert.deepEqual(await bench.receive("web1"), { "db/x": "new" });
  });
});
