/**
 * Chef's formats: data bag items decrypted a second beside Chef's own figures, a repository of 100,000 items resealed,
 * Chef searches over 10,000 nodes, and as many brought into the inventory. Chef's figures were recorded with Chef 19 on one core of a 2.5 GHz Xeon; where
 * Ruby is installed, what its OpenSSL alone does here is said beside them.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { formatExactJson, formatExactJsonLines } from "../src/base/exact-json-text.ts";
import { Secret } from "../src/base/secret.ts";
import {
  type DataBagSecret,
  type DataBagVersion,
  decryptDataBagItem,
  encryptDataBagItem,
  PlainItem,
  type StoredItem,
  secretOfFile,
} from "../src/formats/databag/databag.ts";
import { chefFacts } from "../src/model/chef-facts.ts";
import { createFactIndex } from "../src/model/query/fact-index.ts";
import { parseQuery } from "../src/model/query/query.ts";
import { createProgram } from "../test/server/program.ts";
import { nodeOf, serveNodes } from "./chef-nodes.ts";
import type { Row } from "./row.ts";

const root = join(import.meta.dirname, "..");
const ITEMS = 100_000;
const NODES = 10_000;
/** As of `openssl rand -base64 2048`. */
const secretText = "k".repeat(2732);

/** Items a second that Chef decrypts: one value of 32 characters. */
const chef: Readonly<Record<DataBagVersion, number>> = { 0: 266, 1: 40_000, 2: 12_900, 3: 17_100 };
const goals: Readonly<Record<DataBagVersion, number>> = { 0: 100, 1: 3, 2: 3, 3: 5 };

export async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "keyward-bench-chef-"));
  try {
    return [...(await decrypting(folder)), resealing(folder), ...searching(), ...(await syncing(folder))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function decrypting(folder: string): Promise<Row[]> {
  using content = Secret.fromText(secretText);
  using secret = secretOfFile(content);
  writeFileSync(join(folder, "secret"), secretText, { mode: 0o600 });
  const versions = [3, 2, 1, 0] as const;
  const items = versions.map((version) => encryptDataBagItem(small, secret, { version }));
  const ruby = rubyFigures(join(folder, "secret"), items.slice(0, 3));
  const rows: Row[] = [];
  for (const [i, version] of versions.entries()) {
    const rate = await perSecond(items[i] ?? new Map(), secret);
    const ratio = rate / chef[version];
    const beside = ruby[i];
    rows.push({
      what: `data bag items decrypted, version ${version}`,
      figure: `${rate.toFixed(0)}/s`,
      peer: `Chef ${chef[version]}/s`,
      ratio: `${ratio.toFixed(1)} ×`,
      goal: `${goals[version]} × Chef`,
      met: ratio >= goals[version],
      conditions: `one value of 32 characters, best of 5, CPU time; Chef's figure recorded elsewhere${beside === undefined ? "" : `; Ruby's OpenSSL alone here ${beside}/s`}`,
    });
  }
  return rows;
}

const small = PlainItem.parse('{"id":"small","value":"abcdefghijklmnopqrstuvwxyz012345"}');

/** By this process's own CPU time, as Chef's figures were taken. */
async function perSecond(item: StoredItem, secret: DataBagSecret): Promise<number> {
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    let [count, spent] = [0, 0];
    while (spent < 400_000) {
      for (let i = 0; i < 200; i++) await decryptDataBagItem(item, secret);
      count += 200;
      const { user, system } = process.cpuUsage(start);
      spent = user + system;
    }
    best = Math.max(best, (count / spent) * 1_000_000);
  }
  return best;
}

function rubyFigures(secretFile: string, items: readonly StoredItem[]): number[] {
  const input = items.map((item) => formatExactJson(item.get("value") ?? null)).join("\n");
  const { status, stdout } = spawnSync("ruby", [join(root, "bench/chef.rb"), secretFile], {
    input: `${input}\n`,
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim().split("\n").map(Number) : [];
}

function resealing(folder: string): Row {
  using content = Secret.fromText(secretText);
  using secret = secretOfFile(content);
  const bag = join(folder, "data_bags/many");
  mkdirSync(bag, { recursive: true });
  for (let i = 0; i < ITEMS; i++) {
    const plain = PlainItem.parse(
      `{"id":"i${i}","destination":"tags:web AND chef_environment:e","key":"k${i}"}`,
    );
    writeFileSync(join(bag, `i${i}.json`), formatExactJsonLines(encryptDataBagItem(plain, secret)));
  }
  writeFileSync(join(folder, "next"), "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=\n", { mode: 0o600 });
  const words = ["data-bag", "reseal", "--all", "--secret-file", "secret", "--new-secret-file", "next"];
  const start = performance.now();
  const { status, stdout } = spawnSync(join(root, "bin/keyward"), [...words, "-o", "json"], {
    cwd: folder,
    encoding: "utf8",
  });
  const seconds = (performance.now() - start) / 1000;
  const { resealed, remaining } = JSON.parse(stdout) as { resealed: number; remaining: number };
  const whole = status === 0 && resealed === ITEMS && remaining === 0;
  return {
    what: `reseal of ${ITEMS.toLocaleString("en")} items`,
    figure: `${seconds.toFixed(1)} s`,
    goal: "≤ 60 s",
    met: whole && seconds <= 60,
    conditions: "files of two values, each synced and replaced in one step, all read again afterwards",
  };
}

function searching(): Row[] {
  const index = createFactIndex<string>();
  for (let i = 0; i < NODES; i++) index.put(chefFacts(nodeOf(i)));
  const queries = queriesOf();
  const parsed = queries.map((text) => parseQuery(text, { mode: "portable" }));
  const start = performance.now();
  let found = 0;
  for (const query of parsed) found += index.select(query).length;
  const seconds = (performance.now() - start) / 1000;
  return [
    {
      what: `search, ${NODES.toLocaleString("en")} nodes × ${queries.length} queries`,
      figure: `${(seconds * 1000).toFixed(0)} ms`,
      goal: "≤ 1 s",
      met: queries.length === 100 && found > 0 && seconds <= 1,
      conditions: `${found.toLocaleString("en")} answers; nodes of 40 facts; words, wildcards, ranges, AND, OR, NOT`,
    },
  ];
}

/** Of a server that answers at once; what a real one needs for ten pages of a thousand nodes is its own. */
async function syncing(folder: string): Promise<Row[]> {
  const chef = await serveNodes(NODES);
  const program = createProgram();
  try {
    await program.init();
    writeFileSync(join(folder, "chef.pem"), chef.key, { mode: 0o600 });
    const words = ["inventory", "sync", "chef", "--chef-server", chef.url, "--chef-user", "bench"];
    const rows: Row[] = [];
    for (const [round, goal] of [
      ["first", 30],
      ["unchanged", 15],
    ] as const) {
      const start = performance.now();
      const stdout = await keyward(
        [...words, "--chef-key", join(folder, "chef.pem"), "-o", "json"],
        program.data,
      );
      const seconds = (performance.now() - start) / 1000;
      const { nodes, unchanged } = JSON.parse(stdout) as { nodes: number; unchanged: number };
      const whole = nodes === NODES && unchanged === (round === "first" ? 0 : NODES);
      rows.push({
        what: `inventory of ${NODES.toLocaleString("en")} nodes, ${round} round`,
        figure: `${seconds.toFixed(1)} s`,
        goal: `≤ ${goal} s`,
        met: whole && seconds <= goal,
        conditions:
          "nodes of 40 facts, pages of 1,000 from a server that answers at once; local store, synced",
      });
    }
    return rows;
  } finally {
    program.remove();
    await chef.stop();
  }
}

/** @returns Standard output. It must end well. */
async function keyward(words: readonly string[], data: string): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: data, KEYWARD_DATA: data };
  const options = { env, maxBuffer: 100_000_000, encoding: "utf8" } as const;
  return (await promisify(execFile)(join(root, "bin/keyward"), words, options)).stdout;
}

/** A hundred that a site writes in recipes and at the prompt. */
function queriesOf(): string[] {
  const queries: string[] = [];
  for (let i = 0; i < 20; i++) {
    queries.push(`roles:${["web", "api", "db", "cache", "queue"][i % 5]} AND chef_environment:prod`);
    queries.push(`tags:t${i} AND NOT tags:rack${i}`);
    queries.push(`name:node-${i}* OR name:node-9${i}.example.com`);
    queries.push(`platform:ubuntu AND dc:dc${i % 4} AND app_owner:team${i}`);
    queries.push(`kernel_release:5.${i}.*`);
  }
  return queries;
}
