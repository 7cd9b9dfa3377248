/** Volumes of a running agent, with a real server and real LUKS headers on image files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { peekVolumes } from "../../src/agent/peek.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { DevicePath } from "../../src/model/volume.ts";
import { until } from "./until.ts";
import { BUDGET, everything, grant, name, putKey, setUp } from "./volume-rig.ts";

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

test("an agent that touches no volume keeps which there are, for the commands beside it", async (t) => {
  const { admin, start, beside, host, device, state } = await setUp(t);
  await putKey(admin);
  await grant(admin, device);
  const stop = start(false, false);
  await until("it has heard of it", () => existsSync(state) && peekVolumes(state).length === 1);
  await (await beside()).unlock(name, BUDGET, AbortSignal.timeout(120_000), { make: true });
  await stop();
  assert.equal((await host.luks.contents(device)).kind, "signature");
  const [known] = peekVolumes(state);
  assert.deepEqual([known?.delivery.name, known?.key], [name, "disk/db1"]);
});

test("a blank disk is not made into a volume unless somebody says so, and not twice", async (t) => {
  const { admin, start, beside, host, device, volume, settled } = await setUp(t);
  await putKey(admin);
  await grant(admin, device);
  start();
  await settled("the server hears of it", (row) => /is blank/.test(row?.failed ?? ""));
  assert.deepEqual(await host.luks.contents(device), { kind: "blank" });
  const volumes = await beside();
  const signal = AbortSignal.timeout(120_000);
  // Nor on a device that is not the grant's, whoever says so.
  const other = { make: true, device: `${device}.other` as DevicePath };
  await assert.rejects(volumes.unlock(name, BUDGET, signal, other), { code: "conflict" });
  assert.deepEqual(await host.luks.contents(device), { kind: "blank" });
  symlinkSync(device, other.device);
  const { made, version } = await volumes.unlock(name, BUDGET, signal, other);
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

  // Another disk under its name, or a volume that somebody overwrote.
  execFileSync("mkfs.ext4", ["-q", device]);
  const found = await host.luks.contents(device);
  await assert.rejects(
    volumes.restore(name, false, BUDGET, signal),
    /holds ext4, which a header would destroy/,
  );
  assert.deepEqual(await host.luks.contents(device), found);
  assert.deepEqual(await volumes.restore(name, true, BUDGET, signal), { version: 1 });
  assert.notEqual(await host.luks.fits(device, key), null);
});

test("a grant that wants a recovery key says so until there is one; a copy of the header is kept from the first opening", async (t) => {
  const { admin, start, beside, host, device, state, settled } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device, {}, { escrow: { threshold: 2, shares: 3 } });
  start();
  await settled("it is said", (row) =>
    /wants a recovery key, any 2 of 3 shares.*disk escrow data/.test(row?.failed ?? ""),
  );
  assert.equal(readdirSync(join(state, "headers")).length, 1);
  const volumes = await beside();
  const recovery = Secret.take(systemRandom(32));
  await volumes.escrow(name, recovery, BUDGET, AbortSignal.timeout(120_000));
  await settled("all is well", (row) => row?.proved === 1 && row.failed === undefined);
  // The copy has the recovery key's slot as well.
  writeFileSync(device, Buffer.alloc(65_536), { flag: "r+" });
  await volumes.restore(name, false, BUDGET, AbortSignal.timeout(120_000));
  assert.notEqual(await host.luks.fits(device, recovery), null);
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

test("systemd gets no key for a volume that somebody else opens while it waits, or that is open", async (t) => {
  const { admin, start, host, device, root, settled, logged } = await setUp(t);
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device, { approvals: 1 });
  const asks = () =>
    new Promise<number>((resolve) => {
      const socket = connect({ path: join(root, "sockets/data.key"), allowHalfOpen: true }, () =>
        socket.end(),
      );
      let size = 0;
      socket.on("data", (part) => (size += part.length)).on("end", () => resolve(size));
    });
  start(true);
  await until("the socket is there", () => readdirSync(root).includes("sockets"));
  const waiting = asks();
  await settled("it waits for approval", (row) => row?.asked !== undefined);
  await host.luks.open(device, name, key);
  assert.equal(await waiting, 0);
  assert.equal(await asks(), 0);
  assert.equal(logged.filter((line) => line.startsWith("it is open, and systemd takes it over")).length, 2);
});

test("a volume that systemd opens is closed with its grant, and begun by systemd again once it is granted again", async (t) => {
  const { admin, start, host, device, open } = await setUp(t);
  const key = await putKey(admin);
  await host.luks.format(device, key);
  const begun: string[] = [];
  Object.assign(host.systemd, {
    hasVolume: () => true,
    begin: async (unit: string) => void begun.push(unit),
    startAnew: async () => {},
  });
  const id = await grant(admin, device);
  start(true);
  await until("the agent has it begun", () => begun.length === 1);
  await host.luks.open(device, name, key);
  await admin.call("grant.remove", { path: { id } });
  await until("it is closed", () => open.size === 0);
  assert.equal(begun.length, 1);
  await grant(admin, device);
  await until("it is begun again", () => begun.length === 2);
  assert.deepEqual([...new Set(begun)], ["systemd-cryptsetup@data.service"]);
});
