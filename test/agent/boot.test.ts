/** A node before its root file system is there, with the real server: what its image needs, and what becomes of it. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { DurationMs } from "../../src/base/time.ts";
import { createOutput } from "../../src/command/output.ts";
import type { World } from "../../src/command/world.ts";
import { bootNode } from "../../src/machine/disk/boot-node.ts";
import { until } from "./until.ts";
import { BUDGET, everything, grant, name, putKey, setUp } from "./volume-rig.ts";

/** A node that has opened its volume, and is switched off. */
async function switchedOff(t: TestContext) {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, root, state } = rig;
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device);
  const stop = start();
  await settled("version 1 opens it", (row) => row?.proved === 1);
  await stop();
  const image = join(root, "image");
  const certificate = join(root, "boot/certificate.pem");
  const said: string[] = [];
  const sink = { write: (text: string | Uint8Array) => void said.push(String(text)) };
  const world = { env: {}, cwd: root, home: root, stdout: sink, stderr: sink } as unknown as World;

  /** As the hook of the initramfs copies it: no certificate. */
  function makeImage(addresses?: { address: string; others: string[] }): void {
    rmSync(image, { recursive: true, force: true });
    mkdirSync(image, { mode: 0o700 });
    for (const file of ["ca.pem", "server.json", "volumes.json"])
      copyFileSync(join(state, file), join(image, file));
    const text = readFileSync(join(state, "identity.pem"), "utf8");
    const [own = ""] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(text) ?? [];
    writeFileSync(join(image, "identity.pem"), own, { mode: 0o600 });
    if (addresses !== undefined) {
      const server = JSON.parse(readFileSync(join(image, "server.json"), "utf8"));
      writeFileSync(join(image, "server.json"), JSON.stringify({ ...server, ...addresses }));
    }
  }

  const interrupted = new AbortController().signal;
  const boot = (budget: DurationMs = BUDGET) =>
    bootNode(
      { state: image, identity: "kept" },
      { ...world, interrupted },
      createOutput(world, "table"),
      name,
      certificate,
    ).serve(budget, interrupted);
  const node = async () => (await admin.call("node.show", { path: { name: "db1" } })).node;
  return { ...rig, key, image, certificate, makeImage, boot, node, said };
}

async function connected(rig: Awaited<ReturnType<typeof switchedOff>>): Promise<void> {
  const before = rig.logged.length;
  const stop = rig.start();
  await until("the agent is connected, or refused", () =>
    rig.logged.slice(before).some((line) => /^connected|^no session/.test(line)),
  );
  await stop();
}

test("each boot gets the key with a new certificate, and the agent of the system goes on with that", async (t) => {
  const rig = await switchedOff(t);
  const { makeImage, boot, node, key, image, certificate } = rig;
  const before = (await node()).identity?.issued ?? 0;
  for (const turn of [1, 2]) {
    makeImage();
    assert.ok(!everything(image).includes(readFileSync(join(rig.state, "identity.pem"), "utf8").slice(-800)));
    using given = await boot();
    assert.ok(given.equals(key));
    const { identity } = await node();
    assert.equal(identity?.issued, before + turn);
    assert.equal(identity?.seen, before + turn);
    assert.match(readFileSync(certificate, "utf8"), /BEGIN CERTIFICATE/);
    assert.ok(!everything(image).includes(Buffer.from(key.reveal())));
    await connected(rig);
    assert.equal((await node()).state, "active");
    // One that is left from this boot does no harm later on.
    await connected(rig);
    assert.equal((await node()).state, "active");
  }
});

test("a second question in one boot needs no second certificate", async (t) => {
  const { makeImage, boot, node } = await switchedOff(t);
  makeImage();
  (await boot()).wipe();
  const first = (await node()).identity?.issued;
  (await boot()).wipe();
  assert.equal((await node()).identity?.issued, first);
});

test("an image in a thief's hands freezes the node as soon as its own agent comes back", async (t) => {
  const rig = await switchedOff(t);
  rig.makeImage();
  (await rig.boot()).wipe();
  // The thief's machine hands nothing over to the node's own.
  rmSync(rig.certificate);
  await connected(rig);
  const { state, reason } = await rig.node();
  assert.equal(state, "frozen");
  assert.match(reason ?? "", /probably cloned/);
});

test("a node that was revoked or frozen stays closed, and hears so at once", async (t) => {
  const { makeImage, boot, admin, certificate } = await switchedOff(t);
  makeImage();
  await admin.call("node.freeze", { path: { name: "db1" }, body: {} });
  await assert.rejects(boot(), { code: "denied" });
  await admin.call("node.thaw", { path: { name: "db1" } });
  (await boot()).wipe();
  makeImage();
  await admin.call("node.revoke", { path: { name: "db1" }, body: {} });
  await assert.rejects(boot(), { code: "denied" });
  assert.ok(!everything(join(certificate, "..")).includes("PRIVATE KEY"));
});

test("when the first server is away, another gives certificate and key; none is the end of the budget", async (t) => {
  const { makeImage, boot, server, key } = await switchedOff(t);
  makeImage({ address: "https://127.0.0.1:1", others: [server.address] });
  using given = await boot();
  assert.ok(given.equals(key));
  makeImage({ address: "https://127.0.0.1:1", others: ["https://127.0.0.1:2"] });
  await assert.rejects(boot(2000 as DurationMs), { code: "unreachable" });
});
