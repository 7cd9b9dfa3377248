/**
 * Opening values without a daemon: one value as a whole process, from standard input to standard output, beside an
 * empty start of the same Node and beside the original program where `npm run test:peers` has built it; and values
 * opened one after the other in this process, with the box key kept.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../src/crypto/random.ts";
import {
  deriveBoxKey,
  formatPrivateKey,
  formatPublicKey,
  generateKeyPair,
} from "../src/formats/secretary/keys.ts";
import { openNacl, sealNacl } from "../src/formats/secretary/nacl.ts";
import { createOpening } from "../src/secretary/opening.ts";
import { findBuiltSecretary } from "../test/peers/go-secretary.ts";
import type { Row } from "./row.ts";

const root = join(import.meta.dirname, "..");
const ROUNDS = 31;
const OPENS = 200_000;
const VALUE = 64;

const master = generateKeyPair(systemRandom);
const config = generateKeyPair(systemRandom);
const boxKey = deriveBoxKey(config.privateKey, master.publicKey);
const seal = (): string => sealNacl(boxKey, systemRandom(24), systemRandom(VALUE));

export async function run(): Promise<Row[]> {
  return [...starts(), ...(await opens())];
}

interface Started {
  readonly program: string;
  readonly args: readonly string[];
}

function starts(): Row[] {
  const cwd = mkdtempSync(join(tmpdir(), "keyward-bench-"));
  try {
    const input = seal();
    const env = {
      CONFIG_PUBLIC_KEY: formatPublicKey(config.publicKey),
      DEPLOY_PRIVATE_KEY: formatPrivateKey(master.privateKey),
    };
    writeFileSync(join(cwd, "sealed"), input);
    const original = findBuiltSecretary();
    const empty: Started = { program: process.execPath, args: ["-e", "0"] };
    const bundle: Started = { program: join(root, "bin/keyward"), args: ["secretary", "decrypt"] };
    const exe: Started = { program: join(root, "dist/exe/keyward"), args: ["secretary", "decrypt"] };
    const own: Started = { program: join(root, "bin/keyward"), args: ["decrypt"] };
    const theirs: Started = { program: original ?? "", args: ["decrypt"] };
    const all = [empty, bundle, own, exe, theirs].filter(({ program }) => existsSync(program));
    const medians = measure(all, { cwd, env, input });
    const floor = medians.get(empty) ?? Number.NaN;
    const base = medians.get(theirs);
    const conditions = `one value of ${VALUE} B, ${ROUNDS} starts each, in turn, medians; node -e 0: ${floor.toFixed(1)} ms`;
    const row = (
      what: string,
      started: Started,
      against: number | undefined,
      name: string,
      most: number,
    ): Row[] => {
      const ms = medians.get(started);
      if (ms === undefined || against === undefined) return [];
      const figure = `${ms.toFixed(1)} ms, ${(ms / against).toFixed(2)} × ${name}`;
      return [{ what, figure, goal: `≤ ${most} × ${name}`, met: ms <= most * against, conditions }];
    };
    return [
      ...row("secretary decrypt, bundle", bundle, floor, "node -e 0", 1.5),
      ...row("keyward decrypt, bundle", own, floor, "node -e 0", 1.5),
      // 7.6 ms, as recorded in 2026 on another machine, says nothing of this one: without the original, no row.
      ...row("secretary decrypt, executable", exe, base, "the original", 3),
    ];
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

interface Conditions {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly input: string;
}

/** Milliseconds. In turn, so that whatever else the machine does falls on all of them. */
function measure(all: readonly Started[], { cwd, env, input }: Conditions): Map<Started, number> {
  const times = new Map(all.map((started) => [started, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const started of all) {
      const start = process.hrtime.bigint();
      const options = {
        cwd,
        env: { PATH: process.env.PATH ?? "", ...env },
        input,
      };
      const { status, stdout, stderr } = spawnSync(started.program, started.args, options);
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      if (status !== 0 || (started.args[0] !== "-e" && stdout.byteLength !== VALUE))
        throw new Error(`${started.program} ${started.args.join(" ")} ended with ${status}: ${stderr}`);
      times.get(started)?.push(ms);
    }
  return new Map(
    [...times].map(([started, list]) => [started, list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0]),
  );
}

async function opens(): Promise<Row[]> {
  const envelopes = Array.from({ length: 1000 }, seal);
  const one = (i: number): string => envelopes[i % envelopes.length] ?? "";
  const opening = createOpening({ masters: [master.privateKey], configs: [config.publicKey] });
  const through = await perSecond(async (i) =>
    (await opening.open(one(i), { variable: "", what: "x" })).value.wipe(),
  );
  const bare = await perSecond((i) => openNacl(boxKey, one(i), "x").wipe());
  const conditions = `${OPENS} envelopes of ${VALUE} B, one process, box key kept`;
  return [
    ["envelopes opened in process", bare],
    ["envelopes opened by Opening, several keys possible", through],
  ].map(([what, figure]) => ({
    what: String(what),
    figure: `${Math.round(Number(figure)).toLocaleString("en")}/s`,
    goal: "≥ 100,000/s",
    met: Number(figure) >= 100_000,
    conditions,
  }));
}

async function perSecond(work: (i: number) => void | Promise<void>): Promise<number> {
  for (let i = 0; i < 5000; i++) await work(i);
  const start = process.cpuUsage();
  for (let i = 0; i < OPENS; i++) {
    const waiting = work(i);
    if (waiting !== undefined) await waiting;
  }
  const { user, system } = process.cpuUsage(start);
  return OPENS / ((user + system) / 1e6);
}
