/** What one server does: reads, durable writes and new connections, over real TLS, with audit, on SQLite. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Done } from "./api-load.ts";
import { type Bench, withServer } from "./processes.ts";
import type { Row } from "./row.ts";

const CONNECTIONS = 32;
const MS = 5000;
const where = "TLS 1.3, audit on, SQLite on disk, load in another process of this machine";

export function run(): Promise<Row[]> {
  return withServer({ nodes: 1 }, async (bench) => {
    await requests(bench, reads, 1500);
    return [...(await measureReads(bench)), await measureWrites(bench), await measureConnections(bench)];
  });
}

/** Request texts; the last lines are joined by the load as they are. */
const reads = (head: string): string[] =>
  Array.from({ length: 100 }, (_, i) => `GET /v1/values/bench/read/${i} HTTP/1.1\r\n${head}\r\n`);

const writes = (head: string): string[] =>
  Array.from({ length: 1000 }, (_, i) => {
    const body = JSON.stringify({ value: Buffer.alloc(200, i).toString("base64"), retire: 3_600_000 });
    const lines = `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    return `PUT /v1/values/bench/write/${i}/${process.pid} HTTP/1.1\r\n${head}${lines}\r\n${body}`;
  });

function requests({ hello, load }: Bench, make: (head: string) => string[], ms: number): Promise<Done> {
  const head = `host: localhost\r\nauthorization: Bearer ${hello.token}\r\n`;
  return load({ ...hello, kind: "requests", requests: make(head), connections: CONNECTIONS, ms });
}

async function measureReads(bench: Bench): Promise<Row[]> {
  const { count, times } = await requests(bench, reads, MS);
  const rate = count / (MS / 1000);
  const p99 = percentile(times, 0.99);
  const conditions = `${CONNECTIONS} connections, ${MS / 1000} s, 200-byte values; ${where}`;
  return [
    { what: "warm key reads", figure: `${rate.toFixed(0)}/s`, goal: "4000/s", met: rate >= 4000, conditions },
    {
      what: "warm key reads, p99",
      figure: `${p99.toFixed(1)} ms`,
      goal: "< 20 ms",
      met: p99 < 20,
      conditions: "the same",
    },
  ];
}

async function measureWrites(bench: Bench): Promise<Row> {
  const before = serialFsyncs(bench.directory);
  const { count } = await requests(bench, writes, MS);
  const serial = Math.min(before, serialFsyncs(bench.directory));
  const rate = count / (MS / 1000);
  const goal = Math.min(1500, 3 * serial);
  return {
    what: "durable writes",
    figure: `${rate.toFixed(0)}/s`,
    goal: `${goal.toFixed(0)}/s`,
    met: rate >= goal,
    conditions: `${CONNECTIONS} connections, ${MS / 1000} s, 200-byte values; serial fsync ${serial.toFixed(0)}/s; ${where}`,
  };
}

/** Appended blocks of 4 KiB, each synced before the next, a second. */
function serialFsyncs(directory: string): number {
  const file = openSync(join(directory, "fsync"), "w");
  const block = Buffer.alloc(4096, 1);
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < 1000; count++) {
    writeSync(file, block);
    fdatasyncSync(file);
  }
  closeSync(file);
  return count / ((performance.now() - start) / 1000);
}

async function measureConnections({ hello, use, load }: Bench): Promise<Row> {
  const [pair] = hello.nodes;
  if (pair === undefined) throw new Error("no node");
  await load({ ...hello, kind: "connect", pair, atOnce: 16, ms: 500 });
  const before = await use();
  const { count } = await load({ ...hello, kind: "connect", pair, atOnce: 16, ms: MS });
  const seconds = ((await use()).cpuMs - before.cpuMs) / 1000;
  const rate = count / seconds;
  return {
    what: "new agent connections",
    figure: `${rate.toFixed(0)} per CPU-second`,
    goal: "500",
    met: rate >= 500,
    conditions: `${count} full handshakes with client certificates in ${MS / 1000} s, one request each; CPU of the server`,
  };
}

function percentile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
