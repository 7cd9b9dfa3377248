/** A cold start: the real server on a store of 100,000 keys, from its start as a process to the first key read over HTTPS. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "../src/base/bytes.ts";
import { Secret } from "../src/base/secret.ts";
import { systemClock } from "../src/base/time.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { parseKeyName } from "../src/model/name.ts";
import { readKeyFile } from "../src/seal/file.ts";
import { createLog, createParts, type Parts } from "../src/server/server.ts";
import { openSqlite } from "../src/store/sqlite/sqlite.ts";
import { createProgram, type Program } from "../test/server/program.ts";
import type { Row } from "./row.ts";

const KEYS = 100_000;
const STARTS = 3;
/** Acts at a time: what one commit takes. */
const GROUP = 256;
const GOAL_MS = 5000;
const GOAL_MB = 400;

export async function run(): Promise<Row[]> {
  const program = createProgram();
  try {
    await program.init();
    await fill(program);
    const starts: Start[] = [];
    for (let i = 0; i < STARTS; i++) starts.push(await start(program, i));
    return rowsOf(starts);
  } finally {
    program.remove();
  }
}

async function fill({ data }: Program): Promise<void> {
  const parts = await createParts({
    store: await openSqlite({ directory: data }),
    clock: systemClock,
    random: systemRandom,
    version: "0.0.0-bench",
    log: createLog({ level: "silent" }),
  });
  using content = await readKeyFile(join(data, "seal.key"));
  await parts.rootKey.unseal({ kind: "file", content });
  await parts.afterUnseal();
  for (let from = 0; from < KEYS; from += GROUP) {
    const numbers = Array.from({ length: Math.min(GROUP, KEYS - from) }, (_, i) => from + i);
    await Promise.all(numbers.map((number) => put(parts, number)));
  }
  await parts.close();
}

async function put({ keyring }: Parts, number: number): Promise<void> {
  using value = Secret.take(utf8(`the value of key number ${number}`).slice());
  await keyring.put({ by: { kind: "local", name: "bench" } }, parseKeyName(nameOf(number)), value);
}

function nameOf(number: number): string {
  return `team-${number % 100}/service-${number % 1000}/key-${number}`;
}

interface Start {
  /** Until the first key was read. */
  readonly ms: number;
  /** The most it ever had until then, MB. */
  readonly peak: number;
}

async function start(program: Program, i: number): Promise<Start> {
  const began = performance.now();
  const server = program.startServer();
  const api = program.operator(await server.serving);
  await api.call("key.get", { path: { name: nameOf((i + 1) * 31_337) } });
  const ms = performance.now() - began;
  const peak = peakOf(server.pid);
  await api.close();
  await server.stop();
  return { ms, peak };
}

/** proc(5): VmHWM, in kB of 1,024 bytes. */
function peakOf(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}

function rowsOf(starts: readonly Start[]): Row[] {
  const { ms = Number.NaN } = starts.toSorted((a, b) => a.ms - b.ms)[STARTS >> 1] ?? {};
  const peak = Math.max(...starts.map((one) => one.peak));
  const conditions = `${KEYS.toLocaleString("en")} keys and their events in SQLite, ${STARTS} starts of the built server`;
  return [
    {
      what: "cold start to the first key read",
      figure: `${(ms / 1000).toFixed(2)} s`,
      goal: `≤ ${GOAL_MS / 1000} s`,
      met: ms <= GOAL_MS,
      conditions: `${conditions}, median; files in the page cache`,
    },
    {
      what: "resident memory of that start, at most",
      figure: `${Math.round(peak)} MB`,
      goal: `≤ ${GOAL_MB} MB`,
      met: peak <= GOAL_MB,
      conditions,
    },
  ];
}
