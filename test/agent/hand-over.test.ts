/** A volume's key to systemd: at once, and what follows it all the same. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { KeywardError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { createClient } from "../../src/client/client.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { KeyName } from "../../src/model/name.ts";
import { until } from "./until.ts";
import { grant, putKey, setUp } from "./volume-rig.ts";

type Rig = Awaited<ReturnType<typeof setUp>>;

/** As systemd-cryptsetup asks. @returns Nothing when the connection is broken off. */
function ask({ socketOf }: Rig): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const done = (): void => resolve(Buffer.concat(parts));
    const socket = connect({ path: socketOf("data"), allowHalfOpen: true }, () => socket.end());
    socket
      .on("data", (part) => parts.push(part))
      .on("end", done)
      .on("error", done);
  });
}

const listens = ({ socketOf }: Rig) => until("the socket is there", () => existsSync(socketOf("data")));
const bytesOf = (key: Secret): Buffer => Buffer.from(key.reveal());

/** The real client, whose reports are lost while `held`. */
function unheard() {
  const state = { held: true, lost: 0 };
  const connecting: typeof createClient = (options) => {
    const real = createClient(options);
    return {
      ...real,
      call: async (operation, request) => {
        if (operation !== "agent.report" || !state.held) return await real.call(operation, request);
        state.lost++;
        throw new KeywardError("timeout", "no answer in time");
      },
    };
  };
  return { state, connecting };
}

test("the key is there before anything is proved, and the proof comes when the server hears it", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, state: folder, volume } = rig;
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device);
  // A report that hangs: it neither comes nor fails.
  const hanging = Promise.withResolvers<void>();
  start(true, true, (options) => {
    const real = createClient(options);
    return {
      ...real,
      call: async (operation, request) => {
        if (operation === "agent.report") await hanging.promise;
        return await real.call(operation, request);
      },
    };
  });
  await listens(rig);
  assert.deepEqual(await ask(rig), bytesOf(key));
  assert.equal((await volume())?.proved, undefined);
  await until("it is kept until it is heard", () => existsSync(join(folder, "proofs.json")));
  assert.equal(readFileSync(join(folder, "proofs.json")).includes(bytesOf(key).toString("base64")), false);
  await until("whose slot it is was written down", () => existsSync(join(folder, "headers")));
  hanging.resolve();
  await settled("the server believes it", (row) => row?.proved === 1);
  await until("nothing is to be said any more", () => !existsSync(join(folder, "proofs.json")));
  assert.equal((await volume())?.opens, 1);
});

test("an agent that ends between a key and its proof proves it when it runs again, and asks for no key to do so", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, state: folder, volume } = rig;
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device);
  const { state, connecting } = unheard();
  const stop = start(true, true, connecting);
  await listens(rig);
  assert.deepEqual(await ask(rig), bytesOf(key));
  await stop();
  assert.ok(state.lost > 0, "it was tried before the end");
  assert.ok(existsSync(join(folder, "proofs.json")));
  assert.deepEqual(
    (await host.luks.tokens(device)).map(({ slot, version }) => [slot, version]),
    [[0, 1]],
  );
  assert.equal((await volume())?.proved, undefined);
  start(true);
  await settled("the server believes it", (row) => row?.proved === 1);
  await until("nothing is to be said any more", () => !existsSync(join(folder, "proofs.json")));
  assert.equal((await volume())?.opens, 1);
});

test("a header that lies about its slots costs time, and nothing else", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, logged } = rig;
  const one = await putKey(admin);
  await host.luks.format(device, one);
  await grant(admin, device);
  start(true);
  await listens(rig);
  assert.deepEqual(await ask(rig), bytesOf(one));
  await settled("version 1 is proved", (row) => row?.proved === 1);
  await until("what follows is done", () => logged.some((line) => line.startsWith("systemd has the key")));

  // From now on the server gives two versions. The header says that the later one opens it.
  await putKey(admin);
  const name = "disk/db1" as KeyName;
  await host.luks.mark(device, { slot: 0, key: name, version: 2 });
  assert.deepEqual(await ask(rig), bytesOf(one), "the version that fits is found");
  assert.deepEqual(await ask(rig), bytesOf(one));
});

test("a disk that only looks like the node's own gets no proof, and that is said", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, logged, state } = rig;
  const key = await putKey(admin);
  await host.luks.format(device, key);
  await grant(admin, device);
  start(true);
  await listens(rig);
  assert.deepEqual(await ask(rig), bytesOf(key));
  await settled("version 1 is proved", (row) => row?.proved === 1);
  await until("nothing is to be said any more", () => !existsSync(join(state, "proofs.json")));

  truncateSync(device, 0);
  truncateSync(device, 20 * 1024 * 1024);
  assert.deepEqual(await ask(rig), Buffer.alloc(0), "without a header no key goes out");
  await host.luks.format(device, Secret.take(systemRandom(32)));
  assert.deepEqual(await ask(rig), Buffer.alloc(0), "nor when no slot is said to be the key's");
  await host.luks.mark(device, { slot: 0, key: "disk/db1" as KeyName, version: 1 });
  assert.deepEqual(await ask(rig), bytesOf(key), "the only key there is, which systemd tries");
  await until("it is said", () =>
    logged.some((line) => /what follows failed.*should open slot 0, and does not/.test(line)),
  );
  assert.equal(existsSync(join(state, "proofs.json")), false);
});

test("a volume that systemd opens is rotated while it is open", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, logged } = rig;
  const one = await putKey(admin);
  await host.luks.format(device, one);
  await grant(admin, device);
  start(true);
  await listens(rig);
  assert.deepEqual(await ask(rig), bytesOf(one));
  await host.luks.open(device, "data", one);
  await settled("version 1 is proved", (row) => row?.proved === 1);
  const two = await putKey(admin);
  await settled("version 2 opens it", (row) => row?.proved === 2);
  await until("it is said", () => logged.some((line) => line.startsWith("volume has its next key")));
  assert.equal(await host.luks.fits(device, one), null);
  assert.notEqual(await host.luks.fits(device, two), null);
});

test("eight that ask at once have their keys, and are proved together", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, root, socketOf } = rig;
  const names = Array.from({ length: 8 }, (_, i) => `data-${i}`);
  const keys = new Map<string, Buffer>();
  for (const one of names) {
    const device = join(root, `${one}.img`);
    writeFileSync(device, "");
    truncateSync(device, 20 * 1024 * 1024);
    const key = Secret.take(systemRandom(32));
    await host.luks.format(device, key);
    keys.set(one, bytesOf(key));
    const body = { value: bytesOf(key).toString("base64") };
    await admin.call("key.put", { path: { name: `disk/${one}` }, body });
    const delivery = { kind: "unlock", type: "luks", name: one, device, start: [], atLoss: "close" };
    await admin.call("grant.add", {
      body: { key: `disk/${one}`, query: "role:db", delivery: { ...delivery, conditions: {} } as never },
    });
  }
  const reports: number[] = [];
  start(names, true, (options) => {
    const real = createClient(options);
    return {
      ...real,
      call: async (operation, request) => {
        const { proofs = [] } = (request as { body?: { proofs?: readonly unknown[] } }).body ?? {};
        if (operation === "agent.report" && proofs.length > 0) reports.push(proofs.length);
        return await real.call(operation, request);
      },
    };
  });
  await until("the sockets are there", () => names.every((one) => existsSync(socketOf(one))));
  const got = await Promise.all(names.map((one) => ask({ ...rig, socketOf: () => socketOf(one) })));
  assert.deepEqual(got, [...keys.values()]);
  const rows = async () => (await admin.call("disk.list", {})).volumes;
  let proved = 0;
  await until("all are proved", () => {
    void rows().then((all) => (proved = all.filter((row) => row.proved === 1).length));
    return proved === 8;
  });
  assert.equal(
    reports.reduce((sum, one) => sum + one, 0),
    8,
  );
  assert.ok(reports.length < 8, "what is proved at about the same time goes together");
  assert.deepEqual(new Set((await rows()).map(({ opens }) => opens)), new Set([1]));
  assert.equal(readdirSync(join(rig.state, "headers")).length, 8);
});
