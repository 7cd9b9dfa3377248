/** Volumes whose server is away, slow, one of several, or freezes the node. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "./until.ts";
import { BUDGET, everything, grant, name, putKey, setUp } from "./volume-rig.ts";

const HOUR = 3_600_000;
const signal = () => AbortSignal.timeout(300_000);

/** Accepts, and never says a word. */
async function silentServer(t: TestContext): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("a volume opens while no server answers, if its grant says so, with a copy that is sealed to the host", async (t) => {
  const { admin, start, host, open, mounted, device, server, settled, state, root } = await setUp(t);
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device, {}, { offline: HOUR });
  const stop = start();
  await settled("it opened", (row) => row?.proved === 1);
  await until("its copy is kept", () => existsSync(join(state, "spares/data.kwob")));
  await stop();
  for (const form of ["base64", "hex", "latin1"] as const)
    assert.equal(everything(root).includes(Buffer.from(key.reveal()).toString(form), 0, "latin1"), false);
  // As after a reboot.
  await host.luks.close("data");
  await host.mounts.unmount("/srv/data");
  await server.stop();
  start();
  await until("it is open and mounted again", () => mounted.get("/srv/data") === "/dev/mapper/data");
  assert.equal(open.get("data"), device);
});

test("no copy is kept unless the grant says so, and without one a volume stays closed", async (t) => {
  const { admin, start, beside, host, open, device, server, settled, state } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device);
  const stop = start();
  await settled("it opened", (row) => row?.proved === 1);
  await stop();
  assert.equal(existsSync(join(state, "spares/data.kwob")), false);
  await host.luks.close("data");
  const volumes = await beside();
  await server.stop();
  // On a busy machine a refused connection may come too late to be one.
  await assert.rejects(volumes.unlock(name, 3000 as never, signal()), { code: /^(?:unreachable|timeout)$/ });
  assert.equal(open.size, 0);
});

test("a server that freezes the node is not absent: the copy goes, and the volume closes if its grant says so", async (t) => {
  const { admin, start, beside, host, open, mounted, device, settled, state } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device, {}, { offline: HOUR, atFreeze: "close" });
  start();
  await settled("it opened", (row) => row?.proved === 1);
  const copy = join(state, "spares/data.kwob");
  await until("its copy is kept", () => existsSync(copy));
  await admin.call("node.freeze", { path: { name: "db1" }, body: { reason: "odd" } });
  await until("it is closed, and its copy gone", () => open.size + mounted.size === 0 && !existsSync(copy));
  const volumes = await beside();
  await assert.rejects(volumes.unlock(name, BUDGET, signal()), { code: "denied" });
  await admin.call("node.thaw", { path: { name: "db1" } });
  let thawed = false;
  await until("the thawed node opens it", () => {
    void volumes.unlock(name, BUDGET, signal()).then(
      () => (thawed = true),
      () => {},
    );
    return thawed;
  });
  assert.equal(open.get("data"), device);
});

test("a preflight says what each way would give now, and takes nothing", async (t) => {
  const { admin, start, beside, host, device, server, settled, volume } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device, {}, { offline: HOUR });
  const stop = start();
  await settled("it opened", (row) => row?.proved === 1);
  await stop();
  const before = (await volume())?.opens;
  const volumes = await beside("https://127.0.0.1:9", undefined);
  const said = (await volumes.rehearse(name)).map(({ check, state, says }) => [check, state, says]);
  assert.equal(said[0]?.[1], "warning");
  assert.deepEqual(said.slice(1), [
    [`server ${server.address}`, "ok", "would give version 1"],
    ["without a server", "ok", "a copy of version 1 is kept here"],
  ]);
  assert.equal((await volume())?.opens, before);
  await server.stop();
  const alone = await (await beside()).rehearse(name);
  assert.deepEqual(
    alone.map(({ state }) => state),
    ["warning", "ok"],
  );
});

test("of several servers the one that answers is enough, and it counts one opening", async (t) => {
  const { admin, start, beside, host, open, device, settled, volume } = await setUp(t);
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device);
  const stop = start();
  await settled("it opened", (row) => row?.proved === 1);
  await stop();
  await host.luks.close("data");
  const before = (await volume())?.opens ?? 0;
  const volumes = await beside("https://127.0.0.1:9", await silentServer(t), undefined);
  const { alone } = await volumes.unlock(name, BUDGET, signal());
  assert.equal(alone, false);
  assert.equal(open.get("data"), device);
  assert.equal((await volume())?.opens, before + 1);
});
