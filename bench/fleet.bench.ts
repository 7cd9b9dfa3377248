/**
 * Who gets what, by the numbers of a big fleet: 10,000 nodes of which each grant selects some, 200 grants, and
 * 100,000 keys of which most are granted to nobody.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createJournal } from "../src/audit/journal.ts";
import { utf8 } from "../src/base/bytes.ts";
import { canonicalJson } from "../src/base/json.ts";
import { Secret } from "../src/base/secret.ts";
import { systemClock, type UnixMs } from "../src/base/time.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { createFleet, type Fleet } from "../src/fleet/fleet.ts";
import { createKeyring } from "../src/keyring/keyring.ts";
import type { Grant, GrantId, InstallPath } from "../src/model/grant.ts";
import type { Key, VersionNumber } from "../src/model/key.ts";
import type { KeyName, NodeName } from "../src/model/name.ts";
import { type Node, noAttributes } from "../src/model/node.ts";
import type { Principal } from "../src/model/principal.ts";
import { grants, keys, nodes } from "../src/records/records.ts";
import { createRootKey } from "../src/seal/root-key.ts";
import { openMemory } from "../src/store/memory.ts";
import { openSqlite } from "../src/store/sqlite/sqlite.ts";
import type { Store, Write } from "../src/store/store.ts";
import { createTransact } from "../src/store/transaction.ts";
import type { Row } from "./row.ts";

const NODES = 10_000;
const GRANTS = 200;
const KEYS = 100_000;
const WATCHING = 1000;

const me: { by: Principal } = { by: { kind: "local", name: "bench" } };
const roles = Array.from({ length: 50 }, (_, i) => `role-${i}`);
const zones = ["a", "b", "c", "d"];

/** 21 attributes, some of them nested: roughly what an operator sets and an enrolment attests. */
function nodeOf(i: number): Node {
  const set = {
    role: roles[i % roles.length] ?? "",
    tags: [`t${i % 7}`, `t${i % 11}`],
    net: { zone: zones[i % zones.length] ?? "", lan: { ip: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` } },
    app: Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`option${n}`, `${(i * (n + 3)) % 17}`])),
  };
  const attested = { env: i % 3 === 0 ? "prod" : "stage", rack: `r${i % 200}`, site: { dc: `dc${i % 5}` } };
  const name = `node-${String(i).padStart(5, "0")}.example.com` as NodeName;
  return { name, state: "active", created: 0 as UnixMs, attributes: { ...noAttributes, set, attested } };
}

/** Each selects 1 node in 50 to 1 in 150: some 20,000 placements in all. */
function grantOf(i: number): Grant {
  const role = roles[i % roles.length] ?? "";
  const queries = [
    `role:${role} AND env:prod`,
    `role:${role} AND (net_zone:a OR net_zone:b)`,
    `role:${role} AND NOT tags:t3`,
    `rack:r${i} AND site_dc:dc*`,
  ];
  const delivery = {
    kind: "file",
    path: `/run/keys/${i}` as InstallPath,
    mode: 0o400,
    offline: "never",
  } as const;
  const query = queries[i % queries.length] ?? "";
  return {
    id: `g-${i}` as GrantId,
    key: keyName(i),
    query,
    delivery,
    created: 1 as UnixMs,
    by: "local:bench",
  };
}

function keyName(i: number): KeyName {
  return `team-${i % 100}/service/${i}/password` as KeyName;
}

function keyRow(i: number): Key & { dataKey: string } {
  const created = 0 as UnixMs;
  const version = {
    number: 1 as VersionNumber,
    state: { kind: "primary" },
    created,
    by: "local:bench",
    size: 32,
  } as const;
  return {
    name: keyName(i),
    origin: { kind: "stored" },
    created,
    retire: 0 as never,
    versions: [version],
    dataKey: "x".repeat(120),
  };
}

async function write(store: Store, records: Iterable<[string, unknown]>): Promise<void> {
  let batch: Write[] = [];
  const flush = async () => {
    await store.commit({ compare: [], write: batch });
    batch = [];
  };
  for (const [key, row] of records) {
    batch.push({ kind: "put", key, value: utf8(canonicalJson(row)) });
    if (batch.length === 5000) await flush();
  }
  await flush();
}

function* rowsOf(count: number, make: (i: number) => [string, unknown]): Generator<[string, unknown]> {
  for (let i = 0; i < count; i++) yield make(i);
}

async function open(store: Store) {
  const transact = createTransact(store);
  const journal = createJournal({
    transact,
    store,
    clock: systemClock,
    signer: { sign: () => null, publicKey: new Uint8Array(32) },
    signEvery: 3_600_000,
  });
  const rootKey = createRootKey({ transact, clock: systemClock, random: systemRandom });
  using content = Secret.copy(systemRandom(64));
  await rootKey.initialise([{ kind: "file", content }]);
  const needs = { journal, rootKey, clock: systemClock, random: systemRandom };
  const keyring = createKeyring(needs);
  const { openVersion } = keyring;
  const makeFleet = (): Promise<Fleet> => createFleet({ ...needs, store, transact, openVersion });
  return { keyring, makeFleet, journal };
}

/** So that the heap's size says what is kept. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

function ms(since: number): number {
  return performance.now() - since;
}

function quantile(all: readonly number[], part: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

async function benchPlan(): Promise<Row> {
  const store = openMemory();
  const { makeFleet } = await open(store);
  await write(
    store,
    rowsOf(GRANTS, (i) => [keys.keyOf(keyName(i)), keyRow(i)]),
  );
  await write(
    store,
    rowsOf(GRANTS, (i) => [grants.keyOf(`g-${i}`), grantOf(i)]),
  );
  await write(
    store,
    rowsOf(NODES, (i) => [nodes.keyOf(nodeOf(i).name), nodeOf(i)]),
  );
  const times: { loaded: number; all: number; lines: number }[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const fleet = await makeFleet();
    const loaded = ms(start);
    const { lines } = await fleet.plan(me);
    times.push({ loaded, all: ms(start), lines: lines.length });
    fleet.close();
  }
  const { loaded = 0, all = 0, lines = 0 } = times.sort((a, b) => a.all - b.all)[1] ?? {};
  return {
    what: `plan for ${NODES} nodes × ${GRANTS} grants from scratch`,
    figure: `${(all / 1000).toFixed(2)} s`,
    goal: "2 s",
    met: all <= 2000,
    conditions: `the median of 3; records in memory, read and matched in ${loaded.toFixed(0)} ms; ${lines} lines, each with its reason`,
  };
}

async function benchAttribute(store: Store, where: string): Promise<Row> {
  const { makeFleet } = await open(store);
  await write(
    store,
    rowsOf(GRANTS, (i) => [keys.keyOf(keyName(i)), keyRow(i)]),
  );
  await write(
    store,
    rowsOf(GRANTS, (i) => [grants.keyOf(`g-${i}`), grantOf(i)]),
  );
  await write(
    store,
    rowsOf(NODES, (i) => [nodes.keyOf(nodeOf(i).name), nodeOf(i)]),
  );
  const fleet = await makeFleet();
  const times: number[] = [];
  for (let i = 0; i < 300; i++) {
    const { name } = nodeOf(i * 31);
    const start = performance.now();
    await fleet.nodes.set(me, name, { role: roles[(i + 7) % roles.length] ?? "" });
    if (i >= 50) times.push(ms(start));
  }
  fleet.close();
  const p99 = quantile(times, 0.99);
  return {
    what: `${NODES} nodes, one attribute changed → new recipients known`,
    figure: `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
    goal: "20 ms",
    met: p99 <= 20,
    conditions: `${where}; from the call to the answer that names them, permission, event and commit included; ${GRANTS} grants`,
  };
}

async function benchBundles(store: Store, where: string): Promise<Row> {
  const { keyring, makeFleet } = await open(store);
  const key = keyName(0);
  using value = Secret.fromText("a password of 32 characters or so");
  await keyring.put(me, key, value);
  await write(
    store,
    rowsOf(WATCHING, (i) => [nodes.keyOf(nodeOf(i).name), nodeOf(i)]),
  );
  const fleet = await makeFleet();
  const delivery = { kind: "file", path: "/run/key", mode: 0o400, offline: "never" } as const;
  await fleet.grants.add(me, { key, query: "*:*", delivery });
  const cpu: number[] = [];
  for (let round = 0; round < 8; round++) {
    let waiting = WATCHING;
    const start = process.cpuUsage();
    const done = new Promise<void>((resolve) => {
      for (let i = 0; i < WATCHING; i++) {
        const { name } = nodeOf(i);
        const end = fleet.changed(name, async () => {
          end();
          await fleet.bundleFor({ by: { kind: "node", name } }, [{ key, version: round }]);
          if (--waiting === 0) resolve();
        });
      }
    });
    using next = Secret.fromText(`the password of round ${round}, as long`);
    await keyring.put(me, key, next);
    await done;
    const used = process.cpuUsage(start);
    if (round >= 2) cpu.push((used.user + used.system) / WATCHING);
  }
  fleet.close();
  const median = quantile(cpu, 0.5);
  return {
    what: `one key changed → ${WATCHING} bundles made`,
    figure: `${median.toFixed(0)} µs CPU each`,
    goal: "150 µs",
    met: median <= 150,
    conditions: `${where}; the value opened, its event and delivery record committed, all told; without TLS`,
  };
}

async function benchLoad(): Promise<Row> {
  const store = openMemory();
  const { makeFleet } = await open(store);
  await write(
    store,
    rowsOf(KEYS, (i) => [keys.keyOf(keyName(i)), keyRow(i)]),
  );
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const start = performance.now();
  const fleet = await makeFleet();
  const took = ms(start);
  collectGarbage();
  const grown = (process.memoryUsage().heapUsed - before) / 1_048_576;
  const { keys: count } = fleet.status();
  fleet.close();
  return {
    what: `what is known of ${count} keys, read at the start`,
    figure: `${(took / 1000).toFixed(2)} s, ${grown.toFixed(0)} MB more heap`,
    goal: "5 s, 400 MB",
    met: took <= 5000 && grown <= 400,
    conditions: "records in memory; the fleet's part of a cold start",
  };
}

async function withSqlite(bench: (store: Store, where: string) => Promise<Row>): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), "keyward-bench-"));
  const store = await openSqlite({ directory: join(directory, "store") });
  try {
    return await bench(store, "SQLite, every commit synced");
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

export async function run(): Promise<Row[]> {
  return [
    await withSqlite(benchAttribute),
    await benchPlan(),
    await withSqlite(benchBundles),
    await benchLoad(),
  ];
}
