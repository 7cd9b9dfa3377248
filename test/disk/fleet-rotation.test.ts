/** A fleet's volumes to new keys, with a real server and a real LUKS header for each node. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemWait } from "../../src/agent/agent.ts";
import { createDeriver } from "../../src/agent/deriver.ts";
import { createHeaders } from "../../src/agent/headers.ts";
import { createVolumeSpares } from "../../src/agent/volume-spares.ts";
import { createVolumes } from "../../src/agent/volumes.ts";
import { Secret } from "../../src/base/secret.ts";
import { type DurationMs, systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { planFleet, rotateFleet } from "../../src/machine/disk/fleet-rotation.ts";
import type { NodeName } from "../../src/model/name.ts";
import type { VolumeName } from "../../src/model/volume.ts";
import { startTestServer } from "../../src/server/server-for-test.ts";
import { createDiskRig } from "../agent/disk-rig.ts";

const name = "data" as VolumeName;
const ms = (count: number) => count as DurationMs;
const long = ms(300_000);
const now = { olderThan: ms(0) };

async function setUp(t: TestContext, nodes: readonly string[]) {
  const root = realpathSync(mkdtempSync("/dev/shm/keyward-fleet-"));
  const server = await startTestServer();
  const admin = await server.operator("admin");
  const over = new AbortController();
  const loops: Promise<void>[] = [];
  t.after(async () => {
    over.abort();
    await Promise.allSettled(loops);
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  async function machine(node: string) {
    const { api } = await server.enrol(node, { role: "db" });
    const rig = createDiskRig();
    const device = join(root, `${node}.img`);
    writeFileSync(device, "");
    truncateSync(device, 20 * 1024 * 1024);
    const key = `disk/${node}`;
    await admin.call("key.generate", { path: { name: key }, body: { recipe: { kind: "disk" } } as never });
    const delivery = {
      kind: "unlock",
      type: "luks",
      name,
      device,
      start: [],
      atLoss: "close",
      conditions: {},
    };
    await admin.call("grant.add", { body: { key, query: `name:${node}`, delivery: delivery as never } });
    const log = { info() {}, warn() {}, error() {} };
    const parts = { clock: systemClock, random: systemRandom, log, node: node as NodeName };
    const volumes = createVolumes({
      ...{ ...parts, wait: systemWait, host: rig.host, deriver: createDeriver(null), known: () => [] },
      servers: () => [{ ...api, address: server.address }],
      spares: createVolumeSpares({
        ...parts,
        stateDirectory: join(root, node),
        host: () => Secret.fromText("x"),
      }),
      headers: createHeaders(join(root, node), systemRandom),
    });
    return {
      open: () => volumes.unlock(name, long, over.signal, { make: true }),
      /** As a running agent: what has a new key is rotated. */
      run() {
        loops.push(
          (async () => {
            while (!over.signal.aborted) {
              const [row] = (await admin.call("disk.list", { query: { node } })).volumes;
              if (row?.proved !== row?.version) await volumes.rotate(name, long, over.signal);
              await systemWait(50, over.signal);
            }
          })(),
        );
      },
      slots: async () => (await rig.host.luks.slots(device)).length,
    };
  }

  const machines = new Map<string, Awaited<ReturnType<typeof machine>>>();
  for (const node of nodes) machines.set(node, await machine(node));
  const said: string[] = [];
  const parts = {
    call: admin.call,
    clock: systemClock,
    wait: (pause: number) => systemWait(Math.min(pause, 100), over.signal),
    say: (line: string) => void said.push(line),
    interrupted: over.signal,
  };
  const versions = async () =>
    (await admin.call("disk.list", {})).volumes.map((one) => [one.node, one.version, one.proved]);
  return { admin, machines, parts, said, versions };
}

test("a few go first; when their nodes do not prove it, nothing else is touched; run again, it goes on", async (t) => {
  const { machines, parts, said, versions } = await setUp(t, ["db1", "db2", "db3", "db4"]);
  for (const [node, one] of machines) {
    await one.open();
    if (node !== "db1") one.run();
  }
  const plans = await planFleet(parts, now);
  assert.deepEqual(
    plans.map(({ key, state }) => [key, state]),
    [1, 2, 3, 4].map((n) => [`disk/db${n}`, "rotate"]),
  );
  const first = await rotateFleet(parts, plans, { canary: 1, atOnce: 2, patience: ms(1500) });
  assert.deepEqual(first, {
    done: [],
    waiting: ["db1/data"],
    refused: [],
    left: ["disk/db2", "disk/db3", "disk/db4"],
  });
  assert.deepEqual(await versions(), [
    ["db1", 2, 1],
    ["db2", 1, 1],
    ["db3", 1, 1],
    ["db4", 1, 1],
  ]);

  machines.get("db1")?.run();
  const again = await planFleet(parts, now);
  assert.equal(again[0]?.state, "finish");
  const second = await rotateFleet(parts, again, { canary: 1, atOnce: 2, patience: long });
  assert.deepEqual(second, {
    done: ["disk/db1", "disk/db2", "disk/db3", "disk/db4"],
    waiting: [],
    refused: [],
    left: [],
  });
  assert.deepEqual(
    await versions(),
    [1, 2, 3, 4].map((n) => [`db${n}`, 2, 2]),
  );
  assert.equal(said.at(-1), "4 of 4 keys");
  // Rotated just now: run once more it does nothing.
  const young = await planFleet(parts, { olderThan: ms(3_600_000) });
  assert.ok(young.every(({ state }) => state === "young"));
});

test("what would wait for ever is left alone, and said", async (t) => {
  const { admin, machines, parts, versions } = await setUp(t, ["db1", "db2", "db3"]);
  for (const node of ["db1", "db2"]) await machines.get(node)?.open();
  await admin.call("node.freeze", { path: { name: "db1" }, body: {} });
  const plans = await planFleet(parts, now);
  assert.deepEqual(
    plans.map(({ key, state }) => [key, state]),
    [
      ["disk/db1", "frozen"],
      ["disk/db2", "rotate"],
      ["disk/db3", "never opened"],
    ],
  );
  assert.deepEqual(
    (await planFleet(parts, { ...now, node: "db2" })).map(({ key }) => key),
    ["disk/db2"],
  );
  machines.get("db2")?.run();
  const { done } = await rotateFleet(parts, plans, { canary: 1, atOnce: 1, patience: long });
  assert.deepEqual(done, ["disk/db2"]);
  assert.deepEqual(
    (await versions()).map(([, version]) => version),
    [1, 2, 1],
  );
});
