/**
 * Volumes: how soon a running agent hands a key to systemd at its socket, beside clevis and tang where Debian's are
 * installed; what opening costs with the slots that we make; eight volumes at once; and 1,000 nodes that boot in the
 * same second. Volumes are LUKS2 on image files: keys are tried by the real cryptsetup, no device-mapper is needed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLuks } from "../src/adapters/luks/luks.ts";
import { systemWait } from "../src/agent/agent.ts";
import { isKeywardError } from "../src/base/errors.ts";
import { Secret } from "../src/base/secret.ts";
import { createClient } from "../src/client/client.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { grant, putKey, setUp } from "../test/agent/volume-rig.ts";
import { ran, withClevis } from "./clevis.ts";
import { withServer } from "./processes.ts";
import type { Row } from "./row.ts";

const ROUNDS = 21;
const VOLUMES = 8;
const NODES = Number(process.env.BENCH_NODES ?? 1000);
const SIZE = 20 * 1024 * 1024;
/** What follows a key is over by then. */
const QUIET_MS = 1200;

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN;

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function medianOf(rounds: number, work: () => unknown): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < rounds; i++) all.push(await timed(work));
  return median(all);
}

/** What a test leaves to its end. */
async function inRig<T>(work: (rig: Awaited<ReturnType<typeof setUp>>) => Promise<T>): Promise<T> {
  const after: (() => unknown)[] = [];
  try {
    return await work(await setUp({ after: (one: () => unknown) => after.push(one) } as never));
  } finally {
    for (const one of after.reverse()) await one();
  }
}

export async function run(): Promise<Row[]> {
  return [
    ...(await handed()),
    ...(await cold()),
    ...(await slots()),
    ...(await atOnce()),
    ...(await besideSlow()),
    await booting(),
  ];
}

/** As systemd-cryptsetup asks: it ends its side, and reads to the end. */
function askSocket(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let length = 0;
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end());
    socket.on("data", (part) => {
      length += part.length;
    });
    socket.on("end", () => resolve(length));
    socket.on("error", reject);
  });
}

/** A volume that was opened before: so it is at every boot but the first. */
async function openedBefore(rig: Awaited<ReturnType<typeof setUp>>): Promise<() => Promise<void>> {
  const { admin, start, device, settled, socketOf } = rig;
  const key = await putKey(admin);
  await createLuks().format(device, key);
  await createLuks().finish(device);
  await grant(admin, device);
  const stop = start(true);
  await settled("the agent is there", (row) => row !== undefined);
  while ((await askSocket(socketOf("data")).catch(() => 0)) === 0) await quiet();
  await settled("it is proved", (row) => row?.proved === 1);
  return stop;
}

const quiet = (): Promise<void> => systemWait(QUIET_MS as never, new AbortController().signal);

async function handed(): Promise<Row[]> {
  return await withClevis(async (pass) => {
    const [ours, theirs]: [number[], number[]] = [[], []];
    await inRig(async (rig) => {
      await openedBefore(rig);
      for (let i = 0; i < ROUNDS; i++) {
        await quiet();
        ours.push(
          await timed(async () => {
            if ((await askSocket(rig.socketOf("data"))) !== 32) throw new Error("no key came");
          }),
        );
        if (pass !== null) theirs.push(await timed(pass));
      }
    });
    const [ms, clevis] = [median(ours), median(theirs)];
    const what = "a volume's key: asked at the agent's socket → there";
    const conditions = `medians of ${ROUNDS}, in turns; TLS server in the same process; what follows (trial, proof) is over before the next`;
    const row = { what, figure: `${ms.toFixed(1)} ms`, conditions };
    return [{ ...row, goal: "≤ 30 ms", met: ms <= 30 }, ...besideClevis(row, ms, clevis, 0.2, pass !== null)];
  });
}

function besideClevis(
  row: Omit<Row, "goal" | "met">,
  ms: number,
  clevis: number,
  goal: number,
  isThere: boolean,
): Row[] {
  if (!isThere) return [];
  const ratio = ms / clevis;
  return [
    {
      ...row,
      peer: `clevis luks pass ${clevis.toFixed(0)} ms`,
      ratio: `${ratio.toFixed(2)} ×`,
      goal: `≤ ${goal} ×`,
      met: ratio <= goal,
    },
  ];
}

/** What a shell without an agent does: a new process, until cryptsetup has the key. */
async function cold(): Promise<Row[]> {
  const root = join(import.meta.dirname, "..");
  const builds = [
    ["bundles", join(root, "bin/keyward")],
    ["single executable", join(root, "dist/exe/keyward")],
  ] as const;
  return await withClevis(async (pass) => {
    const theirs: number[] = [];
    const ours = new Map<string, number[]>(builds.map(([build]) => [build, []]));
    await inRig(async (rig) => {
      const stop = await openedBefore(rig);
      await stop();
      for (let i = 0; i < ROUNDS; i++) {
        for (const [build, program] of builds)
          ours.get(build)?.push(await timed(() => unlock(program, rig.state)));
        if (pass !== null) theirs.push(await timed(pass));
      }
    });
    return builds.flatMap(([build]) => {
      const ms = median(ours.get(build) ?? []);
      const row = {
        what: `keyward unlock of a closed volume, cold: ${build}`,
        figure: `${ms.toFixed(0)} ms`,
        conditions: `medians of ${ROUNDS}, in turns; the whole command, to cryptsetup's refusal for want of device-mapper once it has read the key`,
      };
      return besideClevis(row, ms, median(theirs), 0.6, pass !== null);
    });
  });
}

async function unlock(program: string, state: string): Promise<void> {
  const { said } = await ran(program, ["unlock", "data", "--state", state, "--no-prompt"]);
  if (!/cryptsetup ended with 1: "Cannot initialize device-mapper/.test(said))
    throw new Error(`it ended elsewhere: ${said}`);
}

/** Our keys are random in full, so that a slot's function need not be slow. */
async function slots(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "keyward-bench-"));
  try {
    using key = Secret.take(systemRandom(32));
    const [ours, theirs] = [join(folder, "ours.img"), join(folder, "theirs.img")];
    for (const path of [ours, theirs]) {
      writeFileSync(path, "");
      truncateSync(path, SIZE);
    }
    await createLuks().format(ours, key);
    const input = key.reveal();
    execFileSync("cryptsetup", ["luksFormat", "-q", "--type", "luks2", "--key-file=-", theirs], { input });
    const open = (path: string) => () =>
      execFileSync("cryptsetup", ["open", "--test-passphrase", "--key-file=-", path], { input });
    const [low, high] = [await medianOf(ROUNDS, open(ours)), await medianOf(3, open(theirs))];
    return [
      {
        what: "a volume's slot opened by cryptsetup",
        figure: `${low.toFixed(1)} ms`,
        peer: `cryptsetup's defaults ${high.toFixed(0)} ms`,
        ratio: `${(low / high).toFixed(3)} ×`,
        goal: "≤ 0.05 ×",
        met: low / high <= 0.05,
        conditions: `LUKS2, PBKDF2 with 1,000 rounds for a random key, Argon2id as cryptsetup chooses it; medians of ${ROUNDS} and 3`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type BenchRig = Awaited<ReturnType<typeof setUp>>;

/** @param format - Absent: a slot as ours are. */
async function grantVolume(
  { admin, root }: BenchRig,
  one: string,
  format = (device: string, key: Secret) => createLuks().format(device, key),
): Promise<string> {
  const device = join(root, `${one}.img`);
  writeFileSync(device, "");
  truncateSync(device, SIZE);
  using key = Secret.take(systemRandom(32));
  await format(device, key);
  const body = { value: Buffer.from(key.reveal()).toString("base64") };
  await admin.call("key.put", { path: { name: `disk/${one}` }, body });
  const delivery = { kind: "unlock", type: "luks", name: one, device, start: [], atLoss: "close" };
  await admin.call("grant.add", {
    body: { key: `disk/${one}`, query: "role:db", delivery: { ...delivery, conditions: {} } as never },
  });
  return device;
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `data-${i}`);

/** @returns How long it took, from the call on. */
const askedAt = (rig: BenchRig) => (one: string) =>
  timed(async () => {
    if ((await askSocket(rig.socketOf(one))) !== 32) throw new Error("no key came");
  });

/** The first opening of all, where every key is tried before it goes out. */
async function besideSlow(): Promise<Row[]> {
  return await inRig(async (rig) => {
    const names = namesOf(VOLUMES);
    const [slow = "", ...others] = names;
    const device = await grantVolume(rig, slow, async (path, key) => {
      const words = ["luksFormat", "-q", "--type", "luks2", "--key-file=-", path];
      execFileSync("cryptsetup", words, { input: key.reveal() });
    });
    for (const one of others) await grantVolume(rig, one);
    rig.start(names);
    await rig.settled("the agent is there", (row) => row !== undefined);
    await quiet();
    const ask = askedAt(rig);
    let rest = 0;
    const all = await timed(() =>
      Promise.all([
        ask(slow),
        timed(() => Promise.all(others.map(ask))).then((ms) => {
          rest = ms;
        }),
      ]),
    );
    const proved = async () =>
      (await rig.admin.call("disk.list", {})).volumes.every((row) => row.proved === 1);
    while (!(await proved())) await quiet();
    await quiet();
    const luks = createLuks();
    for (const { id } of await luks.tokens(device)) await luks.unmark(device, id);
    const alone = await ask(slow);
    return [
      {
        what: `keys of ${VOLUMES} volumes opened for the first time, one with cryptsetup's default slot`,
        figure: `${all.toFixed(0)} ms`,
        peer: `that one alone ${alone.toFixed(0)} ms`,
        ratio: `${(all / alone).toFixed(2)} ×`,
        goal: "≤ 1.3 ×",
        met: all / alone <= 1.3,
        conditions: `each key tried before it goes out; the other ${VOLUMES - 1} had theirs after ${rest.toFixed(0)} ms; once`,
      },
    ];
  });
}

async function atOnce(): Promise<Row[]> {
  return await inRig(async (rig) => {
    const { start, settled } = rig;
    const names = namesOf(VOLUMES);
    for (const one of names) await grantVolume(rig, one);
    start(names);
    await settled("the agent is there", (row) => row !== undefined);
    const ask = askedAt(rig);
    await quiet();
    await Promise.all(names.map(ask));
    await quiet();
    const alone: number[] = [];
    for (const one of names) {
      const all: number[] = [];
      for (let i = 0; i < 5; i++) {
        all.push(await ask(one));
        await quiet();
      }
      alone.push(median(all));
    }
    const [together, slowest]: [number[], number[]] = [[], []];
    for (let i = 0; i < 9; i++) {
      let each: number[] = [];
      together.push(await timed(async () => (each = await Promise.all(names.map(ask)))));
      slowest.push(Math.max(...each));
      await quiet();
    }
    const [all, during, single] = [median(together), median(slowest), Math.max(...alone)];
    const row = {
      what: `keys of ${VOLUMES} volumes, asked for at their sockets at once`,
      figure: `${all.toFixed(1)} ms`,
      goal: "≤ 1.3 ×",
      conditions:
        "each from the server, whose process is this one; as the second boot and any later one has it; medians of 9 and 5",
    };
    return [
      {
        ...row,
        peer: `the slowest one of the ${VOLUMES} meanwhile ${during.toFixed(1)} ms`,
        ratio: `${(all / during).toFixed(2)} ×`,
        met: all / during <= 1.3,
      },
      {
        ...row,
        peer: `the slowest one alone ${single.toFixed(1)} ms`,
        ratio: `${(all / single).toFixed(2)} ×`,
        met: all / single <= 1.3,
      },
    ];
  });
}

async function booting(): Promise<Row> {
  return await withServer({ nodes: NODES }, async ({ hello }) => {
    const { ca, token, nodes } = hello;
    const address = `https://localhost:${hello.port}`;
    const operator = createClient({ address, ca, token: Secret.fromText(token) });
    const value = Buffer.from(systemRandom(32)).toString("base64");
    await operator.call("key.put", { path: { name: "disk/all" }, body: { value } });
    const delivery = {
      ...{ kind: "unlock", type: "luks", name: "data", device: "/dev/disk/by-id/data" },
      ...{ start: [], atLoss: "close", conditions: {} },
    };
    await operator.call("grant.add", {
      body: { key: "disk/all", query: "*:*", delivery: delivery as never },
    });
    const refused: string[] = [];
    const ms = await timed(() =>
      Promise.all(
        nodes.map(async ({ cert, key }) => {
          await systemWait((Math.random() * 1000) as never, new AbortController().signal);
          const api = createClient({ address, ca, cert, key: Secret.fromText(key), timeoutMs: 60_000 });
          try {
            const { versions } = await api.call("agent.unlock", { body: { name: "data" } });
            if (versions[0]?.value !== value) refused.push("another value");
          } catch (error) {
            refused.push(isKeywardError(error) ? error.code : String(error));
          } finally {
            await api.close();
          }
        }),
      ),
    );
    await operator.close();
    return {
      what: `${NODES.toLocaleString("en")} nodes that boot in the same second have their volume's key`,
      figure:
        `${(ms / 1000).toFixed(1)} s, ${refused.length} refused ${[...new Set(refused)].join(" ")}`.trimEnd(),
      goal: "≤ 10 s, 0 refused",
      met: ms <= 10_000 && refused.length === 0,
      conditions:
        "a new TLS connection with a certificate each, all in one process; server in another, store on the disk",
    };
  });
}
