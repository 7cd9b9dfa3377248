/**
 * The daemon of Secretary beside the original's, in turn, on the same recordings: requests a second and the daemon's own
 * CPU time. The original is the one that `npm run test:peers` builds; where it is not there, and for Mesos, which its
 * parent project does not ask, the figures recorded in 2026 on another machine stand in its place.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/base/time.ts";
import { createDaemonClient } from "../src/client/secretary.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { findBuiltSecretary } from "../test/peers/go-secretary.ts";
import { keyBetween, load } from "../test/vectors/secretary/load.ts";
import type { Row } from "./row.ts";
import type { Done, Job, Kind } from "./secretary-load.ts";

const ROUNDS = 5;
const MS = 1000;
const CLIENTS = 8;
const root = join(import.meta.dirname, "..");
/** Requests a second of the original, 8 clients, best of nine rounds. */
const recorded: Readonly<Record<Kind, number>> = { deploy: 1660, "deploy-and-service": 1330, mesos: 594 };

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly p50: number;
}

export async function run(): Promise<Row[]> {
  const loader = fork(join(import.meta.dirname, "secretary-load.ts"), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const children: ChildProcess[] = [loader];
  const logs = mkdtempSync(join(tmpdir(), "keyward-bench-"));
  try {
    const { port: upstream } = await ask<{ port: number }>(loader);
    const ours = await startDaemon(join(root, "bin/keyward"), upstream, logs);
    children.push(ours.child);
    const built = findBuiltSecretary();
    const theirs = built === null ? null : await startDaemon(built, upstream, logs);
    if (theirs !== null) children.push(theirs.child);
    const rows: Row[] = [];
    for (const [kind, what, goal] of goals)
      rows.push(...(await compare(loader, kind, what, goal, ours, theirs)));
    rows.push(await batch(ours));
    return rows;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(logs, { recursive: true });
  }
}

const goals: readonly (readonly [Kind, string, number])[] = [
  ["deploy", "Secretary, Marathon, deploy key", 3],
  ["deploy-and-service", "Secretary, Marathon, deploy and service key", 3],
  ["mesos", "Secretary, Mesos, 101 tasks", 8],
];

async function compare(
  loader: ChildProcess,
  kind: Kind,
  what: string,
  goal: number,
  ours: Running,
  theirs: Running | null,
): Promise<Row[]> {
  const live = kind === "mesos" ? null : theirs;
  const mine: Measured[] = [];
  const others: Measured[] = [];
  await measure(loader, kind, ours, true);
  for (let round = 0; round < ROUNDS; round++) {
    mine.push(await measure(loader, kind, ours, true));
    if (live !== null) others.push(await measure(loader, kind, live, false));
  }
  const median = (list: readonly Measured[], of: (one: Measured) => number): number =>
    list.map(of).toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
  const rate = median(mine, ({ perSecond }) => perSecond);
  const cpu = median(mine, ({ cpuMs }) => cpuMs);
  const other = live === null ? recorded[kind] : median(others, ({ perSecond }) => perSecond);
  const whose = live === null ? "recorded elsewhere" : "beside it";
  const ratio = rate / other;
  const conditions = `${CLIENTS} clients, fresh envelopes, medians of ${ROUNDS} s; p50 ${median(mine, ({ p50 }) => p50).toFixed(1)} ms; load and upstream on the same cores`;
  const rows: Row[] = [
    {
      what,
      figure: `${rate.toFixed(0)}/s, the original ${other.toFixed(0)}/s: ${ratio.toFixed(1)} ×`,
      goal: `${goal} × the original`,
      met: ratio >= goal,
      conditions: `${conditions}; the original ${whose}`,
    },
  ];
  const theirCpu = live === null ? null : median(others, ({ cpuMs }) => cpuMs);
  rows.push({
    what: `${what}: CPU of the daemon`,
    figure: `${cpu.toFixed(3)} ms a request${theirCpu === null ? "" : `, the original ${theirCpu.toFixed(3)} ms`}`,
    goal: kind === "deploy" ? "≤ 0.25 ms" : "-",
    met: kind !== "deploy" || cpu <= 0.25,
    conditions,
  });
  return rows;
}

async function measure(loader: ChildProcess, kind: Kind, daemon: Running, ours: boolean): Promise<Measured> {
  const before = cpuOf(daemon);
  const job: Job = { kind, port: daemon.port, clients: CLIENTS, ms: MS, ours };
  const { count, p50 } = await ask<Done>(loader, job);
  return { perSecond: (count / MS) * 1000, cpuMs: (cpuOf(daemon) - before) / count, p50 };
}

/** Twenty envelopes as `exec` asks for them: one request, and how long the daemon takes. */
async function batch(ours: Running): Promise<Row> {
  const recording = load("daemon-exchanges").cases.find(
    ({ name }: { name: string }) => name === "marathon-deploy-key-only-stdin",
  );
  const { requestJson, requestLayers } = recording.exchanges[0];
  const url = `http://127.0.0.1:${ours.port}`;
  const keys = { deploy: keyBetween("master.private", requestLayers[0].openWith.publicKey) };
  const asker = { appId: requestJson.AppID, appVersion: requestJson.AppVersion, taskId: requestJson.TaskID };
  const client = createDaemonClient({
    url,
    keys,
    asker,
    random: systemRandom,
    clock: systemClock,
  });
  const wanted = Array.from({ length: 20 }, (_, i) => ({
    requestedSecret: requestJson.RequestedSecret,
    key: `V${i}`,
  }));
  const times: number[] = [];
  const before = cpuOf(ours);
  for (let i = 0; i < 21; i++) {
    const start = performance.now();
    const outcomes = await client.openAll(wanted);
    times.push(performance.now() - start);
    if (outcomes.some((one) => one instanceof Error)) throw new Error("refused");
  }
  const cpu = (cpuOf(ours) - before) / times.length;
  client.close();
  const ms = times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
  return {
    what: "Secretary, 20 envelopes in one request",
    figure: `${ms.toFixed(1)} ms, ${cpu.toFixed(1)} ms of CPU`,
    goal: "< 10 ms",
    met: ms < 10,
    conditions: "client and daemon on this machine, median of 21; one round trip",
  };
}

/** Its log goes to a file, as the recorded figures had it. */
async function startDaemon(program: string, upstream: number, logs: string): Promise<Running> {
  const port = await freePort();
  const at = `http://127.0.0.1:${upstream}`;
  const isOurs = program.endsWith("keyward");
  const words = ["daemon", "--ip", "127.0.0.1", "--port", String(port), "--marathon-url", at];
  const env = { PATH: process.env.PATH ?? "", ...load("daemon-exchanges").daemonEnv };
  const log = openSync(join(logs, `${port}.log`), "w");
  const child = spawn(program, isOurs ? [...words, "--mesos-leader-url", at] : words, {
    env,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  for (let i = 0; i < 400; i++) {
    if (
      await fetch(`http://127.0.0.1:${port}/v1/status`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return { child, port };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${program} does not listen`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** User and system time, milliseconds, in hundredths of a second (proc(5), `stat`). */
function cpuOf({ child }: Running): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function ask<T>(child: ChildProcess, message?: Job): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null): void => reject(new Error(`the load ended: ${status}`));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer as T);
    });
    if (message !== undefined) child.send(message);
  });
}
