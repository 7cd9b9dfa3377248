/** Derivation: gokey's results in this process beside PBKDF2 alone, beside the Go program, and as a whole process. */
import { spawnSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { existsSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../src/base/secret.ts";
import {
  derive,
  deriveMany,
  fromPassword,
  fromSeedFile,
  type Kind,
  makeSeed,
} from "../src/derive/gokey/gokey.ts";
import type { Row } from "./row.ts";

const root = join(import.meta.dirname, "..");
const PASSWORD = "bench";
const password = Secret.fromText(PASSWORD);
const REALMS = 20;
const realms = Array.from({ length: REALMS }, (_, i) => `bench-${i}`);
const goProgram = "gokey";
const found = spawnSync(goProgram, ["-h"]).error === undefined;

export async function run(): Promise<Row[]> {
  return [
    ...(await perDerivation()),
    await manyRealms(),
    await rsa("rsa2048"),
    await rsa("rsa4096"),
    ...(await wholeProcess()),
  ];
}

async function perDerivation(): Promise<Row[]> {
  const rounds = 200;
  const salt = Buffer.from("bench-pass");
  const times = await inTurn(rounds, {
    pbkdf2: () => void pbkdf2Sync(PASSWORD, salt, 4096, 32, "sha256"),
    pass: (i) => one("pass", i),
    raw: (i) => one("raw", i),
    ed25519: (i) => one("ed25519", i),
  });
  const floor = times.pbkdf2 ?? Number.NaN;
  return (["pass", "raw", "ed25519"] as const).map((kind) => {
    const ms = times[kind] ?? Number.NaN;
    return {
      what: `gokey ${kind}, in process`,
      figure: `${ms.toFixed(2)} ms`,
      peer: `PBKDF2 of 4096 rounds: ${floor.toFixed(2)} ms`,
      ratio: (ms / floor).toFixed(2),
      goal: "≤ 1.2 × the PBKDF2",
      met: ms <= 1.2 * floor,
      conditions: `no seed; ${rounds} of each, in turn, first quartiles`,
    };
  });
}

async function one(kind: Kind, i: number): Promise<void> {
  (await derive(fromPassword(password), { realm: `bench-${i}`, kind }, { allowUnsafe: true })).wipe();
}

async function manyRealms(): Promise<Row> {
  const rounds = 60;
  const seed = makeSeed(password, new Uint8Array(240).fill(1));
  const requests = Array.from({ length: 100 }, (_, i) => ({ realm: `bench-${i}`, kind: "raw" }) as const);
  const opened = () => fromSeedFile(seed, password, "0.2");
  const times = await inTurn(rounds, {
    one: async (i) => void (await derive(opened(), { realm: `bench-${i}`, kind: "raw" })),
    many: async () => void (await deriveMany(opened(), requests)),
  });
  const [alone, all] = [times.one ?? Number.NaN, times.many ?? Number.NaN];
  return {
    what: "gokey, 100 realms of one seed",
    figure: `${all.toFixed(2)} ms`,
    peer: `one realm: ${alone.toFixed(2)} ms`,
    ratio: (all / alone).toFixed(2),
    goal: "≤ 2 × one",
    met: all <= 2 * alone,
    conditions: `32 raw bytes each, the seed opened each time; ${rounds} of each, in turn, first quartiles`,
  };
}

/** The same realms, one after the other, in turn. */
async function rsa(kind: "rsa2048" | "rsa4096"): Promise<Row> {
  let [ours, theirs] = [0, 0];
  await derive(fromPassword(password), { realm: "warm", kind: "rsa2048" }, { allowUnsafe: true });
  for (const realm of realms) {
    const start = performance.now();
    const key = await derive(fromPassword(password), { realm, kind }, { allowUnsafe: true });
    ours += performance.now() - start;
    if (found) theirs += goTakes(realm, kind, Buffer.from(key.reveal()).toString());
  }
  const [mean, goMean] = [ours / REALMS, theirs / REALMS];
  return {
    what: `gokey ${kind}, in process`,
    figure: `${mean.toFixed(0)} ms`,
    peer: found ? `Go's gokey: ${goMean.toFixed(0)} ms` : "Go's gokey: not installed",
    ratio: found ? `${(goMean / mean).toFixed(2)} × faster` : "-",
    goal: "2.5 × faster than the Go program",
    met: found && goMean >= 2.5 * mean,
    conditions: `mean wall time of the same ${REALMS} realms, in turn; Go's with its start`,
  };
}

/** @returns Milliseconds. @throws Error when it gives another key. */
function goTakes(realm: string, kind: Kind, expected: string): number {
  const start = performance.now();
  const { stdout } = spawnSync(goProgram, ["-p", PASSWORD, "-r", realm, "-t", kind, "-u"]);
  const ms = performance.now() - start;
  if (stdout.toString() !== expected) throw new Error(`${kind} of ${realm}: two keys`);
  return ms;
}

async function wholeProcess(): Promise<Row[]> {
  const rounds = 41;
  const folder = await mkdtemp(join(tmpdir(), "keyward-bench-"));
  const words = ["-p", PASSWORD, "-r", "a"];
  const executable = join(root, "dist/exe/keyward");
  const link = join(folder, "gokey");
  symlinkSync(executable, link);
  try {
    const start = (program: string, args: readonly string[]) => () => started(program, args);
    const programs = {
      node: start(process.execPath, ["-e", "0"]),
      bundle: start(join(root, "bin/keyward"), ["gokey", ...words]),
      ...(existsSync(executable) ? { executable: start(link, words) } : {}),
      ...(found ? { go: start(goProgram, words) } : {}),
    };
    const times = await inTurn(rounds, programs, 0.5);
    const floor = times.node ?? Number.NaN;
    const go = times.go === undefined ? "not installed" : `${times.go.toFixed(1)} ms`;
    return (["bundle", "executable"] as const).flatMap((build) => {
      const ms = times[build];
      if (ms === undefined) return [];
      return {
        what: `gokey pass, whole process, ${build}`,
        figure: `${ms.toFixed(1)} ms`,
        peer: `node -e 0: ${floor.toFixed(1)} ms; Go's gokey: ${go}`,
        ratio: `${(ms / floor).toFixed(2)} × node -e 0`,
        goal: "≤ 1.5 × node -e 0",
        met: ms <= 1.5 * floor,
        conditions: `${rounds} starts each, in turn, medians`,
      };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function started(program: string, args: readonly string[]): void {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const { status } = spawnSync(program, args, { env, stdio: "ignore" });
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

/**
 * Milliseconds. In turn, so that whatever else the machine does falls on all of them.
 *
 * @param share - Of the times in order, the one that counts: the median, or for what takes less than a slice of
 *   the scheduler the first quartile, which others' work hardly reaches.
 */
async function inTurn(
  rounds: number,
  all: Readonly<Record<string, (round: number) => void | Promise<void>>>,
  share = 0.25,
): Promise<Record<string, number>> {
  const times = new Map(Object.keys(all).map((name) => [name, [] as number[]]));
  for (let round = -3; round < rounds; round++)
    for (const [name, work] of Object.entries(all)) {
      const start = performance.now();
      await work(round);
      if (round >= 0) times.get(name)?.push(performance.now() - start);
    }
  return Object.fromEntries([...times].map(([name, list]) => [name, nth(list, share)]));
}

function nth(list: readonly number[], share: number): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length * share)] ?? Number.NaN;
}
