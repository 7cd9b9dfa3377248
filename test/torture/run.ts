/** `npm run torture`: rounds of the torture of the SQLite store, 1,000 unless `--rounds N` says otherwise. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tortureRounds } from "./rounds.ts";
import { startStoreChild, verifyStore } from "./store.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "1000" } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("--rounds: want a whole number");

const directory = mkdtempSync(join(tmpdir(), "keyward-torture-"));
const began = performance.now();
const acknowledged = await tortureRounds({
  rounds,
  startChild: () => startStoreChild(directory),
  verify: (acks) => verifyStore(directory, acks),
  onRound(done) {
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r${done.rounds} of ${rounds} rounds, ${done.acknowledged} writes read back `);
  },
});
if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
const seconds = Math.round((performance.now() - began) / 1000);
console.log(`${rounds} rounds in ${seconds} s: ${acknowledged} acknowledged writes, none lost, no act torn`);
rmSync(directory, { recursive: true });
