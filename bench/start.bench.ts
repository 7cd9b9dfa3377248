/** What a start costs: `keyward version` as a whole process, beside an empty start of the same Node. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "./row.ts";

const root = join(import.meta.dirname, "..");
const ROUNDS = 31;

interface Started {
  readonly what: string;
  readonly program: string;
  readonly args: readonly string[];
}

export async function run(): Promise<Row[]> {
  const empty: Started = { what: "node -e 0", program: process.execPath, args: ["-e", "0"] };
  const bundle: Started = { what: "bundle", program: join(root, "bin/keyward"), args: ["version"] };
  const exe: Started = { what: "executable", program: join(root, "dist/exe/keyward"), args: ["version"] };
  const all = [empty, bundle, exe].filter(({ program }) => existsSync(program));
  const medians = measure(all);
  const floor = medians.get(empty) ?? Number.NaN;
  const conditions = `${ROUNDS} starts each, in turn, medians; node -e 0: ${floor.toFixed(1)} ms`;
  const row = (started: Started, goal: string, isMet: (ms: number) => boolean): Row[] => {
    const ms = medians.get(started);
    if (ms === undefined) return [];
    const figure = `${ms.toFixed(1)} ms, ${(ms / floor).toFixed(2)} × node -e 0`;
    return [{ what: `keyward version, ${started.what}`, figure, goal, met: isMet(ms), conditions }];
  };
  return [
    ...row(bundle, "≤ 1.3 × node -e 0", (ms) => ms <= 1.3 * floor),
    ...row(exe, "≤ 15 ms, or ≤ 0.45 × node -e 0", (ms) => ms <= 15 || ms <= 0.45 * floor),
  ];
}

/** Milliseconds. In turn, so that whatever else the machine does falls on all of them. */
function measure(all: readonly Started[]): Map<Started, number> {
  const times = new Map(all.map((started) => [started, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const started of all) times.get(started)?.push(once(started));
  return new Map([...times].map(([started, list]) => [started, median(list)]));
}

function once({ program, args }: Started): number {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const start = process.hrtime.bigint();
  const { status } = spawnSync(program, args, { env, stdio: "ignore" });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
  return ms;
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
}
