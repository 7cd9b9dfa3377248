/**
 * Keys pushed by SSH: a thousand logins at one real sshd on loopback, each with a directory of its own, beside a loop
 * of `scp` in the same run. `keyward push` on the store itself, so that nothing but the push is in the process whose CPU
 * time and memory are read, its start among it; sshd's logins share the cores with it.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { createProgram, type Program } from "../test/server/program.ts";
import { type Sshd, startSshd } from "../test/ssh/sshd.ts";
import type { Row } from "./row.ts";

const NODES = 1000;
/** A loop of a thousand takes minutes; its rate is the same. */
const COPIES = 60;
const SIZE = 4096;

export async function run(): Promise<Row[]> {
  const program = createProgram();
  let sshd: Sshd | null = null;
  try {
    sshd = await startSshd();
    const root = join(program.directory, "machines");
    for (let i = 0; i < NODES; i++) mkdirSync(join(root, `node-${i}`), { recursive: true, mode: 0o700 });
    await prepare(program, sshd, root);
    const first = await copyEach(sshd, root);
    const logins = [loginMs(sshd)];
    const at64 = await push(program, 64);
    logins.push(loginMs(sshd));
    const inodes = inodesOf(root);
    const anew = await push(program, 64);
    logins.push(loginMs(sshd));
    const { unchanged, serverRss } = await pushKept(program);
    const written = inodesOf(root).filter((ino, i) => ino !== inodes[i]).length;
    await putKey(program, 2);
    const at256 = await push(program, 256);
    const second = await copyEach(sshd, root);
    const [start = 0, middle = 0, end = 0] = logins;
    const sshdMs = [middle - start, end - middle].map((ms) => ms / NODES);
    return rowsOf({ at64, at256, anew, unchanged, serverRss, sshdMs, written, copyMs: (first + second) / 2 });
  } finally {
    await sshd?.stop();
    program.remove();
  }
}

/** A store with the nodes in it; no server runs afterwards, which would push by itself. */
async function prepare(program: Program, sshd: Sshd, root: string): Promise<void> {
  await program.init();
  const server = program.startServer();
  const admin = program.operator(await server.serving);
  const { push: line } = await admin.call("ssh.keys", {});
  appendFileSync(join(sshd.folder, "authorized_keys"), `${line}\n`);
  const host = { address: "127.0.0.1", port: sshd.port, user: sshd.user, hostKeys: [sshd.hostKey] };
  const names = Array.from({ length: NODES }, (_, i) => `node-${i}`).values();
  const worker = async (): Promise<void> => {
    for (const name of names) {
      await admin.call("node.add", { body: { name, attributes: { role: "bench" } } });
      const push = { ...host, directory: join(root, name) };
      await admin.call("node.push", { path: { name }, body: { push } });
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  await admin.close();
  await server.stop();
  await putKey(program, 1);
  const granted = await program.run(["grant", "add", "bench/push", "--to", "role:bench", "--path", "pw"]);
  if (granted.status !== 0) throw new Error(granted.stderr);
}

async function putKey(program: Program, version: number): Promise<void> {
  const put = await program.run(["key", "put", "bench/push"], String(version).padEnd(SIZE, "x"));
  if (put.status !== 0) throw new Error(put.stderr);
}

/** The CPU time that sshd's logins took so far, those that have ended. */
function loginMs({ folder }: Sshd): number {
  const pid = readFileSync(join(folder, "pid"), "utf8").trim();
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** By a server, which keeps the connections of one round for the next: nobody logs in in the second. */
async function pushKept(program: Program): Promise<{ unchanged: PushUse; serverRss: number }> {
  const server = program.startServer();
  await server.serving;
  try {
    await push(program, 64);
    const unchanged = await push(program, 64);
    const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
    return { unchanged, serverRss: Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024 };
  } finally {
    await server.stop();
  }
}

interface PushUse {
  readonly ms: number;
  readonly cpuMs: number;
  /** The most that it took, bytes. */
  readonly rss: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** A process of its own, looked at while it runs (proc(5)): a tick of 20 ms at its end is not seen. */
async function push({ directory, data }: Program, concurrency: number): Promise<PushUse> {
  const start = performance.now();
  const child = spawn(
    join(directory, "program/bin/keyward"),
    ["push", "--concurrency", String(concurrency), "-o", "json"],
    {
      env: { PATH: process.env.PATH ?? "", HOME: directory, KEYWARD_DATA: data },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let [cpuMs, rss] = [0, 0];
  const looking = setInterval(() => {
    const seen = look(child);
    if (seen !== null) [cpuMs, rss] = [seen.cpuMs, seen.rss];
  }, 20);
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  clearInterval(looking);
  const ms = performance.now() - start;
  const { done, failed } = JSON.parse(text) as { done: { outcome: string }[]; failed: { code: string }[] };
  const outcomes: Record<string, number> = {};
  for (const what of [...done.map(({ outcome }) => outcome), ...failed.map(({ code }) => code)])
    outcomes[what] = (outcomes[what] ?? 0) + 1;
  return { ms, cpuMs, rss, outcomes };
}

/** Its user and system time, in hundredths of a second, and the most memory that was resident; `null` once it is gone. */
function look({ pid }: ChildProcess): { cpuMs: number; rss: number } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const most = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return most === undefined
      ? null
      : { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, rss: Number(most) * 1024 };
  } catch {
    return null;
  }
}

interface Measured {
  readonly at64: PushUse;
  readonly at256: PushUse;
  /** Nothing changed, with a login for each. */
  readonly anew: PushUse;
  /** Nothing changed, over connections that were kept. */
  readonly unchanged: PushUse;
  /** Of the server that keeps them, bytes. */
  readonly serverRss: number;
  /** CPU time of sshd for a node, in the first round and where nothing changed. */
  readonly sshdMs: readonly number[];
  /** Files that the unchanged round wrote. */
  readonly written: number;
  /** Of one `scp`. */
  readonly copyMs: number;
}

function rowsOf(measured: Measured): Row[] {
  const { at64, at256, anew, unchanged, serverRss, sshdMs, written, copyMs } = measured;
  const conditions = `${NODES} logins at one sshd on loopback, a key of ${SIZE} bytes, store on disk`;
  const peer = `scp ${2 * COPIES} times, one after the other, half before and half after, its rate taken for ${NODES}`;
  const rate = ({ ms }: PushUse): string => `${((NODES / ms) * 1000).toFixed(0)} nodes/s`;
  const whole = (use: PushUse, outcome: string): boolean => use.outcomes[outcome] === NODES;
  const beside = (use: PushUse, at: number): Row => {
    const ratio = (copyMs * NODES) / use.ms;
    return {
      what: `push, ${at} at once`,
      figure: `${rate(use)}${said(use, "delivered")}`,
      peer: `scp, ${(1000 / copyMs).toFixed(1)} nodes/s`,
      ratio: `${ratio.toFixed(1)} ×`,
      goal: "8 × scp",
      met: ratio >= 8 && whole(use, "delivered"),
      conditions: `${conditions}; ${peer}`,
    };
  };
  const cpu = Math.max(at64.cpuMs, at256.cpuMs) / NODES;
  const faster = at64.ms / unchanged.ms;
  const [sshdFirst = 0, sshdAnew = 0] = sshdMs;
  return [
    beside(at64, 64),
    beside(at256, 256),
    {
      what: "push, CPU of ours",
      figure: `${cpu.toFixed(1)} ms a node`,
      goal: "≤ 8 ms",
      met: cpu <= 8,
      conditions: `${conditions}; the pushing process alone, its start among it, the worse of 64 and 256 at once`,
    },
    {
      what: "push, memory at 256 at once",
      figure: `${(at256.rss / 1e6).toFixed(0)} MB`,
      goal: "< 150 MB",
      met: at256.rss < 150e6,
      conditions: `${conditions}; resident, the most seen`,
    },
    {
      what: "push, nothing changed",
      figure: `${rate(unchanged)}, ${written} files written${said(unchanged, "unchanged")}`,
      peer: `first round, ${rate(at64)}`,
      ratio: `${faster.toFixed(1)} ×`,
      goal: "2 ×, no file",
      met: faster >= 2 && written === 0 && whole(unchanged, "unchanged"),
      conditions: `${conditions}; 64 at once, by a server that kept the connections of the round before, ${(serverRss / 1e6).toFixed(0)} MB resident with all of them open`,
    },
    {
      what: "push, nothing changed, a login each",
      figure: `${rate(anew)}${said(anew, "unchanged")}`,
      peer: `first round, ${rate(at64)}`,
      ratio: `${(at64.ms / anew.ms).toFixed(1)} ×`,
      goal: "none: bound by sshd",
      met: whole(anew, "unchanged"),
      conditions: `${conditions}; 64 at once, no server; CPU of sshd and ours a node: first ${sshdFirst.toFixed(1)} + ${(at64.cpuMs / NODES).toFixed(1)} ms, unchanged ${sshdAnew.toFixed(1)} + ${(anew.cpuMs / NODES).toFixed(1)} ms`,
    },
  ];
}

/** Only where not all went as they should. */
function said({ outcomes }: PushUse, expected: string): string {
  return outcomes[expected] === NODES ? "" : ` (${JSON.stringify(outcomes)})`;
}

function inodesOf(root: string): number[] {
  return Array.from({ length: NODES }, (_, i) => statSync(join(root, `node-${i}`, "pw")).ino);
}

/** @returns Milliseconds of one. */
async function copyEach(sshd: Sshd, root: string): Promise<number> {
  const file = join(root, "copied");
  writeFileSync(file, Buffer.alloc(SIZE, 1), { mode: 0o600 });
  writeFileSync(join(root, "known_hosts"), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
  const settings = ["BatchMode=yes", `UserKnownHostsFile=${root}/known_hosts`, "IdentitiesOnly=yes"];
  const options = ["-q", "-F", "none", ...settings.flatMap((one) => ["-o", one]), "-i", sshd.keyFile];
  const start = performance.now();
  for (let i = 0; i < COPIES; i++) {
    const to = `${sshd.user}@127.0.0.1:${root}/node-${i}/copied`;
    await promisify(execFile)("scp", [...options, "-P", String(sshd.port), file, to]);
  }
  return (performance.now() - start) / COPIES;
}
