/** Volumes of a running agent, with a real server and real LUKS headers on image files. */
import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAccounts } from "../../src/adapters/accounts/accounts.ts";
import { runProgram } from "../../src/adapters/adapters.ts";
import { createHost } from "../../src/adapters/host/host.ts";
import { type KeySocketParts, openKeySocket } from "../../src/adapters/systemd/key-socket.ts";
import { createAgent, systemWait } from "../../src/agent/agent.ts";
import { createDeriver } from "../../src/agent/deriver.ts";
import { createHeaders } from "../../src/agent/headers.ts";
import { peekMembership } from "../../src/agent/peek.ts";
import { createVolumes } from "../../src/agent/volumes.ts";
import type { Api } from "../../src/api/api.ts";
import type { BodyOf } from "../../src/api/shapes.ts";
import { Secret } from "../../src/base/secret.ts";
import { type DurationMs, systemClock } from "../../src/base/time.ts";
import { createClient } from "../../src/client/client.ts";
import { pinServer } from "../../src/client/pin.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { VolumeName } from "../../src/model/volume.ts";
import { startTestServer } from "../../src/server/server-for-test.ts";
import { createDiskRig } from "./disk-rig.ts";
import { until } from "./until.ts";

type Conditions = Extract<BodyOf<"grant.add">["delivery"], { kind: "unlock" }>["conditions"];
const name = "data" as VolumeName;
const BUDGET = 60_000 as DurationMs;

async function setUp(t: TestContext) {
  // A device's path lies below /dev, and so do files in memory.
  const root = realpathSync(mkdtempSync("/dev/shm/keyward-volumes-"));
  const server = await startTestServer();
  const admin = await server.operator("admin");
  const ended = new AbortController();
  const running: Promise<void>[] = [];
  t.after(async () => {
    ended.abort();
    await Promise.allSettled(running);
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });
  const { certificates } = await server.client().call("ca.show", {});
  const { token } = await admin.call("joinToken.create", {
    body: { node: "db1", attributes: { role: "db" } },
  });
  const device = join(root, "disk.img");
  writeFileSync(device, "");
  truncateSync(device, 20 * 1024 * 1024);
  const rig = createDiskRig();
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, error: note };
  const state = join(root, "state");
  const shared = { clock: systemClock, random: systemRandom, wait: systemWait };

  function start(withSocket = false): () => Promise<void> {
    const own = new AbortController();
    const agent = createAgent(
      {
        keyDirectory: join(root, "keys"),
        stateDirectory: state,
        joining: {
          address: server.address,
          fingerprint: certificates[0]?.fingerprint ?? "",
          token: Secret.fromText(token),
        },
        version: "0.0.0-test",
      },
      {
        ...shared,
        connect: createClient,
        pin: pinServer,
        host: createHost(),
        accounts: createAccounts(),
        run: runProgram,
        log,
        disks: {
          host: rig.host,
          sockets: new Map(withSocket ? [["data", 3]] : []),
          // What systemd opens beforehand is opened here.
          listen: (parts: KeySocketParts) =>
            openKeySocket({ ...parts, at: { path: join(root, "sockets/data.key") } }),
          isSystemds: () => false,
        },
      },
    );
    const run = agent.run(AbortSignal.any([ended.signal, own.signal]));
    running.push(run);
    return () => {
      own.abort();
      return run;
    };
  }

  /** As a command beside the agent does it. */
  async function beside() {
    const { node, address, ca, certificate, key } = await peekMembership(state, undefined);
    const api = createClient({ address, ca, cert: certificate, key });
    t.after(() => api.close());
    const parts = { ...shared, log, host: rig.host, node, deriver: createDeriver(null), api: () => api };
    return createVolumes({ ...parts, headers: createHeaders(state, systemRandom) });
  }

  const volume = async () => (await admin.call("disk.list", {})).volumes[0];
  async function settled(
    what: string,
    isSo: (row: Awaited<ReturnType<typeof volume>>) => boolean,
  ): Promise<void> {
    let so = false;
    await until(what, () => {
      void volume().then(
        (row) => (so = isSo(row)),
        () => {},
      );
      return so;
    });
  }
  return { ...rig, admin, start, beside, root, state, device, logged, volume, settled, server };
}

async function putKey(admin: Api): Promise<Secret> {
  const value = Secret.take(systemRandom(32));
  const body = { value: Buffer.from(value.reveal()).toString("base64") };
  await admin.call("key.put", { path: { name: "disk/db1" }, body });
  return value;
}

async function grant(admin: Api, device: string, conditions: Conditions = {}): Promise<string> {
  const mount = { point: "/srv/data", fstype: "ext4" as const, options: [] };
  const delivery = {
    kind: "unlock",
    type: "luks",
    name,
    device,
    mount,
    start: [],
    atLoss: "close",
    conditions,
  } as const;
  const answer = await admin.call("grant.add", {
    body: { key: "disk/db1", query: "role:db", delivery: delivery as never },
  });
  return answer.grant.id;
}

function everything(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return Buffer.concat(files.map((one) => bytesOf(join(one.parentPath, one.name))));
}

/** A running agent replaces its files. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

test("the agent opens a volume, rotates its key, and closes it with the grant; the key lies nowhere", async (t) => {
  const { admin, start, host, open, mounted, state, device, logged, settled, root } = await setUp(t);
  const one = await putKey(admin);
  await host.luks.format(device, one);
  await host.luks.finish(device);
  const id = await grant(admin, device);
  start();
  await until("the volume is open and mounted", () => mounted.get("/srv/data") === "/dev/mapper/data");
  assert.equal(open.get("data"), device);
  await settled("the server knows that version 1 opens it", (row) => row?.proved === 1);

  const two = await putKey(admin);
  await settled("version 2 opens it", (row) => row?.proved === 2);
  await until("the old slot is gone", () =>
    logged.some((line) => line.startsWith("volume has its next key")),
  );
  assert.equal(await host.luks.fits(device, one), null);
  assert.notEqual(await host.luks.fits(device, two), null);
  assert.equal((await host.luks.slots(device)).length, 1);
  assert.equal(readdirSync(join(state, "headers")).length, 1);

  for (const key of [one, two])
    for (const form of ["base64", "hex", "latin1"] as const) {
      const text = Buffer.from(key.reveal()).toString(form);
      assert.equal(
        everything(root).includes(Buffer.from(text, form === "latin1" ? "latin1" : "utf8")),
        false,
        form,
      );
      assert.equal(logged.join("\n").includes(text), false, form);
    }

  await admin.call("grant.remove", { path: { id } });
  await until("it is closed", () => open.size === 0 && mounted.size === 0);
  let lines: readonly unknown[] = [1];
  await until("the plan is empty", () => {
    void admin.call("plan.show", {}).then(
      (plan) => (lines = plan.lines),
      () => {},
    );
    return lines.length === 0;
  });
});

test("a volume that was lost while no agent ran is closed by the next one", async (t) => {
  const { admin, start, host, open, device, settled } = await setUp(t);
  const one = await putKey(admin);
  await host.luks.format(device, one);
  await grant(admin, device);
  const stop = start();
  await settled("it opened", (row) => row?.proved === 1);
  await stop();
  await admin.call("node.set", { path: { name: "db1" }, body: { attributes: { role: "web" } } });
  assert.equal(open.size, 1);
  start();
  await until("it is closed", () => open.size === 0);
});

test("a revoked node's volume is closed", async (t) => {
  const { admin, start, host, open, device, settled } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device);
  start();
  await settled("it opened", (row) => row?.proved === 1);
  await admin.call("node.revoke", { path: { name: "db1" }, body: { reason: "stolen" } });
  await until("it is closed", () => open.size === 0);
});

test("a blank disk is not made into a volume unless somebody says so, and not twice", async (t) => {
  const { admin, start, beside, host, device, volume, settled } = await setUp(t);
  await putKey(admin);
  await grant(admin, device);
  start();
  await settled("the server hears of it", (row) => /is blank/.test(row?.failed ?? ""));
  assert.deepEqual(await host.luks.contents(device), { kind: "blank" });
  const volumes = await beside();
  const { made, version } = await volumes.unlock(name, BUDGET, AbortSignal.timeout(120_000), { make: true });
  assert.deepEqual([made, version], [true, 1]);
  assert.equal((await volume())?.proved, 1);
  // Its header is lost, and it looks blank: what this node has opened before is not made anew.
  await host.luks.close("data");
  truncateSync(device, 0);
  truncateSync(device, 20 * 1024 * 1024);
  await assert.rejects(volumes.unlock(name, BUDGET, AbortSignal.timeout(120_000), { make: true }), {
    code: "conflict",
  });
  assert.deepEqual(await host.luks.contents(device), { kind: "blank" });
});

test("a volume of before is bound, gets a recovery key, and its header comes back from its copy", async (t) => {
  const { admin, start, beside, host, device, state, settled } = await setUp(t);
  const before = Secret.take(systemRandom(40));
  await host.luks.format(device, before);
  const key = await putKey(admin);
  await grant(admin, device);
  start();
  await settled("it does not open yet", (row) => /no version of disk\/db1 opens it/.test(row?.failed ?? ""));
  const volumes = await beside();
  const signal = AbortSignal.timeout(120_000);
  await assert.rejects(volumes.bind(name, Secret.take(systemRandom(32)), BUDGET, signal), {
    code: "wrong-key",
  });
  assert.deepEqual(await volumes.bind(name, before, BUDGET, signal), { version: 1 });
  assert.notEqual(await host.luks.fits(device, key), null);
  const [first, second] = [Secret.take(systemRandom(32)), Secret.take(systemRandom(32))];
  await volumes.escrow(name, first, BUDGET, signal);
  await volumes.escrow(name, second, BUDGET, signal);
  assert.equal(await host.luks.fits(device, first), null, "the recovery key of before is gone");
  assert.notEqual(await host.luks.fits(device, second), null);
  await volumes.rotate(name, BUDGET, signal);
  assert.equal(readdirSync(join(state, "headers")).length, 1);
  await assert.rejects(volumes.restore(name, false, BUDGET, signal), { code: "conflict" });
  writeFileSync(device, Buffer.alloc(65_536), { flag: "r+" });
  await assert.rejects(host.luks.fits(device, key), { code: "integrity" });
  assert.deepEqual(await volumes.restore(name, false, BUDGET, signal), { version: 1 });
  for (const one of [key, second, before]) assert.notEqual(await host.luks.fits(device, one), null);
});

test("systemd gets the key at its socket, once the server allows it", async (t) => {
  const { admin, start, host, device, root, settled } = await setUp(t);
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device, { approvals: 1 });
  start(true);
  await until("the socket is there", () => readdirSync(root).includes("sockets"));
  let got: Buffer | null = null;
  const socket = connect({ path: join(root, "sockets/data.key"), allowHalfOpen: true }, () => socket.end());
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part)).on("end", () => (got = Buffer.concat(parts)));
  await settled("it waits for approval", (row) => row?.asked !== undefined);
  assert.equal(got, null);
  await admin.call("disk.approve", { body: { node: "db1", name } });
  await until("the key arrives", () => got !== null);
  assert.deepEqual(got, Buffer.from(key.reveal()));
});
