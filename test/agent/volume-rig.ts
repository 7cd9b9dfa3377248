/** A machine with a volume: a running agent, a real server, and real LUKS headers on image files. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createAccounts } from "../../src/adapters/accounts/accounts.ts";
import { runProgram } from "../../src/adapters/adapters.ts";
import { createHost } from "../../src/adapters/host/host.ts";
import { type KeySocketParts, openKeySocket } from "../../src/adapters/systemd/key-socket.ts";
import type { Questions } from "../../src/adapters/systemd/questions.ts";
import { createAgent, systemWait } from "../../src/agent/agent.ts";
import { createDeriver } from "../../src/agent/deriver.ts";
import { createHeaders } from "../../src/agent/headers.ts";
import { hostKeyOf } from "../../src/agent/membership.ts";
import { peekMembership, peekVolumes } from "../../src/agent/peek.ts";
import type { Disks } from "../../src/agent/setup.ts";
import { createVolumeSpares } from "../../src/agent/volume-spares.ts";
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
export const name = "data" as VolumeName;
export const BUDGET = 60_000 as DurationMs;

export async function setUp(t: TestContext) {
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

  const socketOf = (volume: string): string => join(root, `sockets/${volume}.key`);
  const disksOf = (volumes: readonly string[], questions: Questions | undefined): Disks => ({
    host: rig.host,
    sockets: new Map(volumes.map((volume, i) => [volume, 3 + i])),
    // What systemd opens beforehand is opened here.
    listen: ({ at, ...parts }: KeySocketParts) =>
      openKeySocket({ ...parts, at: { path: socketOf(volumes["fd" in at ? at.fd - 3 : 0] ?? "") } }),
    isSystemds: () => questions !== undefined,
    ...(questions === undefined ? {} : { questions }),
  });

  /**
   * @param sockets - Of which volumes, or that of `data`, systemd asks for the key.
   * @param withDisks - Without: `--no-disks`.
   * @param connecting - In place of the real client.
   * @param questions - Of systemd, to be answered; it then opens the volume.
   */
  function start(
    sockets: boolean | readonly string[] = false,
    withDisks = true,
    connecting = createClient,
    questions?: Questions,
  ): () => Promise<void> {
    const withSocket = sockets === true;
    const volumes = Array.isArray(sockets) ? sockets : withSocket ? ["data"] : [];
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
        bootCertificate: join(root, "boot/certificate.pem"),
      },
      {
        ...shared,
        connect: connecting,
        pin: pinServer,
        host: createHost(),
        accounts: createAccounts(),
        run: runProgram,
        log,
        credentials: {
          sockets: new Map(withSocket ? [["orders.password", 4]] : []),
          listen: (parts: KeySocketParts) =>
            openKeySocket({ ...parts, at: { path: join(root, "sockets/orders.password") } }),
        },
        ...(withDisks ? { disks: disksOf(volumes, questions) } : {}),
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
  async function beside(...others: (string | undefined)[]) {
    if (others.length === 0) others = [undefined];
    const { node, address, ca, certificate, key } = await peekMembership(state, undefined);
    const servers = others.map((one = address) => ({
      ...createClient({ address: one, ca, cert: certificate, key }),
      address: one,
    }));
    t.after(() => Promise.all(servers.map((one) => one.close())));
    const parts = { ...shared, log, node };
    const spares = createVolumeSpares({
      ...{ ...parts, stateDirectory: state },
      host: () => hostKeyOf(key, createHost().machineId()),
    });
    return createVolumes({
      ...{ ...parts, spares, host: rig.host, deriver: createDeriver(null) },
      servers: () => servers,
      known: () => peekVolumes(state),
      headers: createHeaders(state, systemRandom),
    });
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
  return { ...rig, admin, start, socketOf, beside, root, state, device, logged, volume, settled, server };
}

export async function putKey(admin: Api): Promise<Secret> {
  const value = Secret.take(systemRandom(32));
  const body = { value: Buffer.from(value.reveal()).toString("base64") };
  await admin.call("key.put", { path: { name: "disk/db1" }, body });
  return value;
}

export async function grant(
  admin: Api,
  device: string,
  conditions: Conditions = {},
  more: { offline?: number; escrow?: object; atFreeze?: "close" | "suspend" } = {},
): Promise<string> {
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
    ...more,
  } as const;
  const answer = await admin.call("grant.add", {
    body: { key: "disk/db1", query: "role:db", delivery: delivery as never },
  });
  return answer.grant.id;
}

export function everything(folder: string): Buffer {
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
