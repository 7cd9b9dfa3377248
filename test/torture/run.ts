/**
 * `npm run torture`: rounds of each torture, 1,000 unless `--rounds N` says otherwise; `store` or `server` as a word
 * chooses one.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tortureRounds } from "./rounds.ts";
import { openServerTorture } from "./server.ts";
import { startStoreChild, verifyStore } from "./store.ts";

type Progress = (done: { rounds: number; acknowledged: number }) => void;

/** @returns How many writes were acknowledged, all of which were found. */
const tortures: Readonly<Record<string, (rounds: number, onRound: Progress) => Promise<number>>> = {
  async store(rounds, onRound) {
    const directory = mkdtempSync(join(tmpdir(), "keyward-torture-"));
    const startChild = () => startStoreChild(directory);
    const verify = (acks: Parameters<typeof verifyStore>[1]) => verifyStore(directory, acks);
    const acknowledged = await tortureRounds({ rounds, startChild, verify, onRound });
    rmSync(directory, { recursive: true });
    return acknowledged;
  },
  /** A new store now and then: what it keeps only grows, and with it the time to read it back. */
  async server(rounds, onRound) {
    let acknowledged = 0;
    for (let before = 0; before < rounds; before += 50) {
      const torture = await openServerTorture();
      const sofar = acknowledged;
      acknowledged += await tortureRounds({
        ...torture,
        rounds: Math.min(50, rounds - before),
        onRound: (done) => onRound({ rounds: before + done.rounds, acknowledged: sofar + done.acknowledged }),
      });
      await torture.end();
    }
    return acknowledged;
  },
};

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "1000" } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("--rounds: want a whole number");

for (const name of positionals.length === 0 ? Object.keys(tortures) : positionals) {
  const torture = tortures[name];
  if (torture === undefined) throw new Error(`want ${Object.keys(tortures).join(" or ")}, not ${name}`);
  const began = performance.now();
  const acknowledged = await torture(rounds, (done) => {
    if (!process.stderr.isTTY) return;
    process.stderr.write(
      `\r${name}: ${done.rounds} of ${rounds} rounds, ${done.acknowledged} writes read back `,
    );
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(
    `${name}: ${rounds} rounds in ${seconds} s: ${acknowledged} acknowledged writes, none lost, no act torn`,
  );
}
