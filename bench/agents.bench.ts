/**
 * The main promise in figures: 1,000 agents, each with a watch of its own over TLS, in a few processes; a server
 * with its store on the disk in another. How long from an operator's request to the file, and to no file.
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "../src/api/api.ts";
import { Secret } from "../src/base/secret.ts";
import { createClient } from "../src/client/client.ts";
import type { Happened, Start } from "./agents-load.ts";
import { type Hello, withServer } from "./processes.ts";
import type { Row } from "./row.ts";

const AGENTS = Number(process.env.BENCH_AGENTS ?? 1000);
const PROCESSES = 4;
const CHANGES = 5;
const REVOCATIONS = 20;
/** Reports follow a change by two and a half seconds at most; the next change comes after them. */
const BETWEEN_MS = 3500;
const PATIENCE_MS = 120_000;

export function run(): Promise<Row[]> {
  return withServer({ nodes: AGENTS }, async ({ hello }) => {
    const keys = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "keyward-bench-"));
    const loads = Array.from({ length: PROCESSES }, () => fork(join(import.meta.dirname, "agents-load.ts")));
    try {
      return await measure(loads, hello, keys);
    } finally {
      for (const load of loads) load.kill("SIGKILL");
      rmSync(keys, { recursive: true, force: true });
    }
  });
}

async function measure(loads: readonly ChildProcess[], hello: Hello, keys: string): Promise<Row[]> {
  const { ca, token } = hello;
  const address = `https://localhost:${hello.port}`;
  const operator = createClient({ address, ca, token: Secret.fromText(token) });
  const seen = collect(loads);
  await put(operator, "0");
  const delivery = { kind: "file", path: "bench.key", mode: 0o400, offline: "never" } as const;
  await operator.call("grant.add", { body: { key: "bench/key", query: "*:*", delivery } });
  const started = now();
  for (const [i, load] of loads.entries()) {
    const nodes = hello.nodes
      .map((pair, n) => ({ ...pair, name: `node-${n}` }))
      .filter((_, n) => n % PROCESSES === i);
    load.send({ directory: keys, address, ca, nodes } satisfies Start);
  }
  await seen.wait("installed", AGENTS);
  const connected = ((now() - started) / 1000).toFixed(0);
  await sleep(BETWEEN_MS);
  const change = await changes(operator, seen, keys);
  const revoke = await revocations(operator, seen, keys);
  await operator.close();
  const where = `${AGENTS} agents in ${PROCESSES} processes, TLS 1.3, store on disk, files in memory`;
  return [
    row(
      "change → file replaced",
      change,
      1000,
      `${where}; ${CHANGES} changes; all connected in ${connected} s`,
    ),
    row("revoke → file gone", revoke, 2000, `${where}; ${REVOCATIONS} nodes, one after the other`),
  ];
}

async function changes(operator: Api, seen: Seen, keys: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 1; i <= CHANGES; i++) {
    seen.clear();
    const start = now();
    await put(operator, String(i));
    for (const { at } of await seen.wait("installed", AGENTS)) times.push(at - start);
    for (const n of [0, AGENTS >> 1, AGENTS - 1]) {
      const found = readFileSync(join(keys, `node-${n}`, "keys/bench.key"), "utf8");
      if (found !== String(i)) throw new Error(`node-${n} has ${found}, not ${i}`);
    }
    await sleep(BETWEEN_MS);
  }
  return times;
}

async function revocations(operator: Api, seen: Seen, keys: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < REVOCATIONS; i++) {
    seen.clear();
    const name = `node-${i * Math.floor(AGENTS / REVOCATIONS)}`;
    const start = now();
    await operator.call("node.revoke", { path: { name }, body: {} });
    for (const { at } of await seen.wait("withdrawn", 1)) times.push(at - start);
    if (existsSync(join(keys, name, "keys/bench.key"))) throw new Error(`${name} still has its file`);
  }
  return times;
}

interface Seen {
  clear(): void;
  /** The first of each node. */
  wait(what: string, nodes: number): Promise<Happened[]>;
}

function collect(loads: readonly ChildProcess[]): Seen {
  let all: Happened[] = [];
  for (const load of loads) load.on("message", (more: Happened[]) => void all.push(...more));
  return {
    clear() {
      all = [];
    },
    async wait(what, nodes) {
      for (const end = now() + PATIENCE_MS; now() < end; await sleep(50)) {
        const first = new Map<string, Happened>();
        for (const one of all) if (one.what === what && !first.has(one.node)) first.set(one.node, one);
        if (first.size >= nodes) return [...first.values()];
      }
      throw new Error(`${what}: not on ${nodes} nodes in ${PATIENCE_MS / 1000} s`);
    },
  };
}

async function put(operator: Api, value: string): Promise<void> {
  await operator.call("key.put", {
    path: { name: "bench/key" },
    body: { value: Buffer.from(value).toString("base64") },
  });
}

function row(what: string, times: readonly number[], goalMs: number, conditions: string): Row {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const figure = `p99 ${at(0.99).toFixed(0)} ms, p50 ${at(0.5).toFixed(0)} ms`;
  return { what, figure, goal: `p99 ${goalMs / 1000} s`, met: at(0.99) <= goalMs, conditions };
}

const now = (): number => performance.timeOrigin + performance.now();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
